"""What limits and budgets say of a request, by what is used of them already.

Those that all Envoys share are reserved together: one that has nothing left refuses, and the others
take nothing. Those that each Envoy counts for itself come after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from compiler.decide.estimating import Estimate
from compiler.decide.identity import Known
from compiler.decide.laid import Laid
from compiler.decide.trace import Identity, Verdict
from compiler.decide.world import World
from compiler.plan import Route
from compiler.plan_accounts import PlacedLimit
from compiler.plan_llm import Choice, Model
from xds.edge.counted import site, taken
from xds.edge.limit import Each, Limit, Shape, Unit

EVERYBODY: Final = "all"
"""Whom a limit is counted for that has one counter."""
NOBODY: Final = "-"
"""Whom an Envoy counts a request for by itself that has no key, no user."""


def limits_of(laid: Laid, route: Route, who: Known, model: Model | None) -> Iterator[PlacedLimit]:
    """Yield all limits of a request, widest first."""
    yield from laid.plan.limits
    yield from route.limits
    tenant = laid.tenants.get(who.identity.tenant)
    if tenant is not None:
        yield from tenant.limits
        for team in tenant.teams:
            if team.name == who.identity.team:
                yield from team.limits
    if who.key is not None:
        yield from who.key.key.limits
    if model is not None:
        yield from model.limits
        latency = model.choice is Choice.LATENCY and len(model.groups) > 1
        firsts = model.groups if latency else model.groups[:1]
        for name in dict.fromkeys(one.provider for group in firsts for one in group.targets):
            yield from laid.providers[name].limits


def as_asked(placed: Iterable[PlacedLimit]) -> list[PlacedLimit]:
    """Put limits into the order in which Envoy itself asks about them, by descriptors."""
    ranks = {"gateway": 0, "model": 1, "provider": 1, "route": 2, "team": 3, "tenant": 4}

    def rank(one: PlacedLimit) -> tuple[int, str]:
        kind = ranks.get(one.limit.id.partition("/")[0], 0)
        return (kind, one.limit.each.value) if kind else (0, "")

    return sorted(placed, key=rank)


def verdict_of(
    placed: PlacedLimit,
    who: Identity,
    client: str,
    world: World,
    model: Model | None,
    use: Estimate | None,
    *,
    passes: bool,
) -> Verdict | None:
    """Say what one limit says; None where such a request takes nothing of it.

    ``passes`` is whether the request goes on to an upstream at all.
    """
    limit = placed.limit
    amount = int(passes) if limit.unit is Unit.CONCURRENT else _amount(limit.unit, model, use)
    if not amount:
        return None
    whom = _whom_here(limit, who, client) if placed.per_edge else whom_of(limit, who, client)
    most = limit.burst or limit.amount if limit.shape is Shape.BUCKET else limit.amount
    left = max(most - world.used.get(limit.id, {}).get(whom, 0), 0)
    return Verdict(limit.id, whom, amount <= left, amount, left, placed.at)


def whom_of(limit: Limit, who: Identity, client: str) -> str:
    """Name whom a limit counts a request for.

    Who has no key is counted by user, who has no user by key, who has neither by address.
    """
    named = f"{who.tenant}/{who.user}" if who.user else ""
    match limit.each:
        case Each.ALL:
            return EVERYBODY
        case Each.TENANT:
            return who.tenant
        case Each.TEAM:
            return f"{who.tenant}/{who.team}"
        case Each.KEY:
            return who.key or named or site(client)
        case Each.USER:
            return named or who.key or site(client)
        case Each.CLIENT:
            return site(client)


def _whom_here(limit: Limit, who: Identity, client: str) -> str:
    """Name whom an Envoy counts for by itself: it puts all who have no key, no user, together."""
    match limit.each:
        case Each.TEAM:
            return f"{who.tenant}/{who.team or NOBODY}"
        case Each.KEY:
            return who.key or NOBODY
        case Each.USER:
            return who.user or NOBODY
        case Each.CLIENT:
            return client
        case _:
            return whom_of(limit, who, client) or NOBODY


def _amount(unit: Unit, model: Model | None, use: Estimate | None) -> int:
    if unit is Unit.REQUESTS:
        return 1
    if model is None or use is None:
        return 0
    dear_in, dear_out = model.dearest
    return taken(unit, use.input, use.output, use.input * dear_in + use.output * dear_out)
