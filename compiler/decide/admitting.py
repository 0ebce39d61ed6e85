"""Whether a request may be made at all: who asks, where it may go, and what limits say.

By the route's guard: Envoy's own filters look at tokens and certificates before a body is read; an
edge is asked behind that, about the route that the model chose. Limits that each Envoy counts for
itself come last.
"""

from __future__ import annotations

from compiler.decide.access import entered, may_ask
from compiler.decide.estimating import estimated
from compiler.decide.identity import Known, identified, refused_by_envoy
from compiler.decide.limiting import as_asked, limits_of, verdict_of
from compiler.decide.operations import Meant
from compiler.decide.refusing import (
    NOT_CHECKED,
    NOT_COUNTED,
    OVER,
    OVER_BUDGET,
    OVER_HERE,
    Refused,
    no_model,
)
from compiler.decide.telling import Telling
from compiler.decide.trace import Identity, Verdict
from compiler.guards import Carrier, identifies
from compiler.plan import Forward, Route, Serve
from compiler.plan_accounts import PlacedLimit
from policies.limit_text import amount_text
from xds.edge.limit import SECONDS, Away

NOBODY = Known(Identity())


def admitted_early(telling: Telling, route: Route) -> Known | Refused | None:
    """Say whose a request is where Envoy alone does, before its body is read; None elsewhere.

    A token that is not good is refused there and then, also where an edge is asked later.
    """
    if not identifies(route):
        return None
    if carrier_of(telling, route) is not Carrier.EDGE:
        return _entered(telling, route, edge=False)
    refused = refused_by_envoy(route, telling.request)
    if refused is not None:
        telling.step("identity", refused.text, route.at)
    return refused


def admitted(
    telling: Telling, route: Route, early: Known | None, meant: Meant | None
) -> Refused | None:
    """Say why a request is refused once all is known of it; None where it is let in."""
    carrier = carrier_of(telling, route)
    who = early or NOBODY
    if carrier is Carrier.EDGE:
        if telling.world.edge_away:
            telling.step("identity", "the edge is away, and nobody else says who asks", route.at)
            return NOT_CHECKED
        found = _entered(telling, route, edge=True)
        if isinstance(found, Refused):
            return found
        who = found
        if meant is not None:
            missing = _model_is_missing(telling, who, meant)
            if missing is not None:
                telling.step("access", missing.text, route.at)
                return missing
            if meant.listing:
                return None  # the edge answers at once, and counts nothing
    refused = _counted(telling, route, who, meant, carrier)
    return refused or _counted_here(telling, route, who, meant)


def carrier_of(telling: Telling, route: Route) -> Carrier:
    """Tell who admits the requests of a route."""
    return telling.laid.guards[route.name].carrier


def _entered(telling: Telling, route: Route, *, edge: bool) -> Known | Refused:
    who = identified(telling.laid, route, telling.request, telling.world, edge=edge)
    if isinstance(who, Refused):
        telling.step("identity", who.text, route.at)
        return who
    if identifies(route):
        telling.identity = who.identity
        _tell_identity(telling, who)
    refused = entered(
        telling.laid, route, who, telling.request.client, telling.world.now, edge=edge
    )
    if refused is not None:
        telling.step("access", refused.text, route.at)
        return refused
    return who


def _tell_identity(telling: Telling, who: Known) -> None:
    told = who.identity
    if not told.tenant:
        telling.step("identity", "nobody: the route lets those in, too")
        return
    tenant = telling.laid.tenants[told.tenant]
    parts = [f"tenant `{told.tenant}`"]
    parts += [f"team `{told.team}`"] if told.team else []
    parts += [f"user `{told.user}`"] if told.user else []
    parts += [f"key `{told.key}`"] if told.key else []
    at = tenant.at if who.key is None else who.key.key.at
    telling.step("identity", f"{', '.join(parts)}, by {told.by}", at)


def _model_is_missing(telling: Telling, who: Known, meant: Meant) -> Refused | None:
    laid, now = telling.laid, telling.world.now
    if meant.model is not None:
        found = may_ask(laid, who, meant.model.name, now)
        return None if found else no_model(meant.asked)
    if meant.about_models:
        if meant.listing or may_ask(laid, who, laid.names.get(meant.entry, ""), now):
            return None
        return no_model(meant.entry)
    if meant.asked and not may_ask(laid, who, laid.names.get(meant.asked, ""), now):
        return no_model(meant.asked)
    return None


def _counted(
    telling: Telling, route: Route, who: Known, meant: Meant | None, carrier: Carrier
) -> Refused | None:
    """Ask about the limits that all Envoys share."""
    if carrier is Carrier.NATIVE:
        return None
    passes = meant.model is not None if meant is not None else True
    model = None if meant is None else meant.model
    placed = [one for one in limits_of(telling.laid, route, who, model) if not one.per_edge]
    if carrier is Carrier.RATELIMIT:
        # Envoy asks nobody about what it answers itself.
        if not passes or not isinstance(route.action, Serve | Forward):
            return None
        placed = as_asked(placed)
        if placed and telling.world.edge_away:
            return _away(telling, route, _anywhere(telling))
    verdicts = _verdicts(telling, placed, who, meant, passes=passes)
    if verdicts and telling.world.counters_away:
        return _away(telling, route, [one for one, _ in verdicts])
    telling.verdicts += tuple(verdict for _, verdict in verdicts)
    for one, verdict in verdicts:
        _tell(telling, one, verdict)
    refusing = [one for one, verdict in verdicts if not verdict.allowed]
    if not refusing:
        return None
    # Of several without room clients are told of the one that takes longest.
    over = max(refusing, key=lambda one: SECONDS.get(one.limit.period, 0))
    if carrier is Carrier.RATELIMIT:
        return OVER_HERE  # Envoy says so itself
    return OVER_BUDGET if over.limit.budget else OVER


def _anywhere(telling: Telling) -> list[PlacedLimit]:
    """All limits of which any request to the route's listeners is asked about."""
    plan = telling.laid.plan
    here = [one for one in plan.routes if telling.listener.name in one.listeners]
    found = [*plan.limits, *(limit for one in here for limit in one.limits)]
    for model in plan.models:
        found += model.limits
    for provider in plan.providers:
        found += provider.limits
    for tenant in plan.tenants:
        found += tenant.limits
        for team in tenant.teams:
            found += team.limits
    return [one for one in found if not one.per_edge]


def _away(telling: Telling, route: Route, placed: list[PlacedLimit]) -> Refused | None:
    closed = next((one for one in placed if one.limit.away is Away.CLOSED), None)
    if closed is not None:
        text = f"`{closed.limit.text}` cannot be counted, and is closed then"
        telling.step("limit", text, closed.at)
        return NOT_CHECKED if telling.world.edge_away else NOT_COUNTED
    telling.step("limit", "limits cannot be counted, and are open then", route.at)
    return None


def _counted_here(
    telling: Telling, route: Route, who: Known, meant: Meant | None
) -> Refused | None:
    """Look at the limits that each Envoy counts for itself."""
    model = None if meant is None else meant.model
    placed = [one for one in limits_of(telling.laid, route, who, model) if one.per_edge]
    verdicts = _verdicts(telling, placed, who, meant, passes=True)
    telling.verdicts += tuple(verdict for _, verdict in verdicts)
    for one, verdict in verdicts:
        _tell(telling, one, verdict)
    return None if all(verdict.allowed for _, verdict in verdicts) else OVER_HERE


def _verdicts(
    telling: Telling, placed: list[PlacedLimit], who: Known, meant: Meant | None, *, passes: bool
) -> list[tuple[PlacedLimit, Verdict]]:
    model = None if meant is None else meant.model
    use = None
    if model is not None and meant is not None and meant.endpoint is not None:
        use = estimated(telling.request.body, model, meant.endpoint)
    found = []
    for one in placed:
        verdict = verdict_of(
            one, who.identity, telling.request.client, telling.world, model, use, passes=passes
        )
        if verdict is not None:
            found.append((one, verdict))
    return found


def _tell(telling: Telling, placed: PlacedLimit, verdict: Verdict) -> None:
    limit = placed.limit
    left = f"{amount_text(verdict.left, limit.unit)} left" if verdict.left else "nothing left"
    whom = "" if verdict.whom == "all" else f" for {verdict.whom}"
    text = f"`{limit.text}` of {limit.owner}{whom}: {left}"
    telling.step("limit", text if verdict.allowed else f"{text}, refused", placed.at)
