"""Who may ask for which model and come to which route: what tenants gain and lose in the end.

Tenants whose gains and losses are the same are told together. What comes and goes with a model or
a route as a whole is told there, not here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from compiler.diff.change import NOTHING, Area, Change, Reach, Severity
from compiler.diff.fields import Said, field_changes
from compiler.diff.sides import Sides, at
from compiler.diff.values import names, plural
from compiler.plan_accounts import Tenant
from compiler.source import Span


class _Delta(NamedTuple):
    """What a tenant gains or loses of one kind."""

    kind: str
    gained: bool
    names: frozenset[str]


def access(sides: Sides) -> Iterator[Change]:
    """Yield what tenants that are on both sides gain and lose, and tenants that come and go."""
    yield from _moved(sides)
    yield from _come_and_gone(sides)


def _moved(sides: Sides) -> Iterator[Change]:
    models = {one.name for one in sides.before.models} & {one.name for one in sides.after.models}
    routes = {one.name for one in sides.before.routes} & {one.name for one in sides.after.routes}
    routes -= sides.had.open ^ sides.has.open  # told of the route: it is for anybody, or not
    found: dict[_Delta, list[str]] = defaultdict(list)
    for name, had in sides.had.tenants.items():
        has = sides.has.tenants.get(name)
        if has is None:
            continue
        told = False
        for kind, old, new in (
            ("model", sides.had.models_of(had) & models, sides.has.models_of(has) & models),
            ("route", sides.had.routes_of(had) & routes, sides.has.routes_of(has) & routes),
        ):
            for gained, these in ((True, new - old), (False, old - new)):
                if these:
                    told = True
                    found[_Delta(kind, gained, these)].append(name)
        if not told and (_listed(had, sides) != _listed(has, sides)):
            yield from field_changes(sides.crowd.called([name]), had, has, _LISTED, NOTHING)
    for delta, tenants in found.items():
        yield _delta(delta, tenants, sides)


def _listed(tenant: Tenant, sides: Sides) -> tuple[frozenset[str] | None, ...]:
    """Give a tenant's lists without what comes or goes as such, which tells of itself."""
    passing = sides.new_models | sides.gone_models | sides.passing_routes
    lists = (tenant.models, tenant.routes)
    return tuple(None if one is None else frozenset(one) - passing for one in lists)


_LISTED = Said(
    Area.ACCESS,
    elsewhere=(
        *("name", "tier", "tags", "contacts", "limits", "addresses", "certificates", "claims"),
        *("keys", "teams", "grants", "redact"),
    ),
    words={"models": "the list of models (the same in the end)", "routes": "the list of routes"},
)


def _delta(delta: _Delta, tenants: list[str], sides: Sides) -> Change:
    many, noun = len(tenants) != 1, plural(delta.kind, delta.names)
    verb = ("gain" if many else "gains") if delta.gained else ("lose" if many else "loses")
    words = f"{verb} {noun} {names(delta.names)}"
    who = frozenset(tenants)
    entitlements = sides.has if delta.gained else sides.had
    severity = Severity.GAIN if delta.gained else Severity.LOSS
    if delta.kind == "model":
        reach = Reach(who, delta.names, None)
        if not any(delta.names & entitlements.reaches(entitlements.tenants[one]) for one in who):
            words, severity = f"{words}, which no route serves them", Severity.NEUTRAL
    else:
        served = entitlements.served(delta.names)
        words += f" (with {plural('model', served)} {names(served)})" if served else ""
        reach = Reach(who, None, delta.names)
    old = [sides.had.tenants[one] for one in tenants]
    new = [sides.has.tenants[one] for one in tenants]
    listed = ", ".join(sorted(delta.names))
    return Change(
        Area.ACCESS,
        severity,
        sides.crowd.called(who),
        words,
        None if delta.gained else listed,
        listed if delta.gained else None,
        reach,
        _places(old, delta.kind),
        _places(new, delta.kind),
    )


def _places(tenants: list[Tenant], kind: str) -> tuple[Span, ...]:
    """Give where the lists are written: mostly at one tier, however many tenants have it."""
    found = dict.fromkeys(
        origin.at or tenant.at
        for tenant in tenants
        for origin in tenant.origins
        if origin.key == f"{kind}s"
    )
    return tuple(found) or at(*tenants)


def _come_and_gone(sides: Sides) -> Iterator[Change]:
    for mine, other, is_new in (
        (sides.has, sides.had, True),
        (sides.had, sides.has, False),
    ):
        alike: dict[tuple[object, ...], list[Tenant]] = defaultdict(list)
        for name, one in mine.tenants.items():
            if name not in other.tenants:
                alike[one.tier, mine.reaches(one), mine.routes_of(one)].append(one)
        for (_, models, _), tenants in alike.items():
            who = frozenset(one.name for one in tenants)
            keys = sum(_keys(one) for one in tenants)
            is_are = "is" if len(who) == 1 else "are"
            tier = f" in tier `{tenants[0].tier}`" if tenants[0].tier else ""
            reaches = f"{plural('model', models)} {names(models)}" if models else "no models"
            ends = f"{keys} key{'' if keys == 1 else 's'}"
            words = (
                f"{is_are} new{tier}, with {reaches} and {ends}"
                if is_new
                else f"{is_are} gone{tier}, and {ends} with {'it' if len(who) == 1 else 'them'}"
            )
            limits = sorted({one.limit.text for tenant in tenants for one in tenant.limits})
            words += f"; limits: {', '.join(limits) or 'none'}" if is_new else ""
            yield Change(
                Area.ACCESS,
                Severity.GAIN if is_new else Severity.LOSS,
                f"{'tenant' if len(who) == 1 else 'tenants'} {names(who)}",
                words,
                None if is_new else ", ".join(sorted(who)),
                ", ".join(sorted(who)) if is_new else None,
                Reach(who, None, None),
                () if is_new else at(*tenants),
                at(*tenants) if is_new else (),
            )


def _keys(tenant: Tenant) -> int:
    return len({key.id for key in (*tenant.keys, *(k for t in tenant.teams for k in t.keys))})
