"""Names: where a policy declares them, and where it refers to them.

A table of paths says which value refers to what. In a path ``*`` is any key, ``#`` any index; an
index at the end may be left away, as one item may stand for a list of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from compiler.language.token import Kind, Token
from compiler.source import Path


class Named(StrEnum):
    """What has a name in a policy."""

    LISTENER = "listener"
    SERVICE = "service"
    PROVIDER = "provider"
    MODEL = "model"
    ROUTE = "route"
    TENANT = "tenant"
    TIER = "tier"
    REDACTION = "redaction"
    ISSUER = "issuer"
    GROUP = "group"


class Form(StrEnum):
    """How a name stands in a value."""

    NAME = "name"  # by itself
    CHOICE = "choice"  # or a glob, or `tag:NAME`
    TARGET = "target"  # before the slash of `provider/model`
    OWNER = "owner"  # before the slash of `tenant/key`


SECTIONS = {
    "listeners": Named.LISTENER,
    "services": Named.SERVICE,
    "providers": Named.PROVIDER,
    "models": Named.MODEL,
    "tenants": Named.TENANT,
    "tiers": Named.TIER,
    "redactions": Named.REDACTION,
    "issuers": Named.ISSUER,
    "groups": Named.GROUP,
}
"""Sections whose keys are names."""

_OF_CONDITIONS: tuple[tuple[str, Named, Form], ...] = (
    ("listeners #", Named.LISTENER, Form.CHOICE),
    ("routes #", Named.ROUTE, Form.CHOICE),
    ("services #", Named.SERVICE, Form.CHOICE),
    ("tenants #", Named.TENANT, Form.CHOICE),
    ("tiers #", Named.TIER, Form.CHOICE),
    ("models #", Named.MODEL, Form.CHOICE),
    ("providers #", Named.PROVIDER, Form.CHOICE),
    ("targets #", Named.PROVIDER, Form.TARGET),
    ("redaction #", Named.REDACTION, Form.NAME),
)
_CONDITIONS = tuple(
    (f"{where} {path}", named, form)
    for what in ("where", "forbid", "require", "except")
    for where in (f"invariants # {what}", f"invariants # {what} #")
    for path, named, form in _OF_CONDITIONS
)
_OF_TESTS: tuple[tuple[str, Named, Form], ...] = (
    ("request model", Named.MODEL, Form.NAME),
    ("request key", Named.TENANT, Form.OWNER),
    ("request listener", Named.LISTENER, Form.NAME),
    ("request issuer", Named.ISSUER, Form.NAME),
    ("given cooling #", Named.PROVIDER, Form.NAME),
    ("expect route", Named.ROUTE, Form.NAME),
    ("expect identity", Named.TENANT, Form.OWNER),
    ("expect identity tenant", Named.TENANT, Form.NAME),
    ("expect served_by", Named.PROVIDER, Form.TARGET),
    ("expect targets #", Named.PROVIDER, Form.TARGET),
    ("expect redacted #", Named.REDACTION, Form.NAME),
)
_TESTS = tuple(
    (f"{where} {path}", named, form)
    for where in ("tests #", "tests # cases #")
    for path, named, form in _OF_TESTS
)
_REFERENCES: tuple[tuple[str, Named, Form], ...] = (
    ("models *", Named.MODEL, Form.NAME),
    ("models * targets #", Named.PROVIDER, Form.TARGET),
    ("models * targets # to", Named.PROVIDER, Form.TARGET),
    ("models * targets # #", Named.PROVIDER, Form.TARGET),
    ("models * targets # # to", Named.PROVIDER, Form.TARGET),
    ("routes # service", Named.SERVICE, Form.NAME),
    ("routes # split # to", Named.SERVICE, Form.NAME),
    ("routes # models #", Named.MODEL, Form.NAME),
    ("routes # listeners #", Named.LISTENER, Form.NAME),
    ("routes # auth jwt", Named.ISSUER, Form.NAME),
    ("routes # auth oidc", Named.ISSUER, Form.NAME),
    ("routes # auth # jwt", Named.ISSUER, Form.NAME),
    ("routes # auth # oidc", Named.ISSUER, Form.NAME),
    ("routes # allow #", Named.TENANT, Form.CHOICE),
    ("routes # redact #", Named.REDACTION, Form.NAME),
    ("redact #", Named.REDACTION, Form.NAME),
    ("tiers * extends", Named.TIER, Form.NAME),
    ("tiers * models #", Named.MODEL, Form.CHOICE),
    ("tiers * routes #", Named.ROUTE, Form.CHOICE),
    ("tiers * redact #", Named.REDACTION, Form.NAME),
    ("tenants * tier", Named.TIER, Form.NAME),
    ("tenants * models #", Named.MODEL, Form.CHOICE),
    ("tenants * routes #", Named.ROUTE, Form.CHOICE),
    ("tenants * redact #", Named.REDACTION, Form.NAME),
    ("tenants * keys * models #", Named.MODEL, Form.CHOICE),
    ("tenants * teams * models #", Named.MODEL, Form.CHOICE),
    ("tenants * teams * keys * models #", Named.MODEL, Form.CHOICE),
    ("tenants * grants # model", Named.MODEL, Form.NAME),
    ("tenants * grants # route", Named.ROUTE, Form.NAME),
    ("groups * listeners #", Named.LISTENER, Form.CHOICE),
    ("groups * routes #", Named.ROUTE, Form.CHOICE),
    *_CONDITIONS,
    *_TESTS,
)
_KEY_REFERENCES: tuple[tuple[str, Named, Form], ...] = (
    ("prices *", Named.PROVIDER, Form.TARGET),
    ("tests # given *", Named.PROVIDER, Form.TARGET),
    ("tests # cases # given *", Named.PROVIDER, Form.TARGET),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that is referred to, and the indexes of the text at which it stands."""

    named: Named
    form: Form
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Declaration:
    """A name, and the place of the text that declares it. An alias of a model is ``of`` it."""

    named: Named
    name: str
    file: str
    start: int
    end: int
    of: str = ""


def refers(path: Path, kind: Kind = Kind.VALUE) -> tuple[Named, Form] | None:
    """Give what a value (or a key) at ``path`` refers to, or None."""
    shape = tuple("#" if isinstance(step, int) else step for step in path)
    return _refers(shape, kind)


@cache
def _refers(shape: tuple[str, ...], kind: Kind) -> tuple[Named, Form] | None:
    table = _REFERENCES if kind is Kind.VALUE else _KEY_REFERENCES
    for pattern, named, form in table:
        steps = pattern.split()
        short = steps[-1] == "#" and len(steps) > 1 and _fits(steps[:-1], shape)
        if short or _fits(steps, shape):
            return named, form
    return None


def _fits(steps: list[str], shape: tuple[str, ...]) -> bool:
    return len(steps) == len(shape) and all(
        wanted == step or (wanted == "*" and step != "#")
        for wanted, step in zip(steps, shape, strict=True)
    )


def reference(token: Token) -> Reference | None:
    """Give what a token refers to; None where it refers to nothing, or to many by a glob."""
    found = refers(token.path, token.kind)
    if found is None:
        return None
    named, form = found
    name = token.text
    if form in (Form.TARGET, Form.OWNER):
        name = name.partition("/")[0]
    elif form is Form.CHOICE and ("*" in name or name.startswith("tag:")):
        return None
    # Quotes are part of the token, and not of the name.
    quoted = token.end - token.start > len(token.text)
    start = token.start + (1 if quoted else 0)
    return Reference(named, form, name, start, min(start + len(name), token.end))


def declarations(file: str, tokens: Iterable[Token]) -> Iterator[Declaration]:
    """Give the names that a file declares."""
    for token in tokens:
        path = token.path
        if token.kind is Kind.KEY and len(path) == 2 and path[0] in SECTIONS:
            named = SECTIONS[str(path[0])]
            yield Declaration(named, token.text, file, token.start, token.end)
        elif token.kind is Kind.VALUE and len(path) == 3 and path[::2] == ("routes", "name"):
            yield Declaration(Named.ROUTE, token.text, file, token.start, token.end)
        elif token.kind is Kind.VALUE and path[0:1] == ("models",) and path[2:3] == ("aliases",):
            of = str(path[1])
            yield Declaration(Named.MODEL, token.text, file, token.start, token.end, of)
