"""The blast radius: which tenants, models and routes a change touches, and how much traffic.

Counters, resources and what touches no request do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from compiler.diff.change import Area, Changes, Reach
from compiler.diff.entitled import Entitlements, Names
from compiler.diff.recorded import Used
from compiler.diff.sides import Sides
from compiler.plan_accounts import Tenant


@dataclass(frozen=True, slots=True)
class Traffic:
    """Recorded requests, and those of them that a change touches."""

    requests: int
    touched: int


@dataclass(frozen=True, slots=True)
class Radius:
    """Names that are touched, sorted, and how many there are of each; ``traffic`` if recorded."""

    tenants: tuple[str, ...]
    models: tuple[str, ...]
    routes: tuple[str, ...]
    all_tenants: int
    all_models: int
    all_routes: int
    traffic: Traffic | None


def radius(changes: Changes, sides: Sides, records: Iterable[Used] | None) -> Radius:
    """Put together what all changes touch."""
    counted = (one.reach for one in changes.entries if one.area is not Area.COUNTERS)
    reaches = list(dict.fromkeys(reach for reach in counted if not reach.nothing))
    plans = (sides.before, sides.after)
    tenants = frozenset(one.name for plan in plans for one in plan.tenants)
    models = frozenset(one.name for plan in plans for one in plan.models)
    routes = frozenset(one.name for plan in plans for one in plan.routes)
    who, what, where = set[str](), set[str](), set[str]()
    for reach in reaches:
        who |= tenants if reach.tenants is None else reach.tenants
        what |= _models(reach, sides, models) if reach.models is None else reach.models
        where |= _routes(reach, sides, routes) if reach.routes is None else reach.routes
    return Radius(
        tuple(sorted(who & tenants)),
        tuple(sorted(what & models)),
        tuple(sorted(where & routes)),
        len(tenants),
        len(models),
        len(routes),
        None if records is None else _traffic(reaches, sides, records),
    )


def _models(reach: Reach, sides: Sides, everything: Names) -> Names:
    """The models of a reach that names none: those of its routes, or else of its tenants."""
    if reach.routes is not None:
        return sides.had.served(reach.routes) | sides.has.served(reach.routes)
    return _of_tenants(reach, sides, everything, Entitlements.reaches)


def _routes(reach: Reach, sides: Sides, everything: Names) -> Names:
    """The routes of a reach that names none: those of its models, or else of its tenants."""
    if reach.models is not None:
        return sides.had.serving(reach.models) | sides.has.serving(reach.models)
    return _of_tenants(reach, sides, everything, Entitlements.routes_of)


def _of_tenants(
    reach: Reach, sides: Sides, everything: Names, which: Callable[[Entitlements, Tenant], Names]
) -> Names:
    if reach.tenants is None:
        return everything
    return frozenset[str]().union(
        *(
            which(side, side.tenants[name])
            for side in (sides.had, sides.has)
            for name in reach.tenants & side.tenants.keys()
        )
    )


def _traffic(reaches: Iterable[Reach], sides: Sides, records: Iterable[Used]) -> Traffic:
    named = {
        name: one.name
        for plan in (sides.before, sides.after)
        for one in plan.models
        for name in one.aliases
    }
    whole = touched = 0
    for used in records:
        whole += used.requests
        model = named.get(used.model, used.model)
        if any(_takes(reach, used.tenant, model, used.route) for reach in reaches):
            touched += used.requests
    return Traffic(whole, touched)


def _takes(reach: Reach, tenant: str, model: str, route: str) -> bool:
    """Whether a recorded request is one of those; what was not recorded may be any."""
    pairs = ((reach.tenants, tenant), (reach.models, model), (reach.routes, route))
    return all(names is None or not name or name in names for names, name in pairs)
