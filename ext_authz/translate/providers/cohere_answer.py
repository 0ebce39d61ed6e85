"""Cohere's Chat API, version 2: the provider's answer becomes events.

Source: `V2ChatResponse` and the stream's events: `message-start`, `content-start` and `-delta`,
`tool-plan-delta`, `tool-call-start` and `-delta`, `message-end` with the reason and the usage.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.errors import Failure
from ext_authz.translate.events import (
    Event,
    Failed,
    Finish,
    Reason,
    ReasoningDelta,
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

REASONS: Final[dict[str, Reason]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop_sequence",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "filtered",
}


class CohereReader:
    """Reads one answer."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._ended = False
        self._calls: dict[int, int] = {}
        self._silent = -1

    def whole(self, body: bytes) -> list[Event]:
        """Read a response."""
        fields = read_object(body)
        message = fields.get("message") if fields else None
        if fields is None or not isinstance(message, dict):
            return [Failed(failure_of(0, fields))] if fields else broken("it holds no message")
        reason = said(fields.get("finish_reason"))
        if failure := _failure(reason, None):
            return [failure]
        events: list[Event] = [Started(said(fields.get("id")), self._model)]
        if plan := said(message.get("tool_plan")):
            events.append(ReasoningDelta(plan))
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict):
                _content(part, events)
        calls = message.get("tool_calls")
        for number, call in enumerate(calls if isinstance(calls, list) else ()):
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                events.append(ToolStart(number, said(call.get("id")), said(function.get("name"))))
                events.append(ToolArgs(number, said(function.get("arguments")) or "{}"))
        events.append(Finish(REASONS.get(reason, "stop")))
        events += [UsageSeen(usage_of(fields.get("usage"))), ENDED]
        return events

    def frame(self, frame: Frame) -> list[Event]:
        """Read one event."""
        if not frame.data or frame.data == b"[DONE]" or self._ended:
            return []
        fields = read_object(frame.data)
        if fields is None:
            return broken("an event is not JSON")
        kind = said(fields.get("type")) or frame.event
        delta = fields.get("delta")
        told = delta if isinstance(delta, dict) else {}
        if kind == "message-start":
            return [Started(said(fields.get("id")), self._model)]
        if kind == "message-end":
            self._ended = True
            reason = said(told.get("finish_reason"))
            if failure := _failure(reason, told.get("error")):
                return [failure]
            usage = UsageSeen(usage_of(told.get("usage")))
            finish = Finish(REASONS.get(reason, "stop"))
            return [*self._settled(), finish, usage, ENDED]
        if not kind or "error" in fields:
            self._ended = True
            return [Failed(failure_of(0, fields))]
        message = told.get("message")
        return self._message(kind, fields, message) if isinstance(message, dict) else []

    def end(self) -> list[Event]:
        """Tell of a cut, unless `message-end` or an error came."""
        return cut(ended=self._ended)

    def _message(self, kind: str, fields: dict[str, Any], message: dict[str, Any]) -> list[Event]:
        events: list[Event] = []
        if kind in ("content-delta", "content-start"):
            content = message.get("content")
            if isinstance(content, dict):
                _content(content, events)
        elif kind == "tool-plan-delta":
            if plan := said(message.get("tool_plan")):
                events.append(ReasoningDelta(plan))
        elif kind in ("tool-call-start", "tool-call-delta"):
            call = message.get("tool_calls")
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(call, dict) and isinstance(function, dict):
                self._call(kind, fields.get("index"), call, function, events)
        return events

    def _call(
        self,
        kind: str,
        index: Any,
        call: dict[str, Any],
        function: dict[str, Any],
        events: list[Event],
    ) -> None:
        place = index if isinstance(index, int) else len(self._calls)
        if kind == "tool-call-start":
            events += self._settled()
            number = self._calls[place] = self._silent = len(self._calls)
            events.append(ToolStart(number, said(call.get("id")), said(function.get("name"))))
        else:
            number = self._calls.get(place, len(self._calls) - 1)
        piece = said(function.get("arguments"))
        if piece and number >= 0:
            if number == self._silent:
                self._silent = -1
            events.append(ToolArgs(number, piece))

    def _settled(self) -> list[Event]:
        number, self._silent = self._silent, -1
        return [ToolArgs(number, "{}")] if number >= 0 else []


def _content(part: dict[str, Any], events: list[Event]) -> None:
    if thought := said(part.get("thinking")):
        events.append(ReasoningDelta(thought))
    if text := said(part.get("text")):
        events.append(TextDelta(text))


def _failure(reason: str, error: Any) -> Failed | None:
    if reason == "ERROR":
        return Failed(Failure("server", said(error) or "The provider's model failed"))
    if reason == "TIMEOUT":
        return Failed(Failure("timeout", said(error) or "The provider's model took too long"))
    return None


def usage_of(fields: Any) -> Usage:
    """Read the usage: tokens where they are told, else what is billed."""
    if not isinstance(fields, dict):
        return Usage()
    told = fields.get("tokens") or fields.get("billed_units")
    prompt, completion = whole_numbers(told, "input_tokens", "output_tokens")
    (cached,) = whole_numbers(fields, "cached_tokens")
    return Usage(prompt, completion, min(cached, prompt))
