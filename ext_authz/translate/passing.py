"""Frames and messages of a provider that speaks the client's own API: passed on as they came.

A stream is followed only to know whether it is whole: what ends without its terminal event gets
an error event. Each dialect's small departures from the schema are put right, and nothing else
is touched: where nothing is to be changed, the very bytes go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ext_authz.translate.clients.writer import Writer
from ext_authz.translate.errors import Failure, openai_error
from ext_authz.translate.events import Failed
from ext_authz.translate.framing.frame import Frame
from ext_authz.translate.provider_errors import failure_of
from ext_authz.translate.providers.reader import CUT, read_object, said
from ext_authz.translate.wire import encode

Mend = Callable[[dict[str, Any]], bool]
"""Puts a decoded answer or chunk right, in place; says whether anything was changed."""

_ANNOUNCING = frozenset(
    {
        "message_start",
        "ping",
        "content_block_start",
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    }
)
_CONTENT = ("content", "tool_calls", "function_call", "reasoning_content", "reasoning", "refusal")
_REASONS = {"model_length": "length", "eos_token": "stop", "stop_sequence": "stop"}


class Passing:
    """Follows one stream of frames and gives the client's bytes.

    `terminal` names the events that end the stream; without any it is `[DONE]` that does. What
    only announces an answer waits for its first content.
    """

    def __init__(self, writer: Writer, mend: Mend | None, terminal: frozenset[str]) -> None:
        self._writer = writer
        self._mend = mend
        self._terminal = terminal
        self._over = False
        self._held: list[bytes] = []
        self._sequence = -1  # of the last event, where the API numbers them
        self.failure: Failure | None = None
        self.begun = False

    def frame(self, frame: Frame) -> bytes:
        """Pass one frame on."""
        data = frame.data
        if self._over or not data:
            return b""
        if data == b"[DONE]":
            self._over = True
            return self._said(b"data: [DONE]\n\n")
        if frame.exception:
            return self._fail(failure_of(0, read_object(data) or {}, frame.exception))
        fields = read_object(data)
        if fields is None:
            return self._fail(Failure("server", "The provider's stream cannot be read", 502))
        kind = said(fields.get("type"))
        if kind == "error" and self._terminal:
            # Already in the client's own words.
            self._over = True
            self.failure = failure_of(0, fields)
            self._held.clear()
        elif fields.get("error") or fields.get("object") == "error" or frame.event == "error":
            return self._fail(failure_of(0, fields))
        if kind in self._terminal:
            self._over = True
        if isinstance(number := fields.get("sequence_number"), int):
            self._sequence = number
        if self._mend and self._mend(fields):
            data = encode(fields)
        named = frame.event or (kind if self._terminal else "")
        written = b"data: %b\n\n" % b"\ndata: ".join(data.split(b"\n"))
        if named:
            written = b"event: %b\n%b" % (named.encode(), written)
        if not self.begun and not self._over and not _says(kind, fields):
            self._held.append(written)
            return b""
        return self._said(written)

    def end(self) -> bytes:
        """Tell the client of a cut, unless the terminal event came."""
        return b"" if self._over else self._fail(CUT)

    def fail(self, failure: Failure) -> bytes:
        """Tell the client of a failure that the framing found."""
        return b"" if self._over else self._fail(failure)

    def _said(self, written: bytes) -> bytes:
        if not self._held:
            self.begun = self.begun or self.failure is None
            return written
        held = b"".join(self._held)
        self._held.clear()
        self.begun = True
        return held + written

    def _fail(self, failure: Failure) -> bytes:
        self._over = True
        self.failure = failure
        self._held.clear()
        if self.begun and self._sequence >= 0:
            # In the middle of numbered events an error is one more of them.
            told = {"code": None, "param": None, **openai_error(failure), "type": "error"}
            numbered = {**told, "sequence_number": self._sequence + 1}
            return b"event: error\ndata: %b\n\n" % encode(numbered)
        return self._writer.stream(Failed(failure))


def _says(kind: str, fields: dict[str, Any]) -> bool:
    """Whether an event says more than that an answer begins."""
    if kind:
        return kind not in _ANNOUNCING
    choices = fields.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        delta = choice.get("delta")
        if choice.get("finish_reason") or choice.get("text"):
            return True
        if isinstance(delta, dict) and any(delta.get(name) for name in _CONTENT):
            return True
    return False


class ChatMender:
    """Puts completions and chunks of OpenAI's dialects right; one for each answer."""

    def __init__(self) -> None:
        self._called = False

    def __call__(self, fields: dict[str, Any]) -> bool:
        """Put one right."""
        changed = False
        choices = fields.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            for name in ("message", "delta"):
                if isinstance(message := choice.get(name), dict):
                    changed = _mend_message(message, numbered=name == "delta") or changed
                    self._called = self._called or bool(message.get("tool_calls"))
            reason = choice.get("finish_reason")
            right = _REASONS.get(reason, reason) if isinstance(reason, str) else reason
            if right == "stop" and self._called:
                right = "tool_calls"
            if right != reason:
                choice["finish_reason"] = right
                changed = True
        return changed


def _mend_message(message: dict[str, Any], *, numbered: bool) -> bool:
    changed = False
    if message.get("reasoning_content") is None and isinstance(message.get("reasoning"), str):
        message["reasoning_content"] = message["reasoning"]
        changed = True
    if isinstance(content := message.get("content"), list):
        _flatten(message, content)
        changed = True
    calls = message.get("tool_calls")
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            continue
        if isinstance(function.get("arguments"), dict):
            function["arguments"] = encode(function["arguments"]).decode()
            changed = True
        if numbered and not isinstance(call.get("index"), int):
            call["index"] = number
            changed = True
    return changed


def _flatten(message: dict[str, Any], content: list[Any]) -> None:
    """Content in parts as one text, with what is thinking apart."""
    text: list[str] = []
    thoughts: list[str] = []
    for part in content:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            shown = inner if isinstance(inner, list) else [{"text": inner}]
            thoughts += [said(one.get("text")) for one in shown if isinstance(one, dict)]
        else:
            text.append(said(part.get("text")))
    message["content"] = "".join(text) or None
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
