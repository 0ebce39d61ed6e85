"""Changes of a thing's fields that need no other words than the field's name and its values."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any

from compiler.diff.change import ALL, Area, Change, Reach, Severity
from compiler.diff.sides import at
from compiler.diff.values import arrow, leaves, said
from compiler.plan_policies import Applied


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """How the fields of one kind of thing are told.

    ``areas`` are those of fields that are about something else than the thing's own ``area``;
    ``elsewhere`` are told by others; ``words`` call a field other than by its name.
    """

    area: Area
    areas: Mapping[str, Area] = dataclasses.field(default_factory=dict)
    elsewhere: Collection[str] = ()
    words: Mapping[str, str] = dataclasses.field(default_factory=dict)


def field_changes(
    subject: str, before: Any, after: Any, told: Said, reach: Reach = ALL
) -> Iterator[Change]:
    """Yield a change for each smallest part that differs, but for what is told elsewhere."""
    for one in dataclasses.fields(before):
        had, has = getattr(before, one.name), getattr(after, one.name)
        if not one.compare or had == has or one.name in told.elsewhere:
            continue
        for path, old, new in leaves(had, has, one.name):
            yield Change(
                told.areas.get(one.name, told.area),
                Severity.NEUTRAL,
                subject,
                f"{_called(path, told)}: {arrow(old, new)}{_longer(old, new)}",
                said(old),
                said(new),
                reach,
                at(before),
                at(after),
            )


def policy_changes(
    subject: str,
    before: tuple[Applied, ...],
    after: tuple[Applied, ...],
    area: Area,
    reach: Reach = ALL,
) -> Iterator[Change]:
    """Yield what came, went and changed of the policies that stand on one thing."""
    old = {one.kind: one for one in before}
    new = {one.kind: one for one in after}
    for kind in dict.fromkeys((*old, *new)):
        had, has = old.get(kind), new.get(kind)
        if had == has:
            continue
        where = _POLICY_AREAS.get(kind, area)
        if had is None or has is None:
            one = has or had
            word = "is new" if had is None else "is gone"
            yield Change(
                where,
                Severity.NEUTRAL if has else _without(kind),
                subject,
                f"`{kind}` {word}: {said(one.plan) if one else ''}",
                None if had is None else said(had.plan),
                None if has is None else said(has.plan),
                reach,
                at(had),
                at(has),
            )
            continue
        for path, was, now in leaves(had.plan, has.plan, kind):
            yield Change(
                where,
                _weaker(kind, path, was, now),
                subject,
                f"{path.replace('_', ' ')}: {arrow(was, now)}{_longer(was, now)}",
                said(was),
                said(now),
                reach,
                at(had),
                at(has),
            )


_POLICY_AREAS = {
    "timeout": Area.TIMEOUTS,
    "retries": Area.TIMEOUTS,
    "idle_timeout": Area.TIMEOUTS,
    "tls": Area.TRUST,
}


def _without(kind: str) -> Severity:
    return Severity.DANGER if kind == "tls" else Severity.NEUTRAL


def _weaker(kind: str, path: str, was: Any, now: Any) -> Severity:
    """Tell whether TLS proves less than before: no client CA, nobody verified, an older version."""
    if kind != "tls":
        return Severity.NEUTRAL
    field = path.removeprefix("tls.")
    if field in ("client_ca", "verify") and was and not now:
        return Severity.DANGER
    if field == "min_version" and str(now) < str(was):
        return Severity.DANGER
    return Severity.NEUTRAL


def _called(path: str, told: Said) -> str:
    first, dot, rest = path.partition(".")
    return f"{told.words.get(first, first)}{dot}{rest}".replace("_", " ")


def _longer(before: Any, after: Any) -> str:
    if isinstance(before, timedelta) and isinstance(after, timedelta):
        return " (longer)" if after > before else " (shorter)"
    return ""
