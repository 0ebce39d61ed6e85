"""Anthropic Messages: events become the client's message, in stream events or whole.

Source: the grammar of a message's stream. `message_start`, then blocks one after another, each
`content_block_start`, deltas, `content_block_stop` with consecutive indexes, then exactly one
`message_delta` with the reason and the usage, then `message_stop`. Clients fail on anything else:
deltas of calls that a provider interleaves wait until the call before them is complete.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.clients.json_extent import JsonExtent
from ext_authz.translate.clients.messages_content import (
    content_of,
    messages_usage,
    thinking_block,
    tool_use,
)
from ext_authz.translate.clients.writer import Moment, named
from ext_authz.translate.errors import Failure, anthropic_error, anthropic_status
from ext_authz.translate.events import (
    UNUSED,
    Ended,
    Event,
    Failed,
    Finish,
    Reason,
    ReasoningDelta,
    ReasoningSigned,
    RedactedReasoning,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolStart,
    UsageSeen,
)
from ext_authz.translate.wire import encode

REASONS: Final[dict[Reason, str]] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "paused": "pause_turn",
    "length": "max_tokens",
    "context_full": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "filtered": "refusal",
}
_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_MOST_HELD: Final = 8 << 20
"""Characters of arguments that wait for an earlier call, all together."""


class MessagesWriter:
    """Writes one message."""

    def __init__(self, model: str, moment: Moment) -> None:
        self._model = model
        self._moment = moment
        self._id = ""
        self._usage = UNUSED
        self._finish = Finish("stop")
        self._begun = False
        self._done = False
        self._open = ""  # the kind of the block that is open
        self._index = -1  # of the block that was opened last
        self._delta_head = b""
        self._calls: dict[
            int, tuple[ToolStart, list[str], JsonExtent]
        ] = {}  # not closed yet, in order
        self._held = 0
        self._any_call = False

    def stream(self, event: Event) -> bytes:
        """Write the stream events that one event makes."""
        if self._done or getattr(event, "choice", 0) != 0:
            return b""
        if type(event) is TextDelta or type(event) is RefusalDelta:
            return self._piece("text", event.text)
        if type(event) is ReasoningDelta:
            return self._piece("thinking", event.text)
        if type(event) is ToolArgs:
            return self._arguments(event)
        match event:
            case Started(given, model):
                self._id, self._model = given, model or self._model
            case ReasoningSigned(signature):
                return self._signed(signature)
            case RedactedReasoning(data):
                block = {"type": "redacted_thinking", "data": data}
                return self._closed() + self._opened("redacted", block) + self._closed()
            case ToolStart():
                return self._called(event)
            case Finish():
                self._finish = event
            case UsageSeen(usage):
                self._usage = usage
            case Ended():
                self._done = True
                return self._ending()
            case Failed(failure):
                self._done = True
                return _event("error", {"error": anthropic_error(failure)})
            case _:
                pass
        return b""

    def whole(self, events: list[Event]) -> bytes:
        """Write a message in one piece."""
        content = content_of(events)
        for event in events:
            if type(event) is Started:
                self._id, self._model = event.id, event.model or self._model
            elif type(event) is UsageSeen:
                self._usage = event.usage
            elif type(event) is ToolStart:
                self._any_call = True
            elif type(event) is Finish and not event.choice:
                self._finish = event
        message = self._message(content)
        message |= {"stop_reason": self._reason(), "stop_sequence": self._finish.sequence}
        return encode(message)

    def error(self, failure: Failure) -> tuple[int, bytes]:
        """Write an error answer."""
        body = {
            "type": "error",
            "error": anthropic_error(failure),
            "request_id": f"req_{self._moment.token}",
        }
        return anthropic_status(failure), encode(body)

    def _piece(self, kind: str, text: str) -> bytes:
        if not text:
            return b""
        if self._open != kind:
            block = thinking_block() if kind == "thinking" else {"type": "text", "text": ""}
            before = self._closed() + self._opened(kind, block)
            delta = (
                b'"thinking_delta","thinking":' if kind == "thinking" else b'"text_delta","text":'
            )
            self._delta_head = (
                b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
                b'"delta":{"type":%b' % (self._index, delta)
            )
        else:
            before = b""
        return b"%b%b%b}}\n\n" % (before, self._delta_head, encode(text))

    def _signed(self, signature: str) -> bytes:
        before = b""
        if self._open != "thinking":
            if not signature:
                return b""
            before = self._closed() + self._opened("thinking", thinking_block())
        delta = self._delta({"type": "signature_delta", "signature": signature})
        return before + delta + self._closed()

    def _called(self, start: ToolStart) -> bytes:
        """A call begins: its block opens at once, unless the call before it is not complete."""
        self._any_call = True
        waits = bool(self._calls)
        self._calls[start.index] = (start, [], JsonExtent())
        if waits:
            return self._advanced()
        return self._closed_block() + self._open_call(start)

    def _open_call(self, start: ToolStart) -> bytes:
        return self._opened("tool", {**tool_use(start), "input": {}})

    def _arguments(self, event: ToolArgs) -> bytes:
        if event.index not in self._calls or not event.text:
            return b""
        self._held += len(event.text)
        if self._held > _MOST_HELD:
            return self.stream(Failed(Failure("server", "The calls of tools are too large", 502)))
        _, pieces, extent = self._calls[event.index]
        pieces.append(event.text)
        extent.add(event.text)
        if event.index != next(iter(self._calls)):
            return b""
        written = self._argument(event.text)
        return written + self._advanced() if len(self._calls) > 1 else written

    def _advanced(self) -> bytes:
        """Close the calls that are complete while others wait behind them."""
        written = b""
        while len(self._calls) > 1:
            first = next(iter(self._calls))
            if not self._calls[first][2].complete:
                break
            del self._calls[first]
            start, pieces, _ = next(iter(self._calls.values()))
            self._held = sum(len(piece) for _, held, _ in self._calls.values() for piece in held)
            written += self._stop() + self._open_call(start) + self._argument("".join(pieces))
        return written

    def _argument(self, text: str) -> bytes:
        if not text:
            return b""
        return self._delta({"type": "input_json_delta", "partial_json": text})

    def _opened(self, kind: str, block: dict[str, Any]) -> bytes:
        self._open = kind
        self._index += 1
        start = _event("content_block_start", {"index": self._index, "content_block": block})
        return self._beginning() + start

    def _closed(self) -> bytes:
        """Close the block that is open, and write all calls that wait behind it."""
        written = self._closed_block()
        waiting = list(self._calls.values())[1:]
        self._calls.clear()
        self._held = 0
        for start, pieces, _ in waiting:
            written += self._open_call(start) + self._argument("".join(pieces)) + self._stop()
        return written

    def _closed_block(self) -> bytes:
        return self._stop() if self._open else b""

    def _stop(self) -> bytes:
        self._open = ""
        return _event("content_block_stop", {"index": self._index})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", {"index": self._index, "delta": delta})

    def _beginning(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message = self._message([])
        message["usage"]["output_tokens"] = min(self._usage.completion, 1)
        return _event("message_start", {"message": message})

    def _ending(self) -> bytes:
        before = self._beginning() + self._closed()
        delta = {"stop_reason": self._reason(), "stop_sequence": self._finish.sequence}
        usage = messages_usage(self._usage)
        return before + _event("message_delta", {"delta": delta, "usage": usage}) + _STOP

    def _reason(self) -> str:
        reason = self._finish.reason
        if self._any_call and reason in ("stop", "stop_sequence"):
            return "tool_use"
        return REASONS[reason]

    def _message(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": named("msg_", self._id, self._moment),
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": messages_usage(self._usage),
        }


def _event(name: str, fields: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encode({"type": name, **fields}))
