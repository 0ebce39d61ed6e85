"""Gemini: the provider's answer becomes events.

Source: `GenerateContentResponse`. A stream's chunks are such responses, framed with CRLF, and no
sentinel follows: a finish reason, or a block of the prompt, is the end. A call comes whole in one
part and has no id.
"""

from __future__ import annotations

import math
from typing import Any, Final

from ext_authz.translate.events import (
    Event,
    Failed,
    Finish,
    Logprobs,
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
from ext_authz.translate.providers.reader import ENDED, broken, cut, said, whole_numbers
from ext_authz.translate.wire import NotJsonError, decode_lenient, encode

_FILTERED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "LANGUAGE",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "IMAGE_OTHER",
        "JAILBREAK",
    }
)
_SILENT: Final = ("FINISH_REASON_UNSPECIFIED", "")
_USAGE: Final = (
    "promptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "cachedContentTokenCount",
    "toolUsePromptTokenCount",
)


class GeminiReader:
    """Reads one answer; `token` makes the ids of calls, `choices` says how many answers come."""

    def __init__(self, token: str, choices: int = 1) -> None:
        self._token = token
        self._choices = choices
        self._started = False
        self._counts: dict[int, int] = {}  # of calls, by choice
        self._finished: dict[int, None] = {}
        self._failed = False
        self._over = False
        self._usage: Any = None  # each chunk repeats it: the last one counts

    def whole(self, body: bytes) -> list[Event]:
        """Read a response; a stream that came as a JSON array is one after another of them."""
        try:
            value = decode_lenient(body)
        except NotJsonError:
            return broken("it is not JSON")
        events: list[Event] = []
        for fields in value if isinstance(value, list) else [value]:
            if isinstance(fields, dict):
                events += self._response(fields)
        if Failed in map(type, events):
            return [event for event in events if type(event) is Failed]
        if not self._finished:
            return broken("it holds no candidates") if not self._started else cut(ended=False)
        events += [*self._told(), ENDED]
        return events

    def frame(self, frame: Frame) -> list[Event]:
        """Read one chunk."""
        if not frame.data or frame.data == b"[DONE]" or self._failed:
            return []
        try:
            value = decode_lenient(frame.data)
        except NotJsonError:
            self._failed = True
            return broken("a chunk is not JSON")
        events: list[Event] = []
        for fields in value if isinstance(value, list) else [value]:
            if isinstance(fields, dict):
                events += self._response(fields)
        return events

    def end(self) -> list[Event]:
        """Tell that the stream ended, or that it did before its choices had."""
        if self._failed or self._over:
            return []
        self._over = True
        if len(self._finished) >= max(1, len(self._counts)):
            return [*self._told(), ENDED]
        return [*self._told(), *cut(ended=False)]

    def _told(self) -> list[Event]:
        return [UsageSeen(usage_of(self._usage))] if isinstance(self._usage, dict) else []

    def _response(self, fields: dict[str, Any]) -> list[Event]:
        if "error" in fields:
            self._failed = True
            return [Failed(failure_of(0, fields))]
        events: list[Event] = []
        candidates = fields.get("candidates")
        if not self._started and (candidates or fields.get("promptFeedback")):
            self._started = True
            model = said(fields.get("modelVersion")).removeprefix("models/")
            events.append(Started(said(fields.get("responseId")), model))
        for candidate in candidates if isinstance(candidates, list) else ():
            if isinstance(candidate, dict):
                self._candidate(candidate, events)
        feedback = fields.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason") and not self._finished:
            self._finished[0] = None
            events.append(Finish("filtered"))
        if "usageMetadata" in fields:
            self._usage = fields["usageMetadata"]
        return events

    def _candidate(self, candidate: dict[str, Any], events: list[Event]) -> None:
        number = candidate.get("index")
        choice = number if isinstance(number, int) else 0
        self._counts.setdefault(choice, 0)
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                self._part(part, choice, events)
        told = candidate.get("logprobsResult")
        if isinstance(told, dict) and (content_probs := _logprobs(told)):
            events.append(Logprobs(content_probs, choice))
        reason = said(candidate.get("finishReason"))
        if reason in _SILENT or choice in self._finished:
            return
        self._finished[choice] = None
        events.append(Finish(self._reason(reason, choice), None, choice))

    def _part(self, part: dict[str, Any], choice: int, events: list[Event]) -> None:
        if isinstance(call := part.get("functionCall"), dict):
            number = self._counts[choice]
            self._counts[choice] = number + 1
            made = said(call.get("id")) or f"call_{self._token}{choice or ''}_{number}"
            signature = said(part.get("thoughtSignature"))
            events.append(ToolStart(number, made, said(call.get("name")), signature, choice))
            args = call.get("args")
            text = encode(args).decode() if isinstance(args, dict) else "{}"
            events.append(ToolArgs(number, text, choice))
        elif text := said(part.get("text")):
            if part.get("thought") is True:
                events.append(ReasoningDelta(text, choice))
            else:
                events.append(TextDelta(text, choice))

    def _reason(self, reason: str, choice: int) -> Reason:
        if reason in _FILTERED:
            return "filtered"
        if reason == "MAX_TOKENS":
            return "length"
        return "tool_calls" if self._counts.get(choice) else "stop"


def usage_of(fields: dict[str, Any]) -> Usage:
    """Read the usage: thoughts are output, what tools read is input, the cache is in the prompt."""
    prompt, candidates, thoughts, cached, tools = whole_numbers(fields, *_USAGE)
    return Usage(prompt + tools, candidates + thoughts, cached, 0, thoughts)


def _logprobs(told: dict[str, Any]) -> list[Any]:
    """Log probabilities as OpenAI writes them."""
    chosen, top = told.get("chosenCandidates"), told.get("topCandidates")
    written: list[Any] = []
    for number, one in enumerate(chosen if isinstance(chosen, list) else ()):
        if not isinstance(one, dict):
            continue
        others = top[number] if isinstance(top, list) and number < len(top) else None
        given = others.get("candidates") if isinstance(others, dict) else None
        ranked = [_token(other) for other in given or () if isinstance(other, dict)]
        written.append({**_token(one), "top_logprobs": ranked})
    return written


def _token(one: dict[str, Any]) -> dict[str, Any]:
    token = said(one.get("token"))
    value = one.get("logProbability")
    told = value if isinstance(value, (int, float)) and math.isfinite(value) else -9999.0
    return {"token": token, "bytes": list(token.encode("utf-8", "replace")), "logprob": told}
