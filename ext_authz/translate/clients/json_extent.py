"""Whether the pieces of a JSON object that came so far are the whole of it, told piece by piece."""

from __future__ import annotations

import re
from typing import Final

_MARK: Final = re.compile(r'\\(?s:.)|\\\Z|["{}\[\]]')


class JsonExtent:
    """Follows one value; each character is looked at once, however it is cut."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.complete = False

    def add(self, piece: str) -> None:
        """Follow one more piece."""
        at = 0
        if self._escaped and piece:
            self._escaped = False
            at = 1
        for found in _MARK.finditer(piece, at):
            mark = found[0]
            if mark[0] == "\\":
                self._escaped = self._in_string and len(mark) == 1
            elif mark == '"':
                self._in_string = not self._in_string
            elif self._in_string:
                continue
            elif mark in "{[":
                self._depth += 1
            else:
                self._depth -= 1
                self.complete = self._depth <= 0
