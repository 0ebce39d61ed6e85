"""Lines of source as they may be shown: masked, printable, and with the width that they have."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from compiler.diagnostic import Diagnostic
from compiler.lines import Lines
from compiler.read import Sources
from compiler.render.mask import mask, mask_line
from compiler.source import Span

TAB = 4
"""How wide tabs are drawn."""

_SECRET_CODES = frozenset({"inline-secret"})
_REPLACEMENT = "\ufffd"


class Shown(NamedTuple):
    """A line ready for a terminal: ``columns[i]`` is where character ``i`` is drawn, from 0.

    There is one column more than characters: the width of the whole.
    """

    text: str
    columns: tuple[int, ...]


class Pages:
    """The lines of all sources, without what is secret.

    Where a diagnostic says that a value is a secret, the value is hidden from all diagnostics that
    show its lines.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], sources: Sources) -> None:
        self._sources = sources
        self._lines: dict[str, Lines | None] = {}
        self._at = ("", 0)
        self._kept = ("", Shown("", (0,)))
        self._secrets: dict[tuple[str, int], list[Span]] = {}
        for diagnostic in diagnostics:
            span = diagnostic.span
            if diagnostic.code in _SECRET_CODES and span is not None:
                for number in range(span.line, span.end_line + 1):
                    self._secrets.setdefault((span.file, number), []).append(span)

    def has(self, span: Span) -> bool:
        """Whether the first line of ``span`` can be shown."""
        lines = self._of(span.file)
        return lines is not None and bool(lines.source.text) and span.line <= len(lines)

    def line(self, file: str, number: int) -> str:
        """Give a line as it may be shown; each character stands where it stood."""
        return self._last(file, number)[0]

    def drawn(self, file: str, number: int) -> Shown:
        """Give the same line ready for a terminal."""
        return self._last(file, number)[1]

    def _last(self, file: str, number: int) -> tuple[str, Shown]:
        # A file may be one line of megabytes, with all faults in it.
        if (file, number) != self._at:
            text = self._masked(file, number)
            self._at, self._kept = (file, number), (text, drawn(text))
        return self._kept

    def _masked(self, file: str, number: int) -> str:
        lines = self._of(file)
        if lines is None:
            return ""
        text = lines.line(number)
        for span in self._secrets.get((file, number), ()):
            start = span.column - 1 if number == span.line else _indentation(text)
            end = span.end_column - 1 if number == span.end_line else len(text)
            text = text[:start] + "*" * len(text[start:end]) + text[max(start, end) :]
        return mask_line(text)

    def _of(self, file: str) -> Lines | None:
        if file not in self._lines:
            source = self._sources.find(file)
            self._lines[file] = Lines(source) if source is not None else None
        return self._lines[file]


def drawn(line: str) -> Shown:
    """Make a line printable: tabs become spaces, and what cannot be seen becomes a sign."""
    parts: list[str] = []
    columns = [0]
    at = 0
    for character in line:
        shown = printable(character)
        width = _width(shown)
        if character == "\t":
            width = TAB - at % TAB
            shown = " " * width
        parts.append(shown)
        at += width
        columns.append(at)
    return Shown("".join(parts), tuple(columns))


def said(text: str) -> str:
    """Make a message fit to be shown: on one line, printable, without credentials."""
    one_line = " ".join(text.split("\n"))
    return mask("".join(map(printable, one_line)))


def printable(character: str) -> str:
    """Give a character, or a visible sign for one that would steer the terminal or hide."""
    point = ord(character)
    if 0x20 <= point < 0x7F or character == "\t":
        return character
    if point < 0x20:
        return chr(0x2400 + point)
    if point == 0x7F:
        return "\u2421"
    category = unicodedata.category(character)
    joins = character in "\u200c\u200d"  # they make one sign of several letters
    if category in ("Cc", "Cs", "Zl", "Zp", "Co", "Cn") or (category == "Cf" and not joins):
        return _REPLACEMENT
    return character


def _width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.east_asian_width(character) in ("W", "F"):
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 1


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip())
