"""The outline that an editor shows of a file: sections, and the names in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from compiler.language.names import SECTIONS, Named
from compiler.language.token import Kind, Token


@dataclass(slots=True)
class Symbol:
    """A section (``named`` None), or a name in one; ``end`` is that of the last thing inside.

    ``start`` and ``stop`` are the indexes of the word itself.
    """

    name: str
    named: Named | None
    start: int
    stop: int
    end: int
    detail: str = ""
    inside: list[Symbol] = field(default_factory=list)


def symbols(tokens: tuple[Token, ...]) -> tuple[Symbol, ...]:
    """Give the sections of a file with what they declare; routes by their matches."""
    found: list[Symbol] = []
    for token in tokens:
        if token.kind is Kind.KEY and len(token.path) == 1:
            found.append(_symbol(token, None))
            continue
        if not found or token.path[0] != found[-1].name:
            continue
        section = found[-1]
        section.end = token.end
        if token.kind is Kind.KEY and len(token.path) == 2 and section.name in SECTIONS:
            section.inside.append(_symbol(token, SECTIONS[section.name]))
        elif section.name == "routes" and len(token.path) > 1:
            _route(section, token)
        if section.inside:
            section.inside[-1].end = token.end
    return tuple(found)


def _symbol(token: Token, named: Named | None) -> Symbol:
    return Symbol(token.text, named, token.start, token.end, token.end)


def _route(section: Symbol, token: Token) -> None:
    """Show a route by what it matches, or by its name where it has one."""
    place = token.path[1]
    if not isinstance(place, int):
        return
    if place >= len(section.inside):
        section.inside.append(_symbol(token, Named.ROUTE))
    shown = section.inside[-1]
    if token.kind is not Kind.VALUE:
        return
    if token.path[2:] in (("match",), ("match", "path"), ("match", "prefix")):
        shown.name, shown.detail = token.text, shown.detail or token.text
        shown.start, shown.stop = token.start, token.end
    elif token.path[2:] == ("name",):
        shown.detail = token.text
