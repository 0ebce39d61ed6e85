"""OpenAI Chat Completions: one choice of a completion, put together from events."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ext_authz.translate.events import (
    Event,
    Finish,
    Logprobs,
    Reason,
    ReasoningDelta,
    ReasoningSigned,
    RedactedReasoning,
    RefusalDelta,
    TextDelta,
    ToolArgs,
    ToolStart,
)
from ext_authz.translate.thought_ids import join_signature
from ext_authz.translate.wire import encode

REASONS: Final[dict[Reason, str]] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "paused": "stop",
    "length": "length",
    "context_full": "length",
    "tool_calls": "tool_calls",
    "filtered": "content_filter",
}
_CHOICE: Final = (
    b'{"index":%d,"message":{"role":"assistant","content":%b,"refusal":%b%b},'
    b'"logprobs":%b,"finish_reason":"%b"}'
)


class Choice(msgspec.Struct):
    """One answer: `add` its events, then have it `written`."""

    _text: list[str] = []
    _refusal: list[str] = []
    _thought: list[str] = []
    _unsigned: list[str] = []
    _blocks: list[dict[str, Any]] = []
    _calls: dict[int, tuple[ToolStart, list[str]]] = {}
    _logprobs: list[Any] = []
    _reason: Reason = "stop"

    def add(self, event: Event) -> None:
        """Take an event of this choice."""
        if type(event) is TextDelta:
            self._text.append(event.text)
        elif type(event) is Finish:
            self._reason = event.reason
        elif type(event) is ToolStart:
            self._calls[event.index] = (event, [])
        elif type(event) is ToolArgs:
            if event.index in self._calls:
                self._calls[event.index][1].append(event.text)
        else:
            self._seldom(event)

    def _seldom(self, event: Event) -> None:
        match event:
            case ReasoningDelta():
                self._thought.append(event.text)
                self._unsigned.append(event.text)
            case ReasoningSigned(signature):
                if signature:
                    self._blocks.append(thinking_block("".join(self._unsigned), signature))
                self._unsigned.clear()
            case RedactedReasoning(data):
                self._blocks.append({"type": "redacted_thinking", "data": data})
            case RefusalDelta():
                self._refusal.append(event.text)
            case Logprobs():
                self._logprobs += event.content
            case _:
                pass

    def written(self, index: int) -> bytes:
        """Write the choice."""
        content = b"null"
        if self._text or not (self._calls or self._refusal):
            content = encode("".join(self._text))
        return _CHOICE % (
            index,
            content,
            encode("".join(self._refusal)) if self._refusal else b"null",
            self._more() if self._thought or self._blocks or self._calls else b"",
            b'{"content":%b,"refusal":null}' % encode(self._logprobs)
            if self._logprobs
            else b"null",
            REASONS[self._reason].encode(),
        )

    def _more(self) -> bytes:
        """Write the members that most messages lack."""
        more: dict[str, Any] = {}
        if self._thought:
            more["reasoning_content"] = "".join(self._thought)
        if self._blocks:
            more["thinking_blocks"] = self._blocks
        if self._calls:
            more["tool_calls"] = [
                tool_call(start, "".join(pieces) or "{}") for start, pieces in self._calls.values()
            ]
        return b"," + encode(more)[1:-1]


def tool_call(start: ToolStart, arguments: str) -> dict[str, Any]:
    """A call; a thought signature stands beside it and rides on its id."""
    call: dict[str, Any] = {
        "id": join_signature(start.id, start.signature),
        "type": "function",
        "function": {"name": start.name, "arguments": arguments},
    }
    if start.signature:
        call["extra_content"] = {"google": {"thought_signature": start.signature}}
    return call


def thinking_block(thought: str, signature: str) -> dict[str, Any]:
    """A block of reasoning as its provider wants it back."""
    return {"type": "thinking", "thinking": thought, "signature": signature}
