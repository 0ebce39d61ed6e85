"""Positions of the Language Server Protocol, and indexes of a text.

Lines count from 0 and end with LF, CR LF or CR; columns count code units of the encoding that
client and server have agreed on (LSP 3.17, "Position").
"""

from __future__ import annotations

import re
from bisect import bisect_right
from enum import StrEnum
from typing import NamedTuple

_END = re.compile(r"\r\n|\n|\r")


class Encoding(StrEnum):
    """In what columns are counted."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


class Position(NamedTuple):
    """A place between two characters, from 0."""

    line: int
    character: int


class Positions:
    """One text, and where its lines begin."""

    __slots__ = ("_encoding", "_starts", "_text")

    def __init__(self, text: str, encoding: Encoding = Encoding.UTF16) -> None:
        self._text = text
        self._encoding = encoding
        self._starts = [0, *(found.end() for found in _END.finditer(text))]

    def index(self, position: Position) -> int:
        """Give the index of a position; what is behind a line's end is its end."""
        if position.line < 0:
            return 0
        if position.line >= len(self._starts):
            return len(self._text)
        start = self._starts[position.line]
        line = self._line(position.line)
        if self._encoding is Encoding.UTF32 or line.isascii():
            return start + max(0, min(position.character, len(line)))
        units = 0
        for place, sign in enumerate(line):
            if units >= position.character:
                return start + place
            units += _units(sign, self._encoding)
        return start + len(line)

    def position(self, index: int) -> Position:
        """Give the position of an index; one past the end is the end."""
        index = max(0, min(index, len(self._text)))
        line = bisect_right(self._starts, index) - 1
        before = self._text[self._starts[line] : index]
        if self._encoding is Encoding.UTF32 or before.isascii():
            return Position(line, len(before))
        return Position(line, sum(_units(sign, self._encoding) for sign in before))

    def _line(self, number: int) -> str:
        start = self._starts[number]
        last = number + 1 == len(self._starts)
        end = len(self._text) if last else self._starts[number + 1]
        return self._text[start:end].rstrip("\r\n")


def _units(sign: str, encoding: Encoding) -> int:
    if encoding is Encoding.UTF16:
        return 2 if ord(sign) > 0xFFFF else 1
    # A lone surrogate, which JSON can carry, has no UTF-8; it is counted as it would be.
    return len(sign.encode("utf-8", "surrogatepass"))
