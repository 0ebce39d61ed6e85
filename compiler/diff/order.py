"""The order of routes, where it matters: two that may take the same request changed their places.

Routes are tried by rank, and those of one rank as they are written. So only routes of the same rank
whose requests may be the same can change places, and most texts can be shuffled without any change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from compiler.diff.change import Area, Change, Severity
from compiler.diff.sides import Sides, at
from compiler.plan import Match, PathKind, Plan, Route, ValueKind, ValueMatch
from compiler.route_order import match_rank

_LITERAL = (PathKind.EXACT, PathKind.PREFIX)


def order(sides: Sides) -> Iterator[Change]:
    """Yield each pair of routes of which the other one is asked first now."""
    old, new = _places(sides.before), _places(sides.after)
    earlier = {route.name: route for route in sides.before.routes}
    for one, other in _rivals(sides.after, old):
        had = (old[one.name] < old[other.name]) and (new[one.name] > new[other.name])
        has = (old[one.name] > old[other.name]) and (new[one.name] < new[other.name])
        if not had and not has:
            continue
        first, second = (other, one) if had else (one, other)
        yield Change(
            Area.ROUTES,
            Severity.NEUTRAL,
            f"route `{first.name}`",
            f"is asked before `{second.name}` now: requests that both take go to it",
            second.name,
            first.name,
            sides.routes([first.name, second.name]),
            at(earlier[second.name], earlier[first.name]),
            at(first, second),
        )


def _places(plan: Plan) -> dict[str, int]:
    return {route.name: place for place, route in enumerate(plan.routes)}


def _rivals(plan: Plan, old: Mapping[str, int]) -> Iterator[tuple[Route, Route]]:
    """Yield pairs of one rank that may take the same request on some listener, each once.

    Only of ranks whose routes stand otherwise than they did.
    """
    ranks: dict[tuple[object, ...], list[Route]] = defaultdict(list)
    for route in plan.routes:
        if route.name not in old:
            continue
        match = route.match
        literal = match.path if match.path_kind in _LITERAL else ""
        ranks[match.path_kind, literal, match_rank(match)].append(route)
    for routes in ranks.values():
        places = [old[route.name] for route in routes]
        if places == sorted(places):
            continue
        for one, other in combinations(routes, 2):
            if not set(one.listeners).isdisjoint(other.listeners) and _both(one.match, other.match):
                yield one, other


def _both(one: Match, other: Match) -> bool:
    """Whether a request may be one for both, as far as can be told: in doubt it may."""
    hosts, others = set(one.hosts) or {""}, set(other.hosts) or {""}
    if hosts.isdisjoint(others):
        return False
    if one.methods and other.methods and set(one.methods).isdisjoint(other.methods):
        return False
    if _exclude(one.headers, other.headers, repeated=True):
        return False
    return not _exclude(one.query, other.query, repeated=False)


def _exclude(
    ones: tuple[ValueMatch, ...], others: tuple[ValueMatch, ...], *, repeated: bool
) -> bool:
    """Whether one request cannot have both: it is there and is not, or is two texts at once.

    A header may be sent twice, and Envoy looks at each value of it by itself.
    """
    for one in ones:
        for other in others:
            if one.name != other.name:
                continue
            kinds = {one.kind, other.kind}
            if not repeated and kinds == {ValueKind.EXACT} and one.value != other.value:
                return True
            if ValueKind.ABSENT in kinds and len(kinds) == 2:
                return True
    return False
