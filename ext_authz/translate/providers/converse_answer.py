"""Bedrock Converse: the provider's answer becomes events.

Source: `ConverseResponse` and `ConverseStreamOutput` of `bedrock-runtime`. In a stream only calls
of tools have a start; text and reasoning begin with their first delta. The usage comes after
`messageStop`, in `metadata`.
"""

from __future__ import annotations

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
    "content_filtered": "filtered",
    "guardrail_intervened": "filtered",
    "malformed_model_output": "stop",
    "malformed_tool_use": "stop",
}
_USAGE: Final = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")


class ConverseReader:
    """Reads one answer; `answer_id` is the request's id at Bedrock (`x-amzn-requestid`)."""

    def __init__(self, model: str, answer_id: str) -> None:
        self._started = Started(answer_id, model)
        self._finish: Finish | None = None
        self._ended = False
        self._tools: dict[int, int] = {}
        self._silent = -1  # the call for which no arguments have come
        self._thinking = -1  # the block of reasoning that has no signature yet

    def whole(self, body: bytes) -> list[Event]:
        """Read an answer of Converse."""
        fields = read_object(body)
        output = fields.get("output") if fields else None
        message = output.get("message") if isinstance(output, dict) else None
        if fields is None or not isinstance(message, dict):
            return broken("it holds no message")
        events: list[Event] = [self._started]
        calls = 0
        content = message.get("content")
        for block in content if isinstance(content, list) else ():
            if not isinstance(block, dict):
                continue
            if isinstance(use := block.get("toolUse"), dict):
                events.append(ToolStart(calls, said(use.get("toolUseId")), said(use.get("name"))))
                given = use.get("input")
                text = encode(given).decode() if isinstance(given, dict) else "{}"
                events.append(ToolArgs(calls, text))
                calls += 1
            else:
                _block(block, events)
        events.append(_finish(fields))
        events += [UsageSeen(usage_of(fields.get("usage"))), ENDED]
        return events

    def frame(self, frame: Frame) -> list[Event]:
        """Read one message of the event stream."""
        fields = read_object(frame.data) if frame.data else {}
        if frame.exception:
            self._ended = True
            return [Failed(failure_of(0, fields or {}, frame.exception))]
        if fields is None:
            return broken("an event is not JSON")
        kind = frame.event
        if kind == "contentBlockDelta":
            return self._delta(fields)
        if kind == "messageStart":
            return [self._started]
        if kind == "contentBlockStart":
            return self._start(fields)
        if kind == "contentBlockStop":
            return self._stop(fields)
        if kind == "messageStop":
            self._finish = _finish(fields)
            return [*self._settled(), self._finish]
        if kind == "metadata":
            told = fields.get("usage")
            return [UsageSeen(usage_of(told))] if isinstance(told, dict) else []
        return []

    def end(self) -> list[Event]:
        """Tell that the stream ended, or that it did before `messageStop`."""
        if self._ended:
            return []
        self._ended = True
        return [ENDED] if self._finish else cut(ended=False)

    def _start(self, fields: dict[str, Any]) -> list[Event]:
        start = fields.get("start")
        use = start.get("toolUse") if isinstance(start, dict) else None
        if not isinstance(use, dict):
            return []
        events = self._settled()
        number = len(self._tools)
        self._tools[_index(fields)] = self._silent = number
        events.append(ToolStart(number, said(use.get("toolUseId")), said(use.get("name"))))
        return events

    def _delta(self, fields: dict[str, Any]) -> list[Event]:
        delta = fields.get("delta")
        if not isinstance(delta, dict):
            return []
        if text := said(delta.get("text")):
            return [TextDelta(text)]
        if isinstance(use := delta.get("toolUse"), dict):
            piece = said(use.get("input"))
            number = self._tools.get(_index(fields))
            if not piece or number is None:
                return []
            if number == self._silent:
                self._silent = -1
            return [ToolArgs(number, piece)]
        if isinstance(thought := delta.get("reasoningContent"), dict):
            if signature := said(thought.get("signature")):
                self._thinking = -1
                return [ReasoningSigned(signature)]
            if data := said(thought.get("redactedContent")):
                return [RedactedReasoning(data)]
            if told := said(thought.get("text")):
                self._thinking = _index(fields)
                return [ReasoningDelta(told)]
        return []

    def _stop(self, fields: dict[str, Any]) -> list[Event]:
        if self._thinking >= 0 and self._thinking == _index(fields):
            self._thinking = -1
            return [ReasoningSigned("")]
        return self._settled()

    def _settled(self) -> list[Event]:
        number, self._silent = self._silent, -1
        return [ToolArgs(number, "{}")] if number >= 0 else []


def _index(fields: dict[str, Any]) -> int:
    index = fields.get("contentBlockIndex")
    return index if isinstance(index, int) else 0


def _block(block: dict[str, Any], events: list[Event]) -> None:
    if text := said(block.get("text")):
        events.append(TextDelta(text))
    elif isinstance(thought := block.get("reasoningContent"), dict):
        told = thought.get("reasoningText")
        if isinstance(told, dict):
            events.append(ReasoningDelta(said(told.get("text"))))
            events.append(ReasoningSigned(said(told.get("signature"))))
        elif data := said(thought.get("redactedContent")):
            events.append(RedactedReasoning(data))
    elif isinstance(cited := block.get("citationsContent"), dict):
        content = cited.get("content")
        shown = (
            [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []
        )
        events += [TextDelta(text) for one in shown if (text := said(one.get("text")))]


def _finish(fields: dict[str, Any]) -> Finish:
    return Finish(REASONS.get(said(fields.get("stopReason")), "stop"), None)


def usage_of(fields: Any) -> Usage:
    """Read Bedrock's usage, whose input leaves out what the cache read and wrote."""
    uncached, output, read, written = whole_numbers(fields, *_USAGE)
    return Usage(uncached + read + written, output, read, written)
