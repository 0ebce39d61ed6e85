"""Diagnostics for people: what is wrong, the line it is about, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.diagnostic import Diagnostic, Severity
from compiler.read import Sources
from compiler.render.page import Pages, said
from compiler.render.snippet import Row, Snippet, snippets

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_FRAME = "\x1b[1;34m"
_HELP = "\x1b[1;36m"
_SEVERITY = {
    Severity.ERROR: "\x1b[1;31m",
    Severity.WARNING: "\x1b[1;33m",
    Severity.NOTE: "\x1b[1;32m",
}


def render_text(diagnostics: Sequence[Diagnostic], sources: Sources, *, color: bool = False) -> str:
    """Give all diagnostics, an empty line between them; ``color`` adds ANSI colours."""
    pages = Pages(diagnostics, sources)
    blocks = ["\n".join(_lines(one, pages, color=color)) for one in diagnostics]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def excerpt(diagnostic: Diagnostic, pages: Pages) -> str:
    """Give what `render_text` shows below a diagnostic's first line, without colours."""
    return "\n".join(list(_lines(diagnostic, pages, color=False))[1:])


def _lines(diagnostic: Diagnostic, pages: Pages, *, color: bool) -> Iterator[str]:
    def paint(style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if color and text else text

    tint = _SEVERITY[diagnostic.severity]
    head = f"{diagnostic.severity.value}[{diagnostic.code}]"
    yield paint(tint, head) + paint(_BOLD, f": {said(diagnostic.message)}")
    found = snippets(diagnostic, pages)
    numbers = [row.number for one in found for row in one.rows if row.number is not None]
    gutter = " " * len(str(max(numbers, default=1)))
    for index, snippet in enumerate(found):
        arrow = "-->" if index == 0 else ":::"
        yield f"{gutter}{paint(_FRAME, arrow)} {snippet.place}"
        if not snippet.rows:
            yield from _unseen(diagnostic, snippet, index, gutter)
            continue
        yield f"{gutter} {paint(_FRAME, '|')}"
        for row in snippet.rows:
            if row.is_gap:
                yield paint(_FRAME, "...")
            elif row.number is not None:
                frame = paint(_FRAME, f"{row.number:>{len(gutter)}} |")
                yield f"{frame} {row.text}".rstrip()
            else:
                text = _painted(row, paint(tint if row.primary else _FRAME, row.text.lstrip()))
                yield f"{gutter} {paint(_FRAME, '|')} {text}"
    if diagnostic.hint:
        yield f"{gutter} {paint(_FRAME, '=')} {paint(_HELP, 'help')}: {said(diagnostic.hint)}"
    for note in diagnostic.notes:
        yield f"{gutter} {paint(_FRAME, '=')} {paint(_BOLD, 'note')}: {said(note)}"


def _painted(row: Row, painted: str) -> str:
    return " " * (len(row.text) - len(row.text.lstrip())) + painted


def _unseen(diagnostic: Diagnostic, snippet: Snippet, index: int, gutter: str) -> Iterator[str]:
    """Say in words what would stand below the lines of a file that is not at hand."""
    if index == 0:
        if diagnostic.text:
            yield f"{gutter} = {said(diagnostic.text)}"
        return
    for label in diagnostic.labels:
        if label.span.file == snippet.place.file:
            yield f"{gutter} = {said(label.text)}"
