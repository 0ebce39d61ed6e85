"""AWS event streams (`application/vnd.amazon.eventstream`): messages to frames, cut anywhere.

Source: the Smithy specification, "Amazon Event Stream". A message is

    total length (4) | length of headers (4) | CRC32 of these eight | headers | payload | CRC32

in network order; the second CRC is over all that stands before it. A header is a name of up to
255 bytes, a type and a value. Both checksums are verified.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from ext_authz.translate.framing.frame import MAX_FRAME, Frame, FrameTooLargeError, FramingError

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"

_PRELUDE: Final = struct.Struct("!III")
_SMALLEST: Final = 16
_STRING: Final = 7
# Sizes of the values of fixed size by type: booleans, numbers, a timestamp, a UUID.
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class EventStreamDecoder:
    """Frames out of pieces of a stream: `feed` each piece, `end` once.

    A frame's `event` is the `:event-type`; for `:message-type` exception and error its `exception`
    is the `:exception-type` or the `:error-code`.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._wanted = 0  # the length of the message that has begun, once its prelude is verified

    def feed(self, piece: bytes) -> list[Frame]:
        """Return the frames that end in this piece; raises `FramingError`."""
        buffer = self._buffer
        buffer += piece
        frames: list[Frame] = []
        at = 0
        while True:
            if not self._wanted:
                if len(buffer) - at < _PRELUDE.size:
                    break
                self._wanted = self._measure(at)
            if len(buffer) - at < self._wanted:
                break
            frames.append(_read(memoryview(buffer)[at : at + self._wanted].tobytes()))
            at += self._wanted
            self._wanted = 0
        if at:
            del buffer[:at]
        return frames

    def end(self) -> list[Frame]:
        """Return nothing, or raise `FramingError` where a message was cut."""
        if self._buffer:
            raise FramingError("the event stream ends inside a message")
        return []

    def _measure(self, at: int) -> int:
        total, headers, crc = _PRELUDE.unpack_from(self._buffer, at)
        if zlib.crc32(self._buffer[at : at + 8]) != crc:
            raise FramingError("the checksum of an event's prelude is wrong")
        if total > self._limit:
            raise FrameTooLargeError(self._limit)
        if total < _SMALLEST or headers > total - _SMALLEST:
            raise FramingError("the lengths of an event do not fit")
        return int(total)


def _read(message: bytes) -> Frame:
    if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:]):
        raise FramingError("the checksum of an event is wrong")
    end = _PRELUDE.size + int.from_bytes(message[4:8])
    headers = _headers(message[_PRELUDE.size : end])
    payload = message[end:-4]
    kind = headers.get(":message-type", "event")
    if kind == "event":
        return Frame(headers.get(":event-type", ""), payload)
    named = headers.get(":exception-type") or headers.get(":error-code") or kind
    if not payload and (told := headers.get(":error-message")):
        payload = told.encode()
    return Frame("", payload, named)


def _headers(block: bytes) -> dict[str, str]:
    """Read the headers that are strings; the others are skipped by their size."""
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(block):
            start = at + 1
            name_end = start + block[at]
            kind = block[name_end]
            value = name_end + 1
            if kind in _SIZES:
                at = value + _SIZES[kind]
            else:
                size = int.from_bytes(block[value : value + 2])
                at = value + 2 + size
                if kind == _STRING:
                    name = block[start:name_end].decode("utf-8", "replace")
                    headers[name] = block[value + 2 : at].decode("utf-8", "replace")
    except IndexError:
        raise FramingError("the headers of an event are cut") from None
    if at != len(block):
        raise FramingError("the headers of an event are cut")
    return headers
