"""A client that sends requests byte for byte, as no HTTP library would, over kept connections."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Client:
    """A client of one listener; not for several threads."""

    port: int
    timeout: float = 10.0
    _reader: Any = field(default=None)
    _socket: socket.socket | None = None

    def ask(
        self,
        method: str,
        target: str,
        host: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Answered:
        """Send one request; a connection that was closed meanwhile is made anew, once."""
        lines = [f"{method} {target} HTTP/1.1", f"host: {host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body or method in ("POST", "PUT"):
            lines.append(f"content-length: {len(body)}")
        sent = "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body
        fresh = self._socket is None
        try:
            return self._exchange(sent, method)
        except (EOFError, ConnectionError):
            self.close()
            if fresh:
                raise
            return self._exchange(sent, method)

    def close(self) -> None:
        if self._socket is not None:
            self._reader.close()
            self._socket.close()
        self._socket = None

    def _exchange(self, sent: bytes, method: str) -> Answered:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), self.timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._reader = self._socket.makefile("rb")
        self._socket.sendall(sent)
        line = self._reader.readline()
        if not line:
            raise EOFError
        status = int(line.split()[1])
        headers: dict[str, str] = {}
        while (raw := self._reader.readline().rstrip(b"\r\n")) != b"":
            name, _, value = raw.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif "transfer-encoding" in headers:
            body = self._chunks()
        else:
            body = self._reader.read(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return Answered(status, headers, body)

    def _chunks(self) -> bytes:
        body = b""
        while True:
            line = self._reader.readline()
            if not line:
                return body  # broken off
            size = int(line, 16)
            body += self._reader.read(size)
            self._reader.readline()
            if not size:
                return body
