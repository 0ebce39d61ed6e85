"""Frames and messages of a provider that speaks the client's own API: passed on as they came.

A stream is followed only to know whether it is whole: what ends without its terminal event gets
an error event. Each dialect's small departures from the schema are put right, and nothing else
is touched: where nothing is to be changed, the very bytes go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ext_authz.translate.clients.writer import Writer
from ext_authz.translate.errors import Failure
from ext_authz.translate.events import Failed
from ext_authz.translate.framing.frame import Frame
from ext_authz.translate.provider_errors import failure_of
from ext_authz.translate.providers.reader import CUT, read_object, said
from ext_authz.translate.wire import encode

Mend = Callable[[dict[str, Any]], bool]
"""Puts a decoded answer or chunk right, in place; says whether anything was changed."""

_REASONS = {"model_length": "length", "eos_token": "stop", "stop_sequence": "stop"}


class Passing:
    """Follows one stream of frames and gives the client's bytes."""

    def __init__(self, writer: Writer, mend: Mend | None, terminal: str) -> None:
        self._writer = writer
        self._mend = mend
        self._terminal = terminal
        self._over = False
        self.failure: Failure | None = None
        self.begun = False

    def frame(self, frame: Frame) -> bytes:
        """Pass one frame on."""
        data = frame.data
        if self._over or not data:
            return b""
        if data == b"[DONE]":
            self._over = True
            return b"data: [DONE]\n\n"
        if frame.exception:
            return self._fail(failure_of(0, read_object(data) or {}, frame.exception))
        fields = read_object(data)
        if fields is None:
            return self._fail(Failure("server", "The provider's stream cannot be read", 502))
        if fields.get("error") or fields.get("object") == "error" or frame.event == "error":
            return self._fail(failure_of(0, fields))
        kind = said(fields.get("type"))
        if kind in self._terminal.split():
            self._over = True
        self.begun = self.begun or kind not in ("message_start", "ping")
        if self._mend and self._mend(fields):
            data = encode(fields)
        named = frame.event or (kind if self._terminal else "")
        lines = b"\ndata: ".join(data.split(b"\n"))
        if named:
            return b"event: %b\ndata: %b\n\n" % (named.encode(), lines)
        return b"data: %b\n\n" % lines

    def end(self) -> bytes:
        """Tell the client of a cut, unless the terminal event came."""
        return b"" if self._over else self._fail(CUT)

    def fail(self, failure: Failure) -> bytes:
        """Tell the client of a failure that the framing found."""
        return b"" if self._over else self._fail(failure)

    def _fail(self, failure: Failure) -> bytes:
        self._over = True
        self.failure = failure
        return self._writer.stream(Failed(failure))


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
