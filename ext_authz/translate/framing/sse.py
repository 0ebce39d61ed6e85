"""Server-sent events: lines to frames, however the bytes are cut.

Source: WHATWG HTML, section 9.2.6 (parsing an event stream). Lines end in LF, CRLF or CR; lines
that begin with a colon are comments; one space after a field's colon is dropped; several `data`
lines are joined by LF. Memory is bounded by the largest event.
"""

from __future__ import annotations

import re
from typing import Final

from ext_authz.translate.framing.frame import MAX_FRAME, Frame, FrameTooLargeError

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_BOM: Final = b"\xef\xbb\xbf"


class SseDecoder:
    """Frames out of pieces of a stream: `feed` each piece, `end` once."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._line: list[bytes] = []  # the pieces of a line that has not ended
        self._event = b""
        self._data: list[bytes] = []
        self._held = 0  # bytes in both
        self._skip_lf = False  # the last piece ended in CR: an LF that follows belongs to it
        self._at_start = True

    def feed(self, piece: bytes) -> list[Frame]:
        """Return the frames that end in this piece; raises `FrameTooLargeError`."""
        if self._skip_lf and piece:
            self._skip_lf = False
            if piece[0] == 0x0A:
                piece = piece[1:]
        if b"\r" in piece:
            lines = _LINE_END.split(piece)
            self._skip_lf = piece.endswith(b"\r")
        else:
            lines = piece.split(b"\n")
        rest = lines.pop()
        frames: list[Frame] = []
        for found in lines:
            line = found
            if self._line:
                line = self._joined(found)
            if not line:
                if self._data:
                    frames.append(self._frame())
                self._event = b""
                self._held = 0
                continue
            self._take(line)
        if rest:
            self._line.append(rest)
            self._held += len(rest)
            if self._held > self._limit:
                raise FrameTooLargeError(self._limit)
        return frames

    def end(self) -> list[Frame]:
        """Return the frame that the end of the stream cut: whoever reads it sees what is missing.

        The standard would drop it, but some servers end with no empty line after the last event.
        """
        if self._line:
            self._take(self._joined(b""))
        return [self._frame()] if self._data else []

    def _joined(self, rest: bytes) -> bytes:
        line = b"".join(self._line)
        self._line.clear()
        self._held -= len(line)
        return line + rest

    def _take(self, line: bytes) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        name, colon, value = line.partition(b":")
        if colon and value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._held += len(value) + 1
            if self._held > self._limit:
                raise FrameTooLargeError(self._limit)
        elif name == b"event":
            self._event = value

    def _frame(self) -> Frame:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        return Frame(self._event.decode("ascii", "replace") if self._event else "", data)
