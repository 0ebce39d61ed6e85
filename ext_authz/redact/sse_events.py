"""Server-sent events with the bytes they came in, cut anywhere: what does not change goes on as is.

Source: WHATWG HTML, section 9.2.6. `translate.framing.sse` reads the same without the bytes.
"""

from __future__ import annotations

import re
from typing import Final

from ext_authz.translate.framing.frame import MAX_FRAME, FrameTooLargeError

_END: Final = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)")
_LINE: Final = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_LINE_BREAK: Final = re.compile(rb"[\r\n]")


class RawEvent:
    """An event's bytes, and the payload of its `data` lines; None where it has none."""

    __slots__ = ("_data_end", "_data_start", "data", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.data: bytes | None = None
        self._data_start = self._data_end = 0
        # Nearly every event is one line of data, or that behind a line that names it.
        start = 0 if raw.startswith(b"data:") else raw.find(b"\ndata:") + 1
        if (start or raw.startswith(b"data:")) and raw.find(b"data:", start + 5) < 0:
            end = _LINE_BREAK.search(raw, start)
            self._data_start = start + (6 if raw[start + 5 : start + 6] == b" " else 5)
            self._data_end = len(raw) if end is None else end.start()
            self.data = raw[self._data_start : self._data_end]
        else:
            self._read_lines(raw)

    def _read_lines(self, raw: bytes) -> None:
        pieces: list[bytes] = []
        for line in _LINE.finditer(raw.removeprefix(b"\xef\xbb\xbf")):
            name, colon, value = line[1].partition(b":")
            if name == b"data":
                pieces.append(value.removeprefix(b" ") if colon else b"")
        if pieces:
            self.data = b"\n".join(pieces)

    def with_data(self, data: bytes) -> bytes:
        """Return the event with other JSON in it."""
        if b"\n" in data:
            data = data.replace(b"\n", b" ")  # between its tokens: strings have no line breaks
        if self._data_end:
            return self.raw[: self._data_start] + data + self.raw[self._data_end :]
        kept: list[bytes] = []
        written = False
        for line in _LINE.finditer(self.raw):
            if line[1].removeprefix(b"\xef\xbb\xbf").partition(b":")[0] != b"data":
                kept.append(line[0])
            elif not written:
                written = True
                kept += (b"data: ", data, line[2])
        return b"".join(kept)


def _is_one(piece: bytes) -> bool:
    return piece.find(b"\n\n") == len(piece) - 2 and b"\r" not in piece


class EventSplitter:
    """Events out of pieces of a stream: `feed` each piece, `end` once."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._searched = 0

    def feed(self, piece: bytes) -> list[RawEvent]:
        """Return the events that end in this piece; raises `FrameTooLargeError`."""
        rest = self._rest
        if not rest and piece.endswith(b"\n\n") and _is_one(piece):
            # One event as a whole, as most come; none is larger than the pieces are.
            return [RawEvent(piece)]
        rest += piece
        # A CR at the end may be half of a line's end: what is there is looked at with the rest.
        readable = len(rest) - 1 if rest.endswith(b"\r") else len(rest)
        events: list[RawEvent] = []
        start = 0
        at = max(0, self._searched - 3)
        while (found := _END.search(rest, at, readable)) is not None:
            events.append(RawEvent(bytes(rest[start : found.end()])))
            start = at = found.end()
        if start:
            del rest[:start]
        self._searched = len(rest)
        if len(rest) > self._limit:
            raise FrameTooLargeError(self._limit)
        return events

    def end(self) -> list[RawEvent]:
        """Return what the end of the stream cut."""
        rest = bytes(self._rest)
        self._rest.clear()
        return [RawEvent(rest)] if rest else []
