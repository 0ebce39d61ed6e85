"""Keys of tenants: by their values, for it is by a value that a client is known.

A value that another key has now is told of, above all where that key is of another tenant or team:
who holds it is not refused, but taken for somebody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from compiler.diff.change import Area, Change, Reach, Severity
from compiler.diff.sides import Sides, at
from compiler.diff.values import names, plural, said
from compiler.plan_accounts import AccessKey


def keys(sides: Sides) -> Iterator[Change]:
    """Yield what becomes of keys by their values: new, revoked, called otherwise, handed on."""
    old, new = _by_id(sides.had.tenants), _by_id(sides.has.tenants)
    owners = {key.sha256: name for name, those in new.items() for key in those}
    renamed: dict[str, str] = {}
    for name, those in old.items():
        moved = next((owners[key.sha256] for key in those if key.sha256 in owners), None)
        if name in new or moved is None or moved in old:
            continue
        renamed[name] = moved
        alike = _same_place(name, moved)
        yield _key(
            Severity.NEUTRAL if alike else Severity.DANGER,
            name,
            f"is called `{moved}` now{'' if alike else ', and speaks for another'}",
            those,
            new[moved],
        )
    for name, those in old.items():
        others = {key.sha256: owners[key.sha256] for key in those if key.sha256 in owners}
        others = {one: who for one, who in others.items() if who not in (name, renamed.get(name))}
        for digest, other in others.items():
            yield _handed_on(name, digest, other, those, new[other])
        now = name if name in new else renamed.get(name)
        if now is not None:
            yield from _key_changes(now, those, new[now], others.keys())
        elif len(others) < len(those) and _tenant(name) in sides.has.tenants:
            words = "is revoked: who still uses it is answered 401"
            yield _key(Severity.LOSS, name, words, those, [])
    for name, those in new.items():
        if name not in old and name not in renamed.values() and _tenant(name) in sides.had.tenants:
            until = those[0].expires
            words = f"is new{'' if until is None else f', until {said(until)}'}"
            yield _key(Severity.GAIN, name, words, [], those)


def _same_place(key: str, other: str) -> bool:
    """Whether both are of one tenant and team."""
    return key.split("/")[:-1] == other.split("/")[:-1]


def _handed_on(
    name: str, digest: bytes, other: str, old: list[AccessKey], new: list[AccessKey]
) -> Change:
    """Tell of a value that another key has now: who holds it is taken for that one."""
    alike = _same_place(name, other)
    return _key(
        Severity.NEUTRAL if alike else Severity.DANGER,
        name,
        f"has a value that is `{other}`'s now{'' if alike else ', and speaks for another'}",
        [key for key in old if key.sha256 == digest],
        [key for key in new if key.sha256 == digest],
    )


def _by_id(tenants: Any) -> dict[str, list[AccessKey]]:
    found: dict[str, list[AccessKey]] = defaultdict(list)
    for tenant in tenants.values():
        for key in tenant.every_key:
            found[key.id].append(key)
    return found


def _tenant(key: str) -> str:
    return key.partition("/")[0]


def _key(
    severity: Severity, name: str, words: str, old: list[AccessKey], new: list[AccessKey]
) -> Change:
    tenants = frozenset({_tenant((new or old)[0].id), _tenant(name)})
    return Change(
        Area.AUTH,
        severity,
        f"key `{name}`",
        words,
        old[0].id if old else None,
        new[0].id if new else None,
        Reach(tenants),
        at(*old),
        at(*new),
    )


def _key_changes(
    name: str, old: list[AccessKey], new: list[AccessKey], handed_on: AbstractSet[bytes]
) -> Iterator[Change]:
    had = {key.sha256: key for key in old}
    has = {key.sha256: key for key in new}
    gone, come = had.keys() - has.keys() - handed_on, has.keys() - had.keys()
    if come:
        words = "has a new value"
        if not gone and had.keys() & has.keys():
            words += ", and the old one still holds"
        if gone:
            words += ": who still uses the old one is answered 401"
        yield _key(Severity.LOSS if gone else Severity.GAIN, name, words, old, new)
    elif gone:
        yield _key(Severity.LOSS, name, "has one value less: it was rotated", old, new)
    for digest in had.keys() & has.keys():
        one, other = had[digest], has[digest]
        if one.starts != other.starts:
            later = other.starts is not None and (one.starts is None or other.starts > one.starts)
            began = f"begins: {_when(one.starts)} -> {_when(other.starts)}"
            yield _key(Severity.LOSS if later else Severity.GAIN, name, began, [one], [other])
        if one.expires != other.expires:
            sooner = ends_sooner(one.expires, other.expires)
            ends = f"ends: {_when(one.expires)} -> {_when(other.expires)}"
            yield _key(Severity.LOSS if sooner else Severity.GAIN, name, ends, [one], [other])
        if one.models != other.models:
            yield narrowed(f"key `{name}`", one.models, other.models, [one], [other], name)


def ends_sooner(was: datetime | None, now: datetime | None) -> bool:
    """Tell whether an end comes before what was; None is never."""
    if now is None:
        return False
    return was is None or now < was


def _when(moment: datetime | None) -> str:
    return "never" if moment is None else said(moment)


def narrowed(
    subject: str,
    was: tuple[str, ...] | None,
    now: tuple[str, ...] | None,
    old: list[Any],
    new: list[Any],
    whose: str,
) -> Change:
    """Say how the models of a part of a tenant change; None is all that the tenant has."""
    lost = frozenset() if now is None else frozenset(was or ()) - frozenset(now)
    gained = frozenset() if was is None else frozenset(now or ()) - frozenset(was)
    if was is None:
        words, severity = f"may use only {names(now)} of its tenant's models", Severity.LOSS
    elif now is None:
        words, severity = "may use all models of its tenant", Severity.GAIN
    elif lost:
        words, severity = f"loses {plural('model', lost)} {names(lost)}", Severity.LOSS
        words += f" and gains {names(gained)}" if gained else ""
    else:
        words, severity = f"gains {plural('model', gained)} {names(gained)}", Severity.GAIN
    models = (lost | gained) or None
    return Change(
        Area.ACCESS,
        severity,
        subject,
        words,
        "all" if was is None else said(was),
        "all" if now is None else said(now),
        Reach(frozenset({_tenant(whose)}), models),
        at(*old),
        at(*new),
    )
