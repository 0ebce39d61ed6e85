"""Answers of `compiler.language` in the types of the protocol (LSP 3.17)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from lsprotocol import types
from pygls import uris

from compiler.diagnostic import Diagnostic, Severity
from compiler.language.completing import Proposal, ProposalKind
from compiler.language.names import Declaration, Named
from compiler.language.pointing import Hover
from compiler.language.positions import Encoding, Positions
from compiler.language.symbols import Symbol
from compiler.language.understanding import Understood
from compiler.lines import Lines
from compiler.render.mask import mask
from compiler.source import SourceFile, Span

_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}
_PROPOSED: Final = {
    ProposalKind.KEY: types.CompletionItemKind.Property,
    ProposalKind.WORD: types.CompletionItemKind.EnumMember,
    ProposalKind.NAME: types.CompletionItemKind.Reference,
}
_SYMBOLS: Final = {
    Named.LISTENER: types.SymbolKind.Interface,
    Named.SERVICE: types.SymbolKind.Module,
    Named.PROVIDER: types.SymbolKind.Module,
    Named.MODEL: types.SymbolKind.Class,
    Named.ROUTE: types.SymbolKind.Method,
    Named.TENANT: types.SymbolKind.Object,
    Named.TIER: types.SymbolKind.Enum,
}

At = Callable[[str], Positions]
"""The positions of a file's text, by the file's name."""

_Placed = Callable[[Span], types.Range]


def positions_of(known: Understood, encoding: Encoding) -> At:
    """Give a function from a file's name to the positions of its text, each made once."""
    made: dict[str, Positions] = {}

    def at(file: str) -> Positions:
        if file not in made:
            made[file] = Positions(known.text(file), encoding)
        return made[file]

    return at


def diagnostics(
    known: Understood, encoding: Encoding, default: str
) -> dict[str, list[types.Diagnostic]]:
    """Give what is wrong by file; what has no place stands at the beginning of ``default``."""
    placed = _placing(known, encoding)
    by_file: dict[str, list[types.Diagnostic]] = {}
    for one in known.diagnostics:
        file = default if one.span is None else one.span.file
        by_file.setdefault(file, []).append(_diagnostic(one, file, placed))
    return by_file


def _diagnostic(one: Diagnostic, file: str, placed: _Placed) -> types.Diagnostic:
    message = f"{one.message}: {one.text}" if one.text else one.message
    if one.hint:
        message += f"\nhelp: {one.hint}"
    span = one.span or Span(file, 1, 1, 1, 1)
    related = [
        types.DiagnosticRelatedInformation(
            types.Location(uri_of(label.span.file), placed(label.span)), mask(label.text)
        )
        for label in one.labels
    ]
    return types.Diagnostic(
        range=placed(span),
        message=mask(message),
        severity=_SEVERITIES[one.severity],
        code=one.code,
        source="gatewright",
        related_information=related or None,
    )


def _placing(known: Understood, encoding: Encoding) -> _Placed:
    """Give a function from a span, whose lines end with LF alone, to its range."""
    at = positions_of(known, encoding)
    made: dict[str, Lines] = {}

    def placed(span: Span) -> types.Range:
        if span.file not in made:
            made[span.file] = Lines(SourceFile(span.file, known.text(span.file)))
        lines = made[span.file]
        return _range(
            at(span.file),
            lines.index(span.line, span.column),
            lines.index(span.end_line, span.end_column),
        )

    return placed


def completions(proposals: Iterable[Proposal], at: Positions) -> list[types.CompletionItem]:
    """Give proposals in their order, each with the text that it takes the place of."""
    return [
        types.CompletionItem(
            label=one.label,
            kind=_PROPOSED[one.kind],
            detail=one.detail or None,
            documentation=types.MarkupContent(types.MarkupKind.Markdown, one.docs)
            if one.docs
            else None,
            sort_text=f"{place:05}",
            filter_text=one.label,
            text_edit=types.TextEdit(_range(at, one.start, one.end), one.insert),
        )
        for place, one in enumerate(proposals)
    ]


def hover(found: Hover | None, at: Positions) -> types.Hover | None:
    """Give a hover, or nothing."""
    if found is None:
        return None
    content = types.MarkupContent(types.MarkupKind.Markdown, found.text)
    return types.Hover(content, _range(at, found.start, found.end))


def locations(found: Iterable[Declaration], at: At) -> list[types.Location]:
    """Give places of names, in whatever files."""
    return [
        types.Location(uri_of(one.file), _range(at(one.file), one.start, one.end)) for one in found
    ]


def symbols(found: Iterable[Symbol], at: Positions) -> list[types.DocumentSymbol]:
    """Give the outline of a file."""
    return [
        types.DocumentSymbol(
            name=one.name or "(no name)",
            kind=types.SymbolKind.Namespace
            if one.named is None
            else _SYMBOLS.get(one.named, types.SymbolKind.Key),
            range=_range(at, one.start, one.end),
            selection_range=_range(at, one.start, one.stop),
            detail=one.detail or None,
            children=symbols(one.inside, at),
        )
        for one in found
    ]


def uri_of(file: str) -> str:
    """Give the address of a file; one that is open without being a file is called by its own."""
    if ":" in file.partition("/")[0]:
        return file
    return uris.from_fs_path(str(Path(file))) or file


def _range(at: Positions, start: int, end: int) -> types.Range:
    return types.Range(types.Position(*at.position(start)), types.Position(*at.position(end)))
