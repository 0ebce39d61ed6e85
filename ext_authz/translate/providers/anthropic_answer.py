"""Anthropic Messages: the provider's answer becomes events.

Source: the schema of a message and of its stream events. Bedrock frames the same events as
`chunk` messages of an AWS event stream, whose payload is `{"bytes": base64}`.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from ext_authz.translate.events import (
    Event,
    Failed,
    Finish,
    Reason,
    ReasoningDelta,
    ReasoningSigned,
    RedactedReasoning,
    Started,
    TextDelta,
    ToolArgs,
    ToolStart,
    Usage,
    UsageSeen,
)
from ext_authz.translate.framing.frame import Frame
from ext_authz.translate.provider_errors import failure_of
from ext_authz.translate.providers.reader import (
    ENDED,
    broken,
    cut,
    read_object,
    said,
    whole_numbers,
)
from ext_authz.translate.wire import encode

REASONS: Final[dict[str, Reason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_full",
    "tool_use": "tool_calls",
    "refusal": "filtered",
    "pause_turn": "paused",
}
_USAGE: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)


class AnthropicReader:
    """Reads one answer. Calls of tools are counted apart from blocks."""

    def __init__(self) -> None:
        self._ended = False
        self._tools: dict[int, int] = {}  # number of the call by index of its block
        self._counted = 0
        self._open_tool = -1  # the call whose arguments have not been heard of yet
        self._initial = ""  # what the call's block already held of them when it began
        self._usage: dict[str, Any] = {}

    def whole(self, body: bytes) -> list[Event]:
        """Read a message."""
        message = read_object(body)
        if message is None or not isinstance(message.get("content"), list):
            if message is not None and message.get("type") == "error":
                return [Failed(failure_of(0, message))]
            return broken("it holds no message")
        events: list[Event] = [Started(said(message.get("id")), said(message.get("model")))]
        for block in message["content"]:
            if isinstance(block, dict):
                self._block(block, events)
        told = message.get("usage")
        usage = usage_of(told if isinstance(told, dict) else {})
        events += (_finish(message), UsageSeen(usage), ENDED)
        return events

    def frame(self, frame: Frame) -> list[Event]:
        """Read one event of a stream."""
        fields = read_object(frame.data)
        if fields is None:
            return [] if not frame.data else broken("an event is not JSON")
        if frame.exception:
            return [Failed(failure_of(0, fields, frame.exception))]
        return self.event(fields)

    def event(self, fields: dict[str, Any]) -> list[Event]:
        """Read one decoded event."""
        kind = fields.get("type")
        if kind == "content_block_delta":
            delta = fields.get("delta")
            return self._delta(fields.get("index"), delta) if isinstance(delta, dict) else []
        if kind == "content_block_start":
            block = fields.get("content_block")
            return self._opened(fields.get("index"), block) if isinstance(block, dict) else []
        if kind == "content_block_stop":
            return self._closed()
        if kind == "message_start":
            message = fields.get("message")
            if not isinstance(message, dict):
                return []
            self._merge(message.get("usage"))
            return [Started(said(message.get("id")), said(message.get("model"))), self._told()]
        if kind == "message_delta":
            delta = fields.get("delta")
            self._merge(fields.get("usage"))
            events: list[Event] = [self._told()]
            if isinstance(delta, dict) and delta.get("stop_reason"):
                events = [*self._closed(), _finish(delta), *events]
            return events
        if kind == "message_stop":
            self._ended = True
            return [*self._closed(), ENDED]
        if kind == "error":
            self._ended = True
            return [Failed(failure_of(0, fields))]
        return []

    def end(self) -> list[Event]:
        """Tell of a cut, unless `message_stop` or an error came."""
        return cut(ended=self._ended)

    def _block(self, block: dict[str, Any], events: list[Event]) -> None:
        kind = block.get("type")
        if kind == "text":
            if text := said(block.get("text")):
                events.append(TextDelta(text))
        elif kind == "thinking":
            if thought := said(block.get("thinking")):
                events.append(ReasoningDelta(thought))
            events.append(ReasoningSigned(said(block.get("signature"))))
        elif kind == "redacted_thinking":
            events.append(RedactedReasoning(said(block.get("data"))))
        elif kind == "tool_use":
            number = self._counted
            self._counted += 1
            events.append(ToolStart(number, said(block.get("id")), said(block.get("name"))))
            events.append(ToolArgs(number, _arguments(block.get("input"))))

    def _opened(self, index: Any, block: dict[str, Any]) -> list[Event]:
        """A block begins; compatible servers put its whole content there."""
        events = self._closed()
        kind = block.get("type")
        if kind == "tool_use":
            number = self._counted
            self._counted += 1
            if isinstance(index, int):
                self._tools[index] = number
            self._open_tool = number
            self._initial = _arguments(block.get("input"))
            events.append(ToolStart(number, said(block.get("id")), said(block.get("name"))))
        elif kind == "text" and (text := said(block.get("text"))):
            events.append(TextDelta(text))
        elif kind == "thinking":
            if thought := said(block.get("thinking")):
                events.append(ReasoningDelta(thought))
            if signature := said(block.get("signature")):
                events.append(ReasoningSigned(signature))
        elif kind == "redacted_thinking":
            events.append(RedactedReasoning(said(block.get("data"))))
        return events

    def _delta(self, index: Any, delta: dict[str, Any]) -> list[Event]:
        kind = delta.get("type")
        if kind == "text_delta":
            text = said(delta.get("text"))
            return [TextDelta(text)] if text else []
        if kind == "input_json_delta":
            piece = said(delta.get("partial_json"))
            latest = self._counted - 1
            number = self._tools.get(index, latest) if isinstance(index, int) else latest
            if not piece or number < 0:
                return []
            if number == self._open_tool:
                self._open_tool = -1
            return [ToolArgs(number, piece)]
        if kind == "thinking_delta":
            thought = said(delta.get("thinking"))
            return [ReasoningDelta(thought)] if thought else []
        if kind == "signature_delta":
            return [ReasoningSigned(said(delta.get("signature")))]
        return []

    def _closed(self) -> list[Event]:
        """A call for which no arguments came has those that its block began with: `{}`."""
        number, self._open_tool = self._open_tool, -1
        return [ToolArgs(number, self._initial)] if number >= 0 else []

    def _merge(self, usage: Any) -> None:
        """Usage is cumulative: what is told replaces what was, what is not told stays."""
        if isinstance(usage, dict):
            self._usage.update({name: told for name, told in usage.items() if told is not None})

    def _told(self) -> UsageSeen:
        return UsageSeen(usage_of(self._usage))


def usage_of(fields: dict[str, Any]) -> Usage:
    """Read a message's usage, whose input leaves out what the cache read and wrote."""
    uncached, output, read, written = whole_numbers(fields, *_USAGE)
    thought = 0
    if (details := fields.get("output_tokens_details")) is not None:
        (thought,) = whole_numbers(details, "thinking_tokens")
    return Usage(uncached + read + written, output, read, written, thought)


def _finish(fields: dict[str, Any]) -> Finish:
    met = fields.get("stop_sequence")
    reason = REASONS.get(said(fields.get("stop_reason")), "stop")
    return Finish(reason, met if isinstance(met, str) else None)


def _arguments(value: Any) -> str:
    return encode(value).decode() if isinstance(value, dict) else "{}"


def unwrap_invoke(frame: Frame) -> Frame:
    """The event inside a `chunk` of Bedrock's InvokeModelWithResponseStream."""
    if frame.exception:
        return frame
    fields = read_object(frame.data)
    held = fields.get("bytes") if fields else None
    if not isinstance(held, str):
        return Frame(frame.event, b"")
    try:
        data = base64.b64decode(held, validate=True)
    except (binascii.Error, ValueError):
        return Frame(frame.event, b"not base64")
    event = read_object(data)
    return Frame(said(event.get("type")) if event else "", data)
