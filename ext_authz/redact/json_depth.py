"""How deep in strings of JSON a place is, in JSON text that comes in pieces.

A tool may be called with JSON in a string of its arguments. A value that is put back there must be
escaped twice. Whether a string holds JSON is told by its first letter.
"""

from __future__ import annotations

import re
from typing import Final

_MARK: Final = re.compile(r'\\(?:.|\Z)|"', re.DOTALL)


class StringDepth:
    """Reads JSON text: `is_nested` says whether the next letter is in JSON that is in a string."""

    def __init__(self) -> None:
        self.is_nested = False
        self._in_string = False
        self._is_first = False  # the next letter is the first of a string
        self._is_escaped = False

    def read(self, text: str) -> None:
        """Take a piece, cut anywhere."""
        if not text:
            return
        if self._is_first:
            self._look(text)
        at = 1 if self._is_escaped else 0
        self._is_escaped = False
        for found in _MARK.finditer(text, at):
            mark = found[0]
            if mark == "\\":
                self._is_escaped = True
            elif mark == '"':
                self._in_string = not self._in_string
                self.is_nested = self._is_first = False
                if self._in_string:
                    self._is_first = True
                    self._look(text[found.end() : found.end() + 16])

    def pass_value(self) -> None:
        """Take a value: a string that begins with one holds no JSON."""
        self._is_first = False

    def _look(self, text: str) -> None:
        if begun := text.lstrip():
            self.is_nested = begun[0] in "{["
            self._is_first = False
