"""Draw the lines that a diagnostic is about, with marks below what is meant."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from compiler.diagnostic import Diagnostic
from compiler.render.page import Pages, drawn, said
from compiler.source import Span

MAX_WIDTH = 120
"""Columns of source that are shown; of longer lines, those around the mark."""

_BEFORE = 40


class Mark(NamedTuple):
    """A piece of one line, marked: columns from 1, the end is exclusive and at least one on.

    ``end`` is None where the mark goes on to the end of the line.
    """

    line: int
    start: int
    end: int | None
    text: str
    primary: bool


class Row(NamedTuple):
    """A row of a snippet: a line of source with its number, marks below one, or a gap."""

    number: int | None
    text: str
    primary: bool = False
    is_gap: bool = False


class Snippet(NamedTuple):
    """What is shown of one file; ``place`` is where a reader should look first."""

    place: Span
    rows: tuple[Row, ...]


def snippets(diagnostic: Diagnostic, pages: Pages) -> tuple[Snippet, ...]:
    """Give the snippets of a diagnostic: its own file first, then those of its other labels.

    A snippet has no rows where the file is not at hand.
    """
    if diagnostic.span is None:
        return ()
    by_file: dict[str, list[tuple[Span, str, bool]]] = {
        diagnostic.span.file: [(diagnostic.span, diagnostic.text, True)]
    }
    for label in diagnostic.labels:
        by_file.setdefault(label.span.file, []).append((label.span, label.text, False))
    return tuple(
        Snippet(found[0][0], tuple(_rows(found, pages)) if pages.has(found[0][0]) else ())
        for found in by_file.values()
    )


def _rows(found: list[tuple[Span, str, bool]], pages: Pages) -> Iterator[Row]:
    file = found[0][0].file
    by_line: dict[int, list[Mark]] = {}
    for span, text, primary in found:
        for mark in _marks(span, said(text), primary, pages):
            by_line.setdefault(mark.line, []).append(mark)
    last = None
    for number in sorted(by_line):
        if last is not None and number > last + 1:
            yield Row(None, "", is_gap=True)
        last = number
        yield from _line(number, pages, file, by_line[number])


def _marks(span: Span, text: str, primary: bool, pages: Pages) -> Iterator[Mark]:
    """Give the marks of a span: one, or one at its first and one at its last line."""
    if span.line == span.end_line:
        yield Mark(span.line, span.column, max(span.end_column, span.column + 1), text, primary)
        return
    last = pages.line(span.file, span.end_line)
    start = len(last) - len(last.lstrip()) + 1
    yield Mark(span.line, span.column, None, "", primary)
    yield Mark(span.end_line, start, max(span.end_column, start + 1), text, primary)


def _line(number: int, pages: Pages, file: str, marks: list[Mark]) -> Iterator[Row]:
    """Give a line and the marks below it; a long line once for each mark."""
    text, shown = pages.line(file, number), pages.drawn(file, number)
    width = shown.columns[-1]
    if width <= MAX_WIDTH:
        yield Row(number, shown.text.rstrip())
        for mark in _ordered(marks):
            start, end = _columns(mark, shown.columns)
            yield _marked(mark, start, end)
        return
    for mark in _ordered(marks):
        start, end = _columns(mark, shown.columns)
        first = bisect_left(shown.columns, max(0, start - _BEFORE))
        begin = shown.columns[first]
        stop = bisect_right(shown.columns, begin + MAX_WIDTH) - 1
        piece = drawn(text[first:stop].replace("\t", " "))
        left = "\u2026" if first else ""
        right = "\u2026" if stop < len(text) else ""
        shift = len(left) - begin
        yield Row(number, f"{left}{piece.text}{right}".rstrip())
        yield _marked(mark, start + shift, min(end + shift, piece.columns[-1] + len(left)))


def _ordered(marks: Iterable[Mark]) -> list[Mark]:
    return sorted(marks, key=lambda mark: (not mark.primary, mark.start))


def _columns(mark: Mark, columns: tuple[int, ...]) -> tuple[int, int]:
    """Give where a mark is drawn; one behind the end of the line stands there."""
    length = len(columns) - 1
    start = columns[min(mark.start - 1, length)]
    end = columns[length if mark.end is None else min(mark.end - 1, length)]
    return start, max(end, start + 1)


def _marked(mark: Mark, start: int, end: int) -> Row:
    sign = "^" if mark.primary else "-"
    text = f"{' ' * start}{sign * max(1, end - start)} {mark.text}"
    return Row(None, text.rstrip(), mark.primary)
