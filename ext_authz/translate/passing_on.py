"""The machine for an answer in the client's own API: like `answering`, but the bytes go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ext_authz.translate.answering import MAX_WHOLE, Carry, Head
from ext_authz.translate.clients.writer import JSON_HEADERS, SSE_HEADERS, Writer
from ext_authz.translate.errors import Failure
from ext_authz.translate.framing.eventstream import CONTENT_TYPE, EventStreamDecoder
from ext_authz.translate.framing.frame import Decoder, Frame, FramingError
from ext_authz.translate.framing.sse import SseDecoder
from ext_authz.translate.passing import Mend, Passing
from ext_authz.translate.provider_errors import classify, failure_of
from ext_authz.translate.providers.reader import read_object
from ext_authz.translate.upstream import Headers
from ext_authz.translate.wire import encode

IsError = Callable[[dict[str, Any]], bool]
"""Whether an error's body is already what the client's API writes."""


class PassingOn:
    """Passes one answer on. `terminal` names the events that end a stream, beside `[DONE]`."""

    def __init__(
        self,
        writer: Writer,
        carry: Carry,
        is_error: IsError,
        *,
        streams: bool,
        terminal: frozenset[str] = frozenset(),
        mend: Mend | None = None,
        unframe: Callable[[Frame], Frame] | None = None,
    ) -> None:
        self._writer = writer
        self._carry = carry
        self._is_error = is_error
        self._streams = streams
        self._mend = mend
        self._unframe = unframe
        self._passing = Passing(writer, mend, terminal)
        self._decoder: Decoder | None = None
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._failure: Failure | None = None
        self._whole_begun = False
        self.final: Head | None = None

    @property
    def begun(self) -> bool:
        """Whether any content was said."""
        return self._passing.begun or self._whole_begun

    @property
    def failure(self) -> Failure | None:
        """What went wrong, if anything did."""
        return self._failure or self._passing.failure

    def head(self, status: int, headers: Mapping[str, str]) -> Head | None:
        """Take the provider's status and headers (names in lower case)."""
        self._status, self._headers = status, headers
        if headers.get("content-encoding", "identity") not in ("", "identity"):
            self._failure = Failure("server", "The provider's answer is compressed", 502)
            return None
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if not 200 <= status < 300 or not self._streams:
            return None
        if kind == CONTENT_TYPE:
            self._decoder = EventStreamDecoder()
        elif kind not in ("application/json", "text/html"):
            # Asked for a stream, a server that says nothing better means one.
            self._decoder = SseDecoder()
        else:
            return None
        self.final = self._head(200, SSE_HEADERS)
        return self.final

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the body."""
        if self._decoder is None:
            self._size += len(piece)
            if self._size > MAX_WHOLE:
                self._failure = Failure("server", "The provider's answer is too large", 502)
                self._body.clear()
            elif self._failure is None:
                self._body.append(piece)
            return b""
        if self.failure is not None:
            return b""
        try:
            frames = self._decoder.feed(piece)
        except FramingError as error:
            return self._passing.fail(Failure("server", f"The stream is broken: {error}", 502))
        return b"".join([self._frame(frame) for frame in frames])

    def end(self) -> bytes:
        """Take the end of the body."""
        if self._decoder is None:
            return self._whole()
        try:
            written = b"".join([self._frame(frame) for frame in self._decoder.end()])
        except FramingError as error:
            return self._passing.fail(Failure("cut", f"The stream is broken: {error}"))
        return written + self._passing.end()

    def as_error(self) -> tuple[Head, bytes]:
        """The failure as an answer of its own, for a caller that has sent no head yet."""
        failure = self.failure or Failure("server", "The provider's answer broke off")
        status, body = self._writer.error(failure)
        return self._head(status, JSON_HEADERS), body

    def _frame(self, frame: Frame) -> bytes:
        return self._passing.frame(self._unframe(frame) if self._unframe else frame)

    def _whole(self) -> bytes:
        body = b"".join(self._body)
        self._body.clear()
        if self._failure is None and not 200 <= self._status < 300:
            self._failure = classify(self._status, self._headers, body)
            fields = read_object(body)
            if fields is not None and self._is_error(fields):
                self.final = self._head(self._status, JSON_HEADERS)
                return body
        if self._failure is not None:
            return self._error()
        fields = read_object(body)
        if fields is None:
            self._failure = Failure("server", "The provider's answer is not a JSON object", 502)
            return self._error()
        if fields.get("object") == "error" or (fields.get("error") and "id" not in fields):
            self._failure = failure_of(0, fields)
            return self._error()
        self._whole_begun = True
        self.final = self._head(self._status, JSON_HEADERS)
        if self._mend is not None and self._mend(fields):
            return encode(fields)
        return body

    def _error(self) -> bytes:
        head, body = self.as_error()
        self.final = head
        return body

    def _head(self, status: int, headers: Headers) -> Head:
        told, without = self._carry(self._headers)
        return Head(status, (*headers, *told), ("content-length", "content-encoding", *without))


def is_openai_error(fields: dict[str, Any]) -> bool:
    """Whether a body is an error as OpenAI writes it."""
    error = fields.get("error")
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return False
    code = error.get("code")
    return (code is None or isinstance(code, str)) and isinstance(error.get("type"), str)


def is_anthropic_error(fields: dict[str, Any]) -> bool:
    """Whether a body is an error as Anthropic writes it."""
    error = fields.get("error")
    return (
        fields.get("type") == "error"
        and isinstance(error, dict)
        and isinstance(error.get("type"), str)
    )
