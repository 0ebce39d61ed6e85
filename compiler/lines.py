"""Lines and columns of a source file: where an index of the text stands for people."""

from __future__ import annotations

from array import array
from bisect import bisect_right

from compiler.source import SourceFile, Span


class Lines:
    """A source file with the index at which each of its lines begins.

    Nodes hold two indexes and one of these, and make a ``Span`` only where one is wanted: of ten
    thousand routes few are ever pointed at.
    """

    __slots__ = ("_starts", "source")

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        starts = array("I", (0,))
        text = source.text
        at = text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = text.find("\n", at + 1)
        self._starts = starts

    def __len__(self) -> int:
        """How many lines there are; an empty file has one."""
        return len(self._starts)

    def span(self, start: int, end: int) -> Span:
        """Give the span of the text from index ``start`` to ``end``, which is exclusive."""
        line, column = self.position(start)
        end_line, end_column = self.position(max(start, end))
        return Span(self.source.name, line, column, end_line, end_column)

    def position(self, index: int) -> tuple[int, int]:
        """Give line and column, from 1, of an index; one past the end is the end."""
        index = max(0, min(index, len(self.source.text)))
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def index(self, line: int, column: int) -> int:
        """Give the index of a line and column, from 1; one past the end of the text is its end."""
        if line > len(self._starts):
            return len(self.source.text)
        return min(self._starts[line - 1] + column - 1, len(self.source.text))

    def line(self, number: int) -> str:
        """Give a line's text without its end; empty where there is no such line."""
        if not 1 <= number <= len(self._starts):
            return ""
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.source.text)
        return self.source.text[start:end].rstrip("\r\n")
