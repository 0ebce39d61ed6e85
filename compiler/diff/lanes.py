"""Lanes: which requests Envoy carries alone, which need the edge, and what moved between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from compiler.diff.change import NOTHING, Area, Change, Reach, Severity
from compiler.diff.sides import Sides
from compiler.diff.values import names, plural
from compiler.guards import choose_guards, needs_edge
from compiler.plan import Lane, LaneChoice, Plan

_WHO = {
    Lane.NATIVE: "Envoy alone",
    Lane.PREVIEW: "Envoy's preview filters",
    Lane.SERVICE: "the edge",
}


class _Carried(NamedTuple):
    """How one target is carried for one model, before and now."""

    model: str
    target: str
    before: Lane | None
    after: Lane | None
    reason: str


def lanes(sides: Sides) -> Iterator[Change]:
    """Yield what is carried otherwise, whether an edge has to run, and who admits requests."""
    yield from _edge(sides)
    old, new = _by_key(sides.before), _by_key(sides.after)
    found: dict[_Carried, list[LaneChoice]] = defaultdict(list)
    reasons: dict[tuple[Lane, str], list[LaneChoice]] = defaultdict(list)
    for key in dict.fromkeys((*old, *new)):
        had, has = old.get(key), new.get(key)
        if had == has:
            continue
        if had is not None and has is not None and had.lane is has.lane:
            reasons[has.lane, has.model].append(has)
            continue
        one = has or had
        if one is not None:
            before, after = (None if side is None else side.lane for side in (had, has))
            # Of what comes and goes it is enough to know who carries it.
            reason = "" if before is None or after is None else one.reason
            found[_Carried(one.model, one.target, before, after, reason)].append(one)
    for carried, choices in found.items():
        yield _carried(carried, choices)
    for (lane, model), choices in reasons.items():
        targets = names({choice.target for choice in choices})
        yield Change(
            Area.LANES,
            Severity.NEUTRAL,
            f"model `{model}`",
            f"{_WHO[lane]} still carries {targets}, for other reasons: see `compile --emit lanes`",
            reach=NOTHING,
        )
    yield from _admission(sides)


Key = tuple[str, str, str, str]


def _by_key(plan: Plan) -> dict[Key, LaneChoice]:
    return {(one.route, one.endpoint, one.model, one.target): one for one in plan.lanes}


def _carried(carried: _Carried, choices: list[LaneChoice]) -> Change:
    operations = list(dict.fromkeys(str(one.endpoint) for one in choices))
    routes = frozenset(one.route for one in choices)
    few = len(operations) <= 4
    on = f" on {', '.join(operations)}" if few else f" on {len(operations)} operations"
    on += f" (route {names(routes)})" if len(routes) == 1 else f" ({len(routes)} routes)"
    before = None if carried.before is None else _WHO[carried.before]
    after = None if carried.after is None else _WHO[carried.after]
    if before is None:
        words = f"new, carried by {after}{on}"
    elif after is None:
        words = f"no longer carried{on}"
    else:
        words = f"carried by {after} instead of {before}{on}: {carried.reason}"
    reach = NOTHING if before is None or after is None else None
    return Change(
        Area.LANES,
        Severity.NEUTRAL,
        f"model `{carried.model}` at {carried.target}",
        words,
        before,
        after,
        reach or Reach(None, frozenset({carried.model}), routes),
    )


def _edge(sides: Sides) -> Iterator[Change]:
    had, has = needs_edge(sides.before), needs_edge(sides.after)
    if had == has:
        return
    words = "has to run beside every Envoy from now on" if has else "is not needed any more"
    yield Change(
        Area.LANES,
        Severity.DANGER if has else Severity.NEUTRAL,
        "the edge",
        words,
        "needed" if had else "not needed",
        "needed" if has else "not needed",
        reach=NOTHING,
    )


def _admission(sides: Sides) -> Iterator[Change]:
    old = {one.route: one for one in choose_guards(sides.before)}
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for guard in choose_guards(sides.after):
        had = old.get(guard.route)
        if had is not None and had.carrier is not guard.carrier:
            found[had.carrier, guard.carrier, guard.reason].append(guard.route)
    for (before, after, reason), routes in found.items():
        yield Change(
            Area.LANES,
            Severity.NEUTRAL,
            f"{plural('route', routes)} {names(routes)}",
            f"admitted by {after} instead of {before}: {reason}",
            before,
            after,
            Reach(None, None, frozenset(routes)),
        )
