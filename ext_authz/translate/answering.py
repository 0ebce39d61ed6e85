"""The machine that turns one provider's answer into the client's, piece by piece.

    machine.head(status, headers)   -> the client's head, or None: it is known only at the end
    machine.feed(piece)             -> bytes for the client, maybe none
    machine.end()                   -> the last bytes for the client; `final` is then the head

A whole answer and an error are read to their end before anything is said. Of a stream nothing is
said before its first content, so that up to there the caller may still turn to another provider:
`begun` tells whether anything was said, `failure` what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from ext_authz.translate.clients.writer import JSON_HEADERS, SSE_HEADERS, Writer
from ext_authz.translate.errors import Failure
from ext_authz.translate.events import Event, Failed
from ext_authz.translate.framing.eventstream import CONTENT_TYPE, EventStreamDecoder
from ext_authz.translate.framing.frame import Decoder, Frame, FramingError
from ext_authz.translate.framing.sse import SseDecoder
from ext_authz.translate.provider_errors import classify
from ext_authz.translate.providers.reader import Reader, broken
from ext_authz.translate.upstream import Headers

MAX_WHOLE: Final = 64 << 20
"""The largest answer in one piece, in bytes; embeddings of a batch take tens of megabytes."""
_MAX_ERROR: Final = 1 << 20
_REWRITTEN: Final = ("content-length", "content-encoding")
"""What a body that is written anew does not keep."""
_IN_ONE_PIECE: Final = ("application/json", "text/html")

Step = Callable[[list[Event]], list[Event]]
Carry = Callable[[Mapping[str, str]], tuple[Headers, tuple[str, ...]]]
"""From a provider's headers: those to set for the client, and the names of those to take away."""


class Head(msgspec.Struct, frozen=True):
    """The head of the client's answer: `headers` are set, those of `without` taken away."""

    status: int
    headers: Headers
    without: tuple[str, ...] = ()


class Answering:
    """Reads one answer with a reader and writes it with a writer."""

    def __init__(
        self,
        reader: Callable[[Mapping[str, str]], Reader],
        writer: Writer,
        carry: Carry,
        *,
        streams: bool,
        step: Step | None = None,
        unframe: Callable[[Frame], Frame] | None = None,
    ) -> None:
        self._make = reader
        self._writer = writer
        self._carry = carry
        self._streams = streams
        self._step = step
        self._unframe = unframe
        self._reader: Reader | None = None
        self._decoder: Decoder | None = None
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._events: list[Event] = []  # of a stream that the client wants in one piece
        self.begun = False
        self.failure: Failure | None = None
        self.final: Head | None = None

    def head(self, status: int, headers: Mapping[str, str]) -> Head | None:
        """Take the provider's status and headers (names in lower case)."""
        self._status, self._headers = status, headers
        self._reader = self._make(headers)
        if not 200 <= status < 300:
            return None
        encoding = headers.get("content-encoding", "identity")
        if encoding not in ("", "identity"):
            # Nothing of the kind was asked for, and what is not understood is not passed on.
            self.failure = Failure("server", "The provider's answer is compressed", 502)
            return None
        kind = _media_type(headers.get("content-type", ""))
        if kind == CONTENT_TYPE:
            self._decoder = EventStreamDecoder()
        elif kind == "text/event-stream":
            self._decoder = SseDecoder()
        elif self._streams and kind not in _IN_ONE_PIECE:
            # Asked for a stream, a server that says nothing better means one.
            self._decoder = SseDecoder()
        if not self._streams or kind == "text/html":
            return None
        self.final = self._head(200, SSE_HEADERS)
        return self.final

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the body."""
        if self.failure is not None:
            return b""
        if self._decoder is None or not self._streams:
            self._size += len(piece)
            if self._size > (MAX_WHOLE if self._status < 400 else _MAX_ERROR):
                self.failure = Failure("server", "The provider's answer is too large", 502)
                self._body.clear()
                self._events.clear()
                return b""
        if self._decoder is None:
            self._body.append(piece)
            return b""
        try:
            frames = self._decoder.feed(piece)
        except FramingError as error:
            return self._passed(broken(str(error)))
        return b"".join([self._frame(frame) for frame in frames])

    def end(self) -> bytes:
        """Take the end of the body."""
        if self._decoder is None or self._reader is None:
            return self._whole()
        if self.failure is None:
            return self._end_of_stream(self._decoder, self._reader)
        return b"" if self._streams else self._error(self.failure)

    def as_error(self) -> tuple[Head, bytes]:
        """The failure as an answer of its own, for a caller that has sent no head yet."""
        failure = self.failure or Failure("server", "The provider's answer broke off")
        status, body = self._writer.error(failure)
        return self._head(status, JSON_HEADERS), body

    def _frame(self, frame: Frame) -> bytes:
        if self._reader is None or self.failure is not None:
            return b""
        if self._unframe is not None:
            frame = self._unframe(frame)
        return self._passed(self._reader.frame(frame))

    def _passed(self, events: list[Event]) -> bytes:
        """Write events, or keep them for an answer in one piece."""
        if self._step is not None:
            events = self._step(events)
        written = b""
        for event in events:
            if type(event) is Failed:
                self.failure = event.failure
            if not self._streams:
                self._events.append(event)
                continue
            made = self._writer.stream(event)
            if made:
                written += made
                self.begun = self.begun or self.failure is None
            if self.failure is not None:
                break
        return written

    def _end_of_stream(self, decoder: Decoder, reader: Reader) -> bytes:
        try:
            written = b"".join([self._frame(frame) for frame in decoder.end()])
        except FramingError as error:
            return self._passed(broken(str(error)))
        if self.failure is None:
            written += self._passed(reader.end())
        if self._streams:
            return written
        return self._error(self.failure) if self.failure else self._answer(self._events)

    def _whole(self) -> bytes:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        if self.failure is None and not 200 <= self._status < 300:
            self.failure = classify(self._status, self._headers, body)
        if self.failure is not None or self._reader is None:
            failure = self.failure or Failure("server", "The provider did not answer", 502)
            if self.final is not None:
                return self._writer.stream(Failed(failure))
            return self._error(failure)
        events = self._reader.whole(body)
        if self.final is not None:
            return self._passed(events)
        if self._step is not None:
            events = self._step(events)
        if Failed in map(type, events):
            self.failure = next(event.failure for event in events if type(event) is Failed)
            return self._error(self.failure)
        if self._streams:
            self.final = self._head(200, SSE_HEADERS)
            return b"".join([self._writer.stream(event) for event in events])
        return self._answer(events)

    def _answer(self, events: list[Event]) -> bytes:
        self.begun = True
        self.final = self._head(200, JSON_HEADERS)
        return self._writer.whole(events)

    def _error(self, failure: Failure) -> bytes:
        status, body = self._writer.error(failure)
        self.final = self._head(status, JSON_HEADERS)
        return body

    def _head(self, status: int, headers: Headers) -> Head:
        told, without = self._carry(self._headers)
        # Mostly nothing is added, and then nothing has to be made.
        return Head(
            status,
            (*headers, *told) if told else headers,
            (*_REWRITTEN, *without) if without else _REWRITTEN,
        )


@lru_cache(maxsize=64)
def _media_type(given: str) -> str:
    return given.partition(";")[0].strip().lower()
