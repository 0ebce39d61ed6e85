"""The blast radius: which tenants, models and routes a change touches, and how much traffic.

Counters, resources and what touches no request do not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from compiler.diff.change import Area, Changes, Reach
from compiler.diff.entitled import Entitlements
from compiler.diff.recorded import Used
from compiler.plan import Plan


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


def radius(changes: Changes, before: Plan, after: Plan, records: Iterable[Used] | None) -> Radius:
    """Put together what all changes touch; ``before`` is in the later plan's names."""
    counted = (one.reach for one in changes.entries if one.area is not Area.COUNTERS)
    reaches = list(dict.fromkeys(reach for reach in counted if not reach.nothing))
    plans = (before, after)
    tenants = {one.name for plan in plans for one in plan.tenants}
    models = {one.name for plan in plans for one in plan.models}
    routes = {one.name for plan in plans for one in plan.routes}
    sides = [Entitlements(plan) for plan in plans]
    touched = _touched(reaches, tenants, models, routes, sides)
    aliases = {name: one.name for one in before.models for name in one.aliases}
    aliases |= {name: one.name for one in after.models for name in one.aliases}
    traffic = None
    if records is not None:
        whole = hit = 0
        for used in records:
            whole += used.requests
            model = aliases.get(used.model, used.model)
            if any(_takes(reach, used.tenant, model, used.route) for reach in reaches):
                hit += used.requests
        traffic = Traffic(whole, hit)
    who, what, where = (tuple(sorted(one)) for one in touched)
    return Radius(who, what, where, len(tenants), len(models), len(routes), traffic)


def _touched(
    reaches: Iterable[Reach],
    tenants: set[str],
    models: set[str],
    routes: set[str],
    sides: list[Entitlements],
) -> tuple[set[str], set[str], set[str]]:
    who: set[str] = set()
    what: set[str] = set()
    where: set[str] = set()
    for reach in reaches:
        who |= tenants if reach.tenants is None else reach.tenants
        if reach.models is not None:
            what |= reach.models
        elif reach.routes is not None:
            for side in sides:
                what |= side.served(reach.routes)
        elif reach.tenants is None:
            what |= models
        else:
            for side in sides:
                for name in reach.tenants & side.tenants.keys():
                    what |= side.reaches(side.tenants[name])
        if reach.routes is not None:
            where |= reach.routes
        elif reach.models is not None:
            for side in sides:
                where |= side.serving(reach.models)
        elif reach.tenants is None:
            where |= routes
        else:
            for side in sides:
                for name in reach.tenants & side.tenants.keys():
                    where |= side.routes_of(side.tenants[name])
    return who & tenants, what & models, where & routes


def _takes(reach: Reach, tenant: str, model: str, route: str) -> bool:
    """Whether a recorded request is one of those; what was not recorded may be any."""
    for names, name in ((reach.tenants, tenant), (reach.models, model), (reach.routes, route)):
        if names is not None and name and name not in names:
            return False
        if names is not None and not names:
            return False
    return True
