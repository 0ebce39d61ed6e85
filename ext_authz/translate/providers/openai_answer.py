"""OpenAI Chat Completions and its dialects: the provider's answer becomes events.

Where servers differ: reasoning is `reasoning_content` or `reasoning`, or a part of the content
(Mistral); a turn that calls tools may say that it ended with `stop`; calls may come whole and
without an index or an id; errors come in a stream as any of the shapes of `provider_errors`.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.events import (
    Event,
    Failed,
    Finish,
    Logprobs,
    Reason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolStart,
    Usage,
    UsageSeen,
)
from ext_authz.translate.framing.frame import Frame
from ext_authz.translate.provider_errors import failure_of
from ext_authz.translate.providers.openai_dialect import Dialect
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
    "stop": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "filtered",
    # TGI
    "eos_token": "stop",
    "stop_sequence": "stop",
}
_DONE: Final = b"[DONE]"


class OpenAiReader:
    """Reads one answer; `token` makes ids for calls that came without one."""

    def __init__(self, dialect: Dialect, token: str) -> None:
        self._dialect = dialect
        self._token = token
        self._started = False
        self._ended = False
        self._finished = False
        self._calls: dict[tuple[int, Any], int] = {}  # (choice, the server's index): ours
        self._counts: dict[int, int] = {}  # of calls, by choice
        self._ids: dict[tuple[int, int], str] = {}  # as the server gave them
        self._silent: dict[tuple[int, int], None] = {}  # calls without arguments so far

    def whole(self, body: bytes) -> list[Event]:
        """Read a completion."""
        fields = read_object(body)
        if fields is None:
            return broken("it is not JSON")
        if _is_error(fields):
            return [Failed(failure_of(0, fields))]
        choices = fields.get("choices")
        if not isinstance(choices, list) or not choices:
            return broken("it holds no choices")
        events = self._begin(fields)
        for choice in choices:
            if isinstance(choice, dict):
                message = choice.get("message")
                self._choice(choice, message if isinstance(message, dict) else {}, events)
        if isinstance(fields.get("usage"), dict):
            events.append(UsageSeen(usage_of(fields["usage"])))
        events.append(ENDED)
        return events

    def frame(self, frame: Frame) -> list[Event]:
        """Read one chunk."""
        if frame.data == _DONE:
            if self._ended:
                return []
            self._ended = True
            return [*self._settled(), ENDED]
        if not frame.data or self._ended:
            return []
        fields = read_object(frame.data)
        if fields is None:
            return broken("a chunk is not JSON")
        if _is_error(fields) or frame.event == "error":
            self._ended = True
            return [Failed(failure_of(0, fields))]
        events: list[Event] = [] if self._started else self._begin(fields)
        choices = fields.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                delta = choice.get("delta")
                self._choice(choice, delta if isinstance(delta, dict) else {}, events)
        if isinstance(usage := fields.get("usage"), dict):
            events.append(UsageSeen(usage_of(usage)))
        return events

    def end(self) -> list[Event]:
        """Tell of a cut; of a server that sends no `[DONE]` the finish reason is the end."""
        if not self._ended and self._finished and not self._dialect.done:
            self._ended = True
            return [ENDED]
        return cut(ended=self._ended)

    def _begin(self, fields: dict[str, Any]) -> list[Event]:
        choices = fields.get("choices")
        if not choices and not fields.get("model"):
            # Azure's first chunk tells of the prompt's filtering only.
            return []
        self._started = True
        return [Started(said(fields.get("id")), said(fields.get("model")))]

    def _choice(self, choice: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        """Read a choice: reasoning, text, calls and the end, in that order."""
        number = choice.get("index")
        index = number if isinstance(number, int) else 0
        if thought := said(message.get("reasoning_content")) or said(message.get("reasoning")):
            events.append(ReasoningDelta(thought, index))
        content = message.get("content")
        if type(content) is str:
            if content:
                events.append(TextDelta(content, index))
        elif isinstance(content, list):
            _parts(content, index, events)
        if refusal := said(message.get("refusal")):
            events.append(RefusalDelta(refusal, index))
        if isinstance(calls := message.get("tool_calls"), list):
            for place, call in enumerate(calls):
                if isinstance(call, dict):
                    self._call(call, place, index, events)
        if isinstance(older := message.get("function_call"), dict):
            self._call({"index": 0, "id": said(older.get("name")), "function": older}, 0, index,
                       events)  # fmt: skip
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(told := logprobs.get("content"), list):
            events.append(Logprobs(told, index))
        if reason := choice.get("finish_reason"):
            self._finish(reason, index, events)

    def _call(self, call: dict[str, Any], place: int, choice: int, events: list[Event]) -> None:
        function = call.get("function")
        if not isinstance(function, dict):
            function = {}
        given, name = said(call.get("id")), said(function.get("name"))
        if given == "null":
            given = ""
        index = call.get("index")
        # Servers that send calls whole may leave the index out, or give all of them the same.
        key = (choice, index if isinstance(index, int) else f"{given}/{place}")
        number = self._calls.get(key)
        if number is None or (
            name and given and self._ids.get((choice, number)) not in ("", given)
        ):
            number = self._counts.get(choice, 0)
            self._counts[choice] = number + 1
            self._calls[key] = number
            made = given or f"call_{self._token}{choice or ''}_{number}"
            self._ids[choice, number] = given
            self._silent[choice, number] = None
            events.append(ToolStart(number, made, name, "", choice))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = encode(arguments).decode()
        if isinstance(arguments, str) and arguments:
            self._silent.pop((choice, number), None)
            events.append(ToolArgs(number, arguments, choice))

    def _finish(self, reason: Any, choice: int, events: list[Event]) -> None:
        if reason == "error":
            self._ended = True
            events.append(Failed(failure_of(0, {"message": "The provider's model failed"})))
            return
        self._finished = True
        known = REASONS.get(reason, "stop") if isinstance(reason, str) else "stop"
        if known == "stop" and self._counts.get(choice):
            known = "tool_calls"
        events += self._settled(choice)
        events.append(Finish(known, None, choice))

    def _settled(self, choice: int | None = None) -> list[Event]:
        """Calls for which no arguments came have none: `{}`."""
        if not self._silent:
            return []
        silent = [key for key in self._silent if choice is None or key[0] == choice]
        for key in silent:
            del self._silent[key]
        return [ToolArgs(number, "{}", which) for which, number in silent]


def _parts(content: list[Any], choice: int, events: list[Event]) -> None:
    """Content in parts, as Mistral writes it: text, and thinking that holds texts."""
    for part in content:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "text" and (text := said(part.get("text"))):
            events.append(TextDelta(text, choice))
        elif part.get("type") == "thinking":
            inner = part.get("thinking")
            if isinstance(inner, str):
                inner = [{"text": inner}]
            shown = (
                [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
            )
            thoughts = [said(one.get("text")) for one in shown]
            events += [ReasoningDelta(thought, choice) for thought in thoughts if thought]


def usage_of(fields: dict[str, Any]) -> Usage:
    """Read the usage of a completion."""
    prompt, completion = whole_numbers(fields, "prompt_tokens", "completion_tokens")
    read = written = reasoning = 0
    if (details := fields.get("prompt_tokens_details")) is not None:
        read, written = whole_numbers(details, "cached_tokens", "cache_write_tokens")
    if (details := fields.get("completion_tokens_details")) is not None:
        (reasoning,) = whole_numbers(details, "reasoning_tokens")
    return Usage(prompt, completion, read, written, reasoning)


def _is_error(fields: dict[str, Any]) -> bool:
    return bool(fields.get("error")) or fields.get("object") == "error"
