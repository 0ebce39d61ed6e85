"""How a request carries the limits that it is under: as metadata with a name for each place.

Envoy makes descriptors by a list of actions that is the same for all requests. So a tenant's limits
do not stand in that list: the request's metadata say in `tenant-all-0`, `tenant-all-1` which limits
its tenant has, and an action whose metadata is not there makes no descriptor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from compiler.plan import Plan
from compiler.plan_accounts import PlacedLimit
from xds.edge.limit import Each

Key = tuple[str, Each, int]
"""A kind of place (`route`, `model`, `tenant`, `team`), of whom each counter is, and a number."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The places that requests of a plan may need, for limits that are shared by all Envoys."""

    tenants: tuple[Key, ...]
    routes: tuple[Key, ...]


def slots_of(plan: Plan) -> Slots:
    """Find how many places there must be at the most."""
    tenants: Counter[tuple[str, Each]] = Counter()
    for tenant in plan.tenants:
        tenants |= _counted("tenant", tenant.limits)
        for team in tenant.teams:
            tenants |= _counted("team", team.limits)
    routes: Counter[tuple[str, Each]] = Counter()
    for route in plan.routes:
        routes |= _counted("route", route.limits)
    by_provider = {provider.name: provider.limits for provider in plan.providers}
    for model in plan.models:
        names = dict.fromkeys(target.provider for target in model.groups[0].targets)
        more = (limit for name in names for limit in by_provider[name])
        routes |= _counted("model", (*model.limits, *more))
    return Slots(_keys(tenants), _keys(routes))


def filled(kind: str, limits: Iterable[PlacedLimit]) -> dict[str, str]:
    """Put limits into the places of a kind: the id of each by the name of its place."""
    numbers: Counter[Each] = Counter()
    made = {}
    for placed in limits:
        limit = placed.limit
        if not placed.per_edge:
            made[slot((kind, limit.each, numbers[limit.each]))] = limit.id
            numbers[limit.each] += 1
    return made


def slot(key: Key) -> str:
    """Name a place."""
    kind, each, number = key
    return f"{kind}-{each}-{number}"


def _counted(kind: str, limits: Iterable[PlacedLimit]) -> Counter[tuple[str, Each]]:
    return Counter((kind, placed.limit.each) for placed in limits if not placed.per_edge)


def _keys(counted: Counter[tuple[str, Each]]) -> tuple[Key, ...]:
    return tuple(
        (kind, each, number)
        for (kind, each), count in sorted(counted.items())
        for number in range(count)
    )
