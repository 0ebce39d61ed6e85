"""Guards: by which mechanism a route's requests are admitted, and why that one.

The cheapest that is right is taken. What Envoy's stable filters know by themselves (whose token or
certificate it is, where the tenant may go) needs nobody else; limits on requests that several
Envoys share need a rate-limit service; keys, access to models, and whatever is counted in tokens,
money or requests under way need the edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from compiler.needs import asks_edge
from compiler.plan import Forward, Plan, Route, Serve
from compiler.plan_accounts import AuthKind, PlacedLimit, Tenant
from compiler.plan_llm import Choice
from xds.edge.limit import METERED, Away, Each, Limit, Unit


class Carrier(StrEnum):
    """Who decides about a request, cheapest first."""

    NATIVE = "native"
    """Envoy's own filters: jwt_authn, RBAC, local_ratelimit; or nobody at all."""
    RATELIMIT = "ratelimit"
    """Envoy's own, and a rate-limit service that is asked about limits by descriptors."""
    EDGE = "edge"
    """The edge, by ext_authz."""


@dataclass(frozen=True, slots=True)
class Guard:
    """How the requests of one route are admitted, and why so."""

    route: str
    carrier: Carrier
    reason: str


FLEETWIDE = frozenset({Each.ALL, Each.TENANT, Each.CLIENT})
"""Of whom a limit may be for Envoy to ask about it by descriptors: who has no key, no team or no
subject is counted by what else is known of him, which only the edge works out."""


def choose_guards(plan: Plan) -> tuple[Guard, ...]:
    """Choose the guard of each route, in the routes' order."""
    people = people_of(plan)
    return tuple(Guard(route.name, *_choice(plan, route, people)) for route in plan.routes)


def needs_edge(plan: Plan) -> bool:
    """Tell whether services have to run beside each Envoy for this plan."""
    return plan.ledger.store.kind != "none" or asks_admission(plan) or asks_edge(plan)


def asks_admission(plan: Plan) -> bool:
    """Tell whether requests are admitted by those services, and not only processed by them."""
    carriers = {guard.carrier for guard in choose_guards(plan)}
    own = Carrier.RATELIMIT in carriers and not plan.edge.ratelimit
    return own or Carrier.EDGE in carriers


def identifies(route: Route) -> bool:
    """Tell whether clients of a route are asked who they are."""
    return any(method.kind is not AuthKind.NONE for method in route.auth)


@dataclass(frozen=True, slots=True)
class People:
    """What there is to know of all tenants together."""

    limits: tuple[Limit, ...]
    of_keys: tuple[Limit, ...]
    why_models: str
    """Why access to models has to be looked at; empty where everybody has all of them."""
    why_routes: Mapping[str, str]
    """The routes to which access depends on the time, and why."""


def people_of(plan: Plan) -> People:
    """Sum up the tenants: one limit of each kind is as good as all of them."""
    limits: dict[tuple[Unit, Each, Away], Limit] = {}
    of_keys: dict[tuple[Unit, Each, Away], Limit] = {}
    models = ""
    routes: dict[str, str] = {}
    for tenant in plan.tenants:
        for found, placed in ((limits, _of_tenant(tenant)), (of_keys, _of_keys(tenant))):
            for limit in _shared(placed):
                found.setdefault((limit.unit, limit.each, limit.away), limit)
        if not models and tenant.models is not None:
            models = f"tenant `{tenant.name}` has some models only"
        if not models and any(team.models is not None for team in tenant.teams):
            models = f"a team of tenant `{tenant.name}` has some models only"
        for grant in tenant.grants:
            if grant.route and grant.approved_by and grant.until:
                routes.setdefault(grant.route, f"a grant of tenant `{tenant.name}` ends some time")
    if not models:
        asked = next((model.name for model in plan.models if model.on_request), "")
        models = f"model `{asked}` is there on request only" if asked else ""
    return People(tuple(limits.values()), tuple(of_keys.values()), models, routes)


def needs_body(plan: Plan, route: Route, model: str, people: People) -> bool:
    """Tell whether a request for a model may be limited by tokens or by what it costs."""
    limits = _shared((*plan.limits, *route.limits, *_of_models(plan, (model,))))
    if identifies(route):
        limits = (*limits, *people.limits, *people.of_keys)
    return any(limit.unit in METERED for limit in limits)


def _of_tenant(tenant: Tenant) -> Iterator[PlacedLimit]:
    yield from tenant.limits
    for team in tenant.teams:
        yield from team.limits


def _of_keys(tenant: Tenant) -> Iterator[PlacedLimit]:
    for key in tenant.every_key:
        yield from key.limits


def _of_models(plan: Plan, names: Iterable[str]) -> Iterator[PlacedLimit]:
    """Give the limits of models and of all providers that may serve them."""
    wanted = frozenset(names)
    providers: set[str] = set()
    for model in plan.models:
        if model.name in wanted:
            yield from model.limits
            providers.update(one.provider for group in model.groups for one in group.targets)
    for provider in plan.providers:
        if provider.name in providers:
            yield from provider.limits


def _shared(placed: Iterable[PlacedLimit]) -> tuple[Limit, ...]:
    return tuple(one.limit for one in placed if not one.per_edge)


def _choice(plan: Plan, route: Route, people: People) -> tuple[Carrier, str]:
    kinds = [method.kind for method in route.auth]
    if AuthKind.KEYS in kinds:
        return Carrier.EDGE, "a key is known to the edge alone"
    known = identifies(route)
    serves = isinstance(route.action, Serve)
    if known and serves and people.why_models:
        return Carrier.EDGE, people.why_models
    if known and route.name in people.why_routes:
        return Carrier.EDGE, people.why_routes[route.name]
    if isinstance(route.action, Serve):
        model = _by_latency(plan, route.action.models)
        if model:
            why = "chooses by latency: the edge knows who lately began to answer first"
            return Carrier.EDGE, f"model `{model}` {why}"
        provider = _limited_fallback(plan, route.action.models)
        if provider:
            why = "has limits and serves as a fallback: who has served is known in the end"
            return Carrier.EDGE, f"provider `{provider}` {why}"
    limits = list(_shared((*plan.limits, *route.limits)))
    if isinstance(route.action, Serve):
        limits += _shared(_of_models(plan, route.action.models))
    if known:
        limits += people.limits
    if not serves:
        limits = [limit for limit in limits if limit.unit not in METERED]
    for limit in limits:
        why = _why_edge(limit, route)
        if why:
            return Carrier.EDGE, f"limit `{limit.text}` of {limit.owner} {why}"
    if limits:
        first = limits[0]
        return (
            Carrier.RATELIMIT,
            f"limit `{first.text}` of {first.owner} holds for all Envoys together",
        )
    if known:
        ways = " and ".join(dict.fromkeys(kind.value for kind in kinds))
        return Carrier.NATIVE, f"{ways}: Envoy's own filters know who it is"
    return Carrier.NATIVE, "nobody is asked who they are, and nothing is limited for all Envoys"


def _by_latency(plan: Plan, names: Iterable[str]) -> str:
    """Find a model whose first target is chosen by how soon each answers."""
    wanted = frozenset(names)
    for model in plan.models:
        if model.name in wanted and model.choice is Choice.LATENCY and len(model.groups) > 1:
            return model.name
    return ""


def _limited_fallback(plan: Plan, names: Iterable[str]) -> str:
    """Find a provider with limits of the whole fleet behind the first group of a model's chain."""
    limited = {provider.name for provider in plan.providers if _shared(provider.limits)}
    if not limited:
        return ""
    wanted = frozenset(names)
    for model in plan.models:
        if model.name in wanted:
            first = {target.provider for target in model.groups[0].targets}
            for group in model.groups[1:]:
                for target in group.targets:
                    if target.provider in limited - first:
                        return target.provider
    return ""


def _why_edge(limit: Limit, route: Route) -> str:
    """Say why a rate-limit service would not do for a limit; empty where it would."""
    if limit.unit is not Unit.REQUESTS:
        return f"counts {limit.unit.value.replace('_', ' ')}"
    if limit.each not in FLEETWIDE:
        return f"counts for each {limit.each}"
    if not isinstance(route.action, Serve | Forward):
        return "is for a route that Envoy answers itself, of which it asks no rate-limit service"
    if limit.each is Each.TENANT and any(method.kind is AuthKind.NONE for method in route.auth):
        return "counts for each tenant, and nobody has to be one"
    return ""
