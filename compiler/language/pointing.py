"""What stands under a position: what it means, and where what it names is declared."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from compiler.language.docs import key_docs
from compiler.language.effective import effective, origin_of
from compiler.language.forms import key_at, required_at
from compiler.language.names import (
    Declaration,
    Named,
    Reference,
    declarations,
    reference,
)
from compiler.language.token import Kind, Token
from compiler.language.understanding import Understood
from compiler.plan_accounts import Tenant
from compiler.render.mask import mask

_STALE = "_The policy has errors; this is of its last text without._"


@dataclass(frozen=True, slots=True)
class Hover:
    """Markdown about the text between two indexes."""

    text: str
    start: int
    end: int


def token_at(tokens: tuple[Token, ...], index: int) -> Token | None:
    """Give the key or value that ``index`` stands in, or right behind; tokens are in order."""
    place = bisect_right(tokens, index, key=lambda token: token.start) - 1
    if place < 0 or index > tokens[place].end:
        return None
    return tokens[place]


def hover(known: Understood, file: str, index: int) -> Hover | None:
    """Tell what stands at ``index`` of a file: effective values of names, docs of keys."""
    token = token_at(known.outlines.get(file, ()), index)
    if token is None:
        return None
    found = _named(token, file)
    if found is not None and found.start <= index <= found.end and known.plan is not None:
        text = effective(known.plan, found.named, found.name)
        if text:
            return _hover(text, found.start, found.end, known)
    path = token.path
    while path and isinstance(path[-1], int):
        path = path[:-1]  # an item is told of as the list that it stands in
    schema = key_at(path)
    if schema is None:
        return None
    parts = [f"**`{path[-1]}`**", key_docs(schema, required=path[-1] in required_at(path[:-1]))]
    stale = False
    if known.plan is not None and path[0] == "tenants" and len(path) == 3:
        value = origin_of(known.plan, str(path[1]), str(path[2]))
        if value:
            parts.append(f"In the end:\n\n{value}")
            stale = known.stale
    text = _nearer(mask("\n\n".join(parts)), known)
    return Hover(f"{text}\n\n{_STALE}" if stale else text, token.start, token.end)


def definitions(known: Understood, file: str, index: int) -> tuple[Declaration, ...]:
    """Give where the name at ``index`` is declared; a declaration is its own."""
    token = token_at(known.outlines.get(file, ()), index)
    if token is None:
        return ()
    found = _named(token, file)
    if found is None or not found.start <= index <= found.end:
        return _definitions_of_key(token, known)
    return tuple(known.declarations(found.named, found.name))


def references(known: Understood, file: str, index: int) -> tuple[Declaration, ...]:
    """Give all places that refer to the name at ``index``, by file and indexes of the text."""
    token = token_at(known.outlines.get(file, ()), index)
    found = None if token is None else _named(token, file)
    if found is None:
        return ()
    return tuple(
        Declaration(other.named, other.name, name, other.start, other.end)
        for name, tokens in known.outlines.items()
        for other in map(reference, tokens)
        if other is not None and (other.named, other.name) == (found.named, found.name)
    )


def _named(token: Token, file: str) -> Reference | Declaration | None:
    return reference(token) or next(declarations(file, (token,)), None)


def _definitions_of_key(token: Token, known: Understood) -> tuple[Declaration, ...]:
    """Give the tier that a tenant's own key replaces: where it would come from without it."""
    path = token.path
    if token.kind is not Kind.KEY or len(path) != 3 or path[0] != "tenants" or not known.plan:
        return ()
    tenant: Tenant | None = next((one for one in known.plan.tenants if one.name == path[1]), None)
    if tenant is None or tenant.tier is None:
        return ()
    overridden = {
        source.removeprefix("tier ")
        for origin in tenant.origins
        if origin.key == path[2]
        for source, _ in origin.overrides
    }
    return tuple(one for name in sorted(overridden) for one in known.declarations(Named.TIER, name))


def _hover(text: str, start: int, end: int, known: Understood) -> Hover:
    text = _nearer(mask(text), known)
    return Hover(f"{text}\n\n{_STALE}" if known.stale else text, start, end)


def _nearer(text: str, known: Understood) -> str:
    """Call files as they are called inside of the policy's folder."""
    return text.replace(known.sources.root, "") if known.sources.root else text
