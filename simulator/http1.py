"""HTTP/1.1 as a server reads and frames it, free of any socket (RFC 9112).

Its own and small, because the recorder needs header values exactly as they came, and a load test
needs a request to cost microseconds. It is strict: what could be read in two ways (two lengths,
a bare line feed, a space before a colon) is refused, so a gateway that smuggles is caught here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus

from simulator.message import Answer, Headers, Request

MOST_HEAD_BYTES = 64 << 10
MOST_BODY_BYTES = 64 << 20

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/(1\.[01])")
# Visible characters and bytes above ASCII, with blanks only between them (RFC 9110, 5.5).
_HEADER = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*"
    rb"((?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*"
)
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\0]*)?")
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_NO_BODY = frozenset({204, 205, 304})


class HttpError(Exception):
    """The bytes are no request that can be served; `status` is what HTTP calls it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request, before its body; `request` has an empty body."""

    request: Request
    expects_continue: bool


@dataclass(slots=True)
class Reader:
    """Reads requests from the bytes of one connection: `feed` bytes, then take `next_event`s.

    Events are a `Head`, then the whole `Request`; None says that more bytes are needed. Raises
    `HttpError` for what is no HTTP, after which the connection must be closed.
    """

    keep_alive: bool = True
    _buffer: bytearray = field(default_factory=bytearray)
    _head: Head | None = None
    _body: bytearray = field(default_factory=bytearray)
    _length: int = 0
    _chunked: bool = False
    _searched: int = 0
    _trailers: bool = False

    @property
    def buffered(self) -> int:
        """How many bytes wait that no event has used yet."""
        return len(self._buffer)

    @property
    def partial_body(self) -> bytes:
        """What came of a body that is not whole yet."""
        return bytes(self._body) + (b"" if self._chunked else bytes(self._buffer[: self._length]))

    def feed(self, data: bytes) -> None:
        """Take bytes from the wire."""
        self._buffer += data

    def next_event(self) -> Head | Request | None:
        """The next event, or None when more bytes are needed."""
        if self._head is None:
            return self._read_head()
        whole = self._read_chunks() if self._chunked else self._read_length()
        if whole is None:
            return None
        head, self._head = self._head, None
        self._body = bytearray()
        request = head.request
        return Request(request.method, request.target, request.headers, whole, request.version)

    def _read_head(self) -> Head | None:
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]  # RFC 9112, 2.2: an empty line before a request is ignored
        end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0 or end > MOST_HEAD_BYTES:
            if _BARE_LINE_FEED.search(self._buffer, max(0, self._searched - 1)):
                raise HttpError(400, "a line ends without a carriage return")
            self._searched = len(self._buffer)
            if self._searched > MOST_HEAD_BYTES:
                raise HttpError(431, "the request's head is too large")
            return None
        lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        self._searched = 0
        line = _REQUEST_LINE.fullmatch(lines[0])
        if line is None:
            raise HttpError(400, "the request line is malformed")
        headers = _headers(lines[1:])
        method, target, version = (part.decode("ascii") for part in line.groups())
        request = Request(method, target, headers, b"", version)
        self._frame(request)
        wants = (request.header(b"expect") or b"").lower() == b"100-continue"
        self._head = Head(request, wants and not self._buffer)
        return self._head

    def _frame(self, request: Request) -> None:
        """How the body is delimited (RFC 9112, 6.3), refusing whatever is ambiguous."""
        lengths, encodings, hosts, connection = [], [], 0, b""
        for name, value in request.headers:
            match name.lower():
                case b"content-length":
                    lengths.append(value)
                case b"transfer-encoding":
                    encodings.append(value.lower())
                case b"host":
                    hosts += 1
                case b"connection":
                    connection += b"," + value.lower()
        if hosts > 1 or (hosts == 0 and request.version == "1.1"):
            raise HttpError(400, "exactly one Host header is needed")
        if len(lengths) > 1 or (lengths and encodings):
            raise HttpError(400, "the length of the body is ambiguous")
        if encodings and (encodings != [b"chunked"] or request.version == "1.0"):
            raise HttpError(501, "the transfer encoding is not supported")
        options = {option.strip() for option in connection.split(b",")}
        self.keep_alive = request.version == "1.1" and b"close" not in options
        self._chunked, self._length, self._trailers = bool(encodings), 0, False
        if lengths:
            if not re.fullmatch(rb"[0-9]{1,15}", lengths[0]):
                raise HttpError(400, "Content-Length is no number")
            self._length = int(lengths[0])
            if self._length > MOST_BODY_BYTES:
                raise HttpError(413, "the body is too large")

    def _read_length(self) -> bytes | None:
        if len(self._buffer) < self._length:
            return None
        whole = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        return whole

    def _read_chunks(self) -> bytes | None:
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0 or end > MOST_HEAD_BYTES:
                if len(self._buffer) > MOST_HEAD_BYTES:
                    raise HttpError(400, "a chunk's line is too long")
                return None
            line = bytes(self._buffer[:end])
            if self._trailers:
                del self._buffer[: end + 2]
                if not line:
                    return bytes(self._body)
                _headers([line])
                continue
            size_line = _CHUNK_LINE.fullmatch(line)
            if size_line is None:
                raise HttpError(400, "a chunk's size is malformed")
            size = int(size_line[1], 16)
            if size == 0:
                del self._buffer[: end + 2]
                self._trailers = True
                continue
            if len(self._body) + size > MOST_BODY_BYTES:
                raise HttpError(413, "the body is too large")
            start = end + 2
            if len(self._buffer) < start + size + 2:
                return None
            if self._buffer[start + size : start + size + 2] != b"\r\n":
                raise HttpError(400, "a chunk does not end where it said")
            self._body += self._buffer[start : start + size]
            del self._buffer[: start + size + 2]


def _headers(lines: list[bytes]) -> Headers:
    headers = []
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise HttpError(400, "a header line is malformed")
        headers.append((match[1], match[2]))
    return tuple(headers)


def has_body(method: str, answer: Answer) -> bool:
    """Whether an answer to this method carries a body (RFC 9110, 6.4.1)."""
    return method != "HEAD" and answer.status not in _NO_BODY


def encode_head(answer: Answer, version: str, *, keep_alive: bool) -> bytes:
    """The status line and headers; without a length the body is chunked, or ends with HTTP/1.0."""
    lines = [b"HTTP/1.1 %d %b" % (answer.status, _REASONS.get(answer.status, b"Simulated"))]
    lines += [name + b": " + value for name, value in answer.headers]
    if answer.content_length is not None:
        lines.append(b"content-length: %d" % answer.content_length)
    elif version == "1.1":
        lines.append(b"transfer-encoding: chunked")
    if not keep_alive:
        lines.append(b"connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def encode_data(data: bytes, answer: Answer, version: str) -> bytes:
    """A piece of the body as it stands on the wire."""
    if answer.content_length is not None or version == "1.0" or not data:
        return data
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_end(answer: Answer, version: str) -> bytes:
    """What says that the body is whole."""
    return b"0\r\n\r\n" if answer.content_length is None and version == "1.1" else b""
