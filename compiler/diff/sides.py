"""The two plans that are compared, in the later one's names, with what was worked out of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from compiler.diff.change import Area, Change, Reach, Severity
from compiler.diff.crowd import Crowd
from compiler.diff.entitled import Entitlements
from compiler.diff.references import Table
from compiler.diff.renames import find_renames, renamed
from compiler.plan import Plan
from compiler.source import Span


@dataclass(frozen=True, slots=True)
class Sides:
    """Both plans; ``had`` and ``has`` are what tenants may do by the earlier and the later one."""

    original: Plan
    """The earlier plan in its own names."""
    renamed: Table
    """The later names of things that are called otherwise and are the same, by section."""
    before: Plan
    """The earlier plan in the later one's names."""
    after: Plan
    crowd: Crowd
    had: Entitlements
    has: Entitlements

    new_models: frozenset[str]
    """The models that only the later plan has."""
    gone_models: frozenset[str]
    """The models that only the earlier plan has."""
    passing_routes: frozenset[str]
    """The routes that only one of the plans has."""

    def models(self, names: Iterable[str]) -> Reach:
        """Whose requests a change of these models touches."""
        found = frozenset(names)
        tenants = self.had.who_reaches(found) | self.has.who_reaches(found)
        open_to_all = bool(found & (self.had.public | self.has.public))
        routes = self.had.serving(found) | self.has.serving(found)
        return Reach(None if open_to_all else tenants, found, routes)

    def routes(self, names: Iterable[str]) -> Reach:
        """Whose requests a change of these routes touches."""
        found = frozenset(names)
        tenants = self.had.who_comes(found) | self.has.who_comes(found)
        open_to_all = bool(found & (self.had.open | self.has.open))
        return Reach(None if open_to_all else tenants, None, found)


def sides_of(original: Plan, after: Plan) -> Sides:
    """Put two plans beside each other."""
    table = find_renames(original, after)
    before = renamed(original, table)
    old, new = (frozenset(one.name for one in plan.models) for plan in (before, after))
    routes = (frozenset(one.name for one in plan.routes) for plan in (before, after))
    return Sides(
        original,
        table,
        before,
        after,
        Crowd(before, after),
        Entitlements(before),
        Entitlements(after),
        new_models=new - old,
        gone_models=old - new,
        passing_routes=frozenset.symmetric_difference(*routes),
    )


class Named(Protocol):
    """A thing of a section."""

    @property
    def name(self) -> str:
        """What it is called there."""


N = TypeVar("N", bound=Named)


def paired(before: Iterable[N], after: Iterable[N]) -> tuple[list[tuple[N, N]], list[N], list[N]]:
    """Give what stands on both sides and differs, what is gone, and what is new."""
    old = {one.name: one for one in before}
    new = {one.name: one for one in after}
    both = [(one, new[name]) for name, one in old.items() if name in new and one != new[name]]
    gone = [one for name, one in old.items() if name not in new]
    come = [one for name, one in new.items() if name not in old]
    return both, gone, come


def passing(gone: Iterable[N], come: Iterable[N]) -> Iterator[tuple[N, bool]]:
    """Yield what is gone, and then what is new, each with whether it is that."""
    yield from ((one, False) for one in gone)
    yield from ((one, True) for one in come)


def whole(
    area: Area,
    severity: Severity,
    subject: str,
    message: str,
    value: str,
    reach: Reach,
    thing: Any,
    *,
    is_new: bool,
) -> Change:
    """Make the change of a thing that comes or goes as a whole; ``value`` is the thing in words."""
    places = at(thing)
    before, after = (None, value) if is_new else (value, None)
    was, now = ((), places) if is_new else (places, ())
    return Change(area, severity, subject, message, before, after, reach, was, now)


def at(*things: Any) -> tuple[Span, ...]:
    """Give the places of things, each once, without those that have none."""
    found = dict.fromkeys(one.at for one in things if getattr(one, "at", None) is not None)
    return tuple(found)
