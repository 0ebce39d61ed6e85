"""The machine for an answer that is one small JSON: read to its end, then written anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ext_authz.translate.answering import MAX_WHOLE, Carry, Head
from ext_authz.translate.clients.writer import JSON_HEADERS, Writer
from ext_authz.translate.errors import Failure
from ext_authz.translate.provider_errors import classify
from ext_authz.translate.providers.reader import read_object
from ext_authz.translate.upstream import Headers

Rewrite = Callable[[dict[str, object], Mapping[str, str]], bytes | None]
"""From the provider's object and headers to the client's body; None: it is not what it must be."""


class Rewriting:
    """Rewrites one answer."""

    def __init__(self, rewrite: Rewrite, writer: Writer, carry: Carry) -> None:
        self._rewrite = rewrite
        self._writer = writer
        self._carry = carry
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self.begun = False
        self.failure: Failure | None = None
        self.final: Head | None = None

    def head(self, status: int, headers: Mapping[str, str]) -> Head | None:
        """Take the provider's head; the client's is known at the end."""
        self._status, self._headers = status, headers
        if headers.get("content-encoding", "identity") not in ("", "identity"):
            self.failure = Failure("server", "The provider's answer is compressed", 502)
        return None

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the body."""
        self._size += len(piece)
        if self._size > MAX_WHOLE:
            self.failure = Failure("server", "The provider's answer is too large", 502)
            self._body.clear()
        elif self.failure is None:
            self._body.append(piece)
        return b""

    def end(self) -> bytes:
        """Take the end of the body."""
        body = b"".join(self._body)
        self._body.clear()
        if self.failure is None and not 200 <= self._status < 300:
            self.failure = classify(self._status, self._headers, body)
        if self.failure is None:
            fields = read_object(body)
            written = None if fields is None else self._rewrite(fields, self._headers)
            if written is not None:
                self.begun = True
                self.final = self._head(200, JSON_HEADERS)
                return written
            self.failure = Failure("server", "The provider's answer cannot be read", 502)
        self.final, told = self.as_error()
        return told

    def as_error(self) -> tuple[Head, bytes]:
        """The failure as an answer of its own."""
        failure = self.failure or Failure("server", "The provider's answer broke off")
        status, body = self._writer.error(failure)
        return self._head(status, JSON_HEADERS), body

    def _head(self, status: int, headers: Headers) -> Head:
        told, without = self._carry(self._headers)
        return Head(status, (*headers, *told), ("content-length", "content-encoding", *without))
