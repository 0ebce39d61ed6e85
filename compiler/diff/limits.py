"""Limits and budgets: which moved, in which direction, and whose counters start from zero.

A limit is found again by its id; one whose id is gone by its place and what it counts. Tenants of
which the same is to be said are told together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from compiler.diff.change import ALL, Area, Change, Reach, Severity
from compiler.diff.sides import Sides, at
from compiler.diff.values import arrow, leaves, names, said, store_said
from compiler.plan import Plan
from compiler.plan_accounts import PlacedLimit
from xds.edge.limit import SECONDS, Away, Each, Limit, Shape, Unit


class Place(NamedTuple):
    """Where a limit stands: a section's word, and the name there (empty for the gateway)."""

    kind: str
    name: str


class Placed(NamedTuple):
    """A limit with its place."""

    place: Place
    one: PlacedLimit


def placed_limits(plan: Plan) -> Iterator[Placed]:
    """Yield every limit of a plan, place by place."""
    of: list[tuple[str, str, tuple[PlacedLimit, ...]]] = [("gateway", "", plan.limits)]
    of += [("provider", one.name, one.limits) for one in plan.providers]
    of += [("model", one.name, one.limits) for one in plan.models]
    of += [("route", one.name, one.limits) for one in plan.routes]
    for tenant in plan.tenants:
        of.append(("tenant", tenant.name, tenant.limits))
        of += [("team", f"{tenant.name}/{team.name}", team.limits) for team in tenant.teams]
        of += {("key", key.id, key.limits): None for key in tenant.every_key}
    for kind, name, limits in of:
        for one in limits:
            yield Placed(Place(kind, name), one)


class _Moved(NamedTuple):
    """What happened to a limit, in words that are the same for all whose limits moved alike."""

    severity: Severity
    words: str
    before: str | None
    after: str | None


def limits(sides: Sides) -> Iterator[Change]:
    """Yield a change for each limit that moved, came or went, of things that are on both sides."""
    old, new = _by_place(sides.before), _by_place(sides.after)
    there = _there(sides.before) & _there(sides.after)
    alike: dict[tuple[str, str, _Moved], list[tuple[Place, list[PlacedLimit], list[PlacedLimit]]]]
    alike = defaultdict(list)
    for place in dict.fromkeys((*old, *new)):
        if place not in there or old.get(place) == new.get(place):
            continue
        for one, other in _matched(old.get(place, []), new.get(place, [])):
            for moved in _moves(one, other, sides, alone=not new.get(place)):
                group = "" if place.kind == "tenant" else place.name
                pair = ([one] if one else [], [other] if other else [])
                alike[place.kind, group, moved].append((place, *pair))
    for (kind, _, moved), found in alike.items():
        places = [place.name for place, _, _ in found]
        yield Change(
            Area.LIMITS,
            moved.severity,
            _subject(kind, places, sides),
            moved.words,
            moved.before,
            moved.after,
            _reach(kind, places, sides),
            at(*(one for _, ones, _ in found for one in ones)),
            at(*(one for _, _, ones in found for one in ones)),
        )


def _by_place(plan: Plan) -> dict[Place, list[PlacedLimit]]:
    found: dict[Place, list[PlacedLimit]] = defaultdict(list)
    for place, one in placed_limits(plan):
        found[place].append(one)
    return found


def _there(plan: Plan) -> set[Place]:
    """All places that a limit could stand at."""
    found = {Place("gateway", "")}
    found |= {Place("provider", one.name) for one in plan.providers}
    found |= {Place("model", one.name) for one in plan.models}
    found |= {Place("route", one.name) for one in plan.routes}
    for tenant in plan.tenants:
        found.add(Place("tenant", tenant.name))
        found |= {Place("key", key.id) for key in tenant.keys}
        for team in tenant.teams:
            found.add(Place("team", f"{tenant.name}/{team.name}"))
            found |= {Place("key", key.id) for key in team.keys}
    return found


def _matched(
    old: list[PlacedLimit], new: list[PlacedLimit]
) -> Iterator[tuple[PlacedLimit | None, PlacedLimit | None]]:
    by_id = {one.limit.id: one for one in new}
    left = []
    for one in old:
        other = by_id.pop(one.limit.id, None)
        if other is None:
            left.append(one)
        elif one != other:
            yield one, other
    free = list(by_id.values())
    for one in left:
        same = next((other for other in free if _counts(one) == _counts(other)), None)
        if same is not None:
            free.remove(same)
        yield one, same
    for other in free:
        yield None, other


def _counts(one: PlacedLimit) -> tuple[Unit, bool]:
    return one.limit.unit, one.limit.budget


def _moves(
    one: PlacedLimit | None, other: PlacedLimit | None, sides: Sides, *, alone: bool
) -> Iterator[_Moved]:
    if one is None or other is None:
        limit = other or one
        if limit is not None:
            yield _came_or_went(limit, is_new=one is None, alone=alone)
        return
    old, new = one.limit, other.limit
    word = "budget" if new.budget else "limit"
    before, after = spelled(one), spelled(other)
    told = {"id"} if before != after else set[str]()
    if before != after or old.amount != new.amount:
        told |= {"text", "amount", "unit", "period", "shape", "burst", "each"}
        way = _direction(old, new)
        severity = {"looser": Severity.GAIN, "tighter": Severity.LOSS}.get(way, Severity.NEUTRAL)
        tail = f" ({way}{_times(old, new)})" if way else ""
        yield _Moved(severity, f"{word} {before} -> {after}{tail}", before, after)
    usual = (sides.before.counting.away, sides.after.counting.away)
    if (old.away, new.away) == usual:
        told.add("away")  # told of the counters as a whole
    elif old.away is not new.away:
        told.add("away")
        words = f"{word} {after}: while its counters are away it is {old.away} -> {new.away}"
        severity = Severity.DANGER if new.away is Away.OPEN else Severity.LOSS
        yield _Moved(severity, words, str(old.away), str(new.away))
    for path, was, now in leaves(old, new):
        if path not in told:
            words = f"{word} {after}: {path}: {arrow(was, now)}"
            yield _Moved(Severity.NEUTRAL, words, said(was), said(now))


def _came_or_went(limit: PlacedLimit, *, is_new: bool, alone: bool) -> _Moved:
    word, text = "budget" if limit.limit.budget else "limit", spelled(limit)
    if is_new:
        return _Moved(Severity.LOSS, f"{word} {text} is new (tighter)", None, text)
    severity = Severity.DANGER if limit.limit.budget else Severity.GAIN
    tail = ": nothing limits it there any more" if alone else ""
    return _Moved(severity, f"{word} {text} is gone (looser){tail}", text, None)


def spelled(one: PlacedLimit) -> str:
    """Say a limit with what is not usual about it."""
    limit = one.limit
    parts: list[str] = []
    if limit.shape is Shape.BUCKET:
        parts.append(f"burst {limit.burst}")
    elif limit.shape is not Shape.CONCURRENT and limit.shape.value in limit.id.split("/"):
        parts.append(f"{limit.shape.value} window")
    if limit.each is not Each.ALL:
        parts.append(f"each {limit.each.value}")
    if one.per_edge:
        parts.append("counted by each Envoy for itself")
    return f"{limit.text} ({', '.join(parts)})" if parts else limit.text


def _direction(old: Limit, new: Limit) -> str:
    """Tell whether less may be used than before; empty where the two cannot be compared."""
    if old.unit is not new.unit or old.each is not new.each:
        return ""
    one = old.amount / SECONDS.get(old.period, 1)
    other = new.amount / SECONDS.get(new.period, 1)
    if one == other:
        if old.burst != new.burst and old.shape is new.shape:
            return "looser" if new.burst > old.burst else "tighter"
        return ""
    return "looser" if other > one else "tighter"


def _times(old: Limit, new: Limit) -> str:
    if old.period is not new.period or not old.amount or not new.amount:
        return ""
    ratio = new.amount / old.amount
    if ratio >= 2:
        return f", {ratio:.3g} times as much"
    return f", {100 * (ratio - 1):+.3g} %" if ratio != 1 else ""


def _subject(kind: str, places: Iterable[str], sides: Sides) -> str:
    listed = list(places)
    if kind == "gateway":
        return "the gateway"
    return sides.crowd.called(listed) if kind == "tenant" else f"{kind} {names(listed)}"


def _reach(kind: str, places: Iterable[str], sides: Sides) -> Reach:
    listed = frozenset(places)
    match kind:
        case "tenant" | "team" | "key":
            return Reach(frozenset(name.partition("/")[0] for name in listed))
        case "model":
            return sides.models(listed)
        case "route":
            return sides.routes(listed)
        case "provider":
            return sides.models(using(sides, listed))
        case _:
            return ALL


def using(sides: Sides, providers: Iterable[str]) -> frozenset[str]:
    """The models of either side that have a target at one of these providers."""
    wanted = frozenset(providers)
    return frozenset(
        model.name
        for plan in (sides.before, sides.after)
        for model in plan.models
        if any(target.provider in wanted for group in model.groups for target in group.targets)
    )


def resets(sides: Sides) -> Iterator[Change]:
    """Yield the limits that hold on and whose counters start from zero.

    A counter is kept under the name that its limit has: what was renamed is counted anew.
    """
    if sides.before.counting.store != sides.after.counting.store:
        yield Change(
            Area.COUNTERS,
            Severity.DANGER if _budgets(sides.after) else Severity.NEUTRAL,
            "the counters",
            f"are kept in {store_said(sides.after.counting.store)} instead of "
            f"{store_said(sides.before.counting.store)}: every limit and budget starts from zero",
            store_said(sides.before.counting.store),
            store_said(sides.after.counting.store),
        )
        return
    ids = {
        kept.one.limit.id: own.one.limit.id
        for own, kept in zip(
            placed_limits(sides.original), placed_limits(sides.before), strict=True
        )
    }
    old, new = _by_place(sides.before), _by_place(sides.after)
    alike: dict[tuple[str, str, str, bool], list[tuple[Place, PlacedLimit, PlacedLimit]]]
    alike = defaultdict(list)
    for place in old:
        pairs: list[tuple[PlacedLimit | None, PlacedLimit | None]]
        pairs = list(_matched(old[place], new.get(place, [])))
        by_id = {one.limit.id: one for one in new.get(place, [])}
        pairs += [(one, by_id[one.limit.id]) for one in old[place] if one.limit.id in by_id]
        for one, other in pairs:
            if one is None or other is None:
                continue
            was = ids[one.limit.id]
            if was != other.limit.id:
                words = (spelled(one), spelled(other))
                alike[place.kind, *words, other.limit.budget].append((place, one, other))
    for (kind, was_text, text, budget), found in alike.items():
        places = [place.name for place, _, _ in found]
        window = "its window is another" if was_text != text else "it is called otherwise"
        yield Change(
            Area.COUNTERS,
            Severity.DANGER if budget else Severity.NEUTRAL,
            _subject(kind, places, sides),
            f"{'budget' if budget else 'limit'} {text} starts from zero: {window}",
            ids[found[0][1].limit.id],
            found[0][2].limit.id,
            _reach(kind, places, sides),
            at(*(one for _, one, _ in found)),
            at(*(other for _, _, other in found)),
        )


def _budgets(plan: Plan) -> bool:
    return any(placed.one.limit.budget for placed in placed_limits(plan))
