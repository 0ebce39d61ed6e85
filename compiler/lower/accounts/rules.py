"""The edge's own resources: the rules of a plan, and its keys in shards.

What belongs to another group of nodes is not in them: tenants keep the models and routes that this
plan has. Limits that each Envoy counts for itself are Envoy's, and not in here either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from compiler.guards import Carrier, Guard
from compiler.plan import Plan, Route, Serve
from compiler.plan_accounts import (
    AccessKey,
    AuthKind,
    Counting,
    Ledger,
    PlacedLimit,
    Team,
    Tenant,
)
from compiler.plan_llm import Choice, Model
from xds.edge import rules
from xds.edge.key_table import shards
from xds.edge.limit import Limit
from xds.edge.resources import KEYS, RULES, edge_resource
from xds.resource import Resource

NAME = "rules"
"""The name of the one resource of its type."""


def edge_resources(plan: Plan, guards: Iterable[Guard]) -> Iterator[Resource]:
    """Yield the rules, and the shards of all keys."""
    yield edge_resource(RULES, NAME, rules.write_rules(edge_rules(plan, guards)))
    for name, body in sorted(shards(edge_keys(plan)).items()):
        yield edge_resource(KEYS, name, body)


def edge_rules(plan: Plan, guards: Iterable[Guard]) -> rules.Rules:
    """Say what the edge decides by; routes that it has no part in are left out."""
    there = _There(plan)
    carried = {guard.route: guard.carrier for guard in guards}
    routes = {
        route.name: _route(route)
        for route in plan.routes
        if carried[route.name] is not Carrier.NATIVE
    }
    issuers = {
        method.issuer for route in plan.routes for method in route.auth if route.name in routes
    }
    return rules.Rules(
        gateway=plan.name,
        workers=plan.edge.workers,
        away=plan.counting.away,
        counters=_counters(plan.counting),
        ledger=_ledger(plan.ledger),
        limits=_shared(plan.limits),
        routes=dict(sorted(routes.items())),
        models={model.name: _model(model) for model in plan.models},
        providers={
            provider.name: limits
            for provider in plan.providers
            if (limits := _shared(provider.limits))
        },
        tenants={tenant.name: _tenant(tenant, there) for tenant in plan.tenants},
        issuers={
            issuer.name: rules.Issuer(
                issuer=issuer.issuer,
                tenant_claim=issuer.tenant_claim,
                team_claim=issuer.team_claim,
                user_claim=issuer.user_claim,
            )
            for issuer in plan.issuers
            if issuer.name in issuers
        },
    )


def edge_keys(plan: Plan) -> Iterator[tuple[bytes, rules.Key]]:
    """Yield every key with its digest; teams' keys after their tenant's."""
    there = _There(plan)
    for tenant in plan.tenants:
        for key in tenant.keys:
            yield key.sha256, _key(key, tenant.name, "", there)
        for team in tenant.teams:
            for key in team.keys:
                yield key.sha256, _key(key, tenant.name, team.name, there)


class _There:
    """The models and routes that this plan has."""

    __slots__ = ("_models", "_routes")

    def __init__(self, plan: Plan) -> None:
        self._models = frozenset(model.name for model in plan.models)
        self._routes = frozenset(route.name for route in plan.routes)

    def models(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else tuple(name for name in names if name in self._models)

    def routes(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else tuple(name for name in names if name in self._routes)

    def grants(self, tenant: Tenant) -> Iterator[rules.Grant]:
        for grant in tenant.grants:
            here = grant.model in self._models or grant.route in self._routes
            if here and grant.approved_by is not None:
                until = None if grant.until is None else _seconds(grant.until)
                yield rules.Grant(model=grant.model or "", route=grant.route or "", until=until)


def _shared(placed: Iterable[PlacedLimit]) -> tuple[Limit, ...]:
    return tuple(one.limit for one in placed if not one.per_edge)


def _route(route: Route) -> rules.Route:
    serves = route.action if isinstance(route.action, Serve) else None
    return rules.Route(
        # Where nothing is said of it nobody is asked, and the edge is there for something else.
        auth=tuple(str(method) for method in route.auth) or (AuthKind.NONE.value,),
        llm=serves is not None,
        models=() if serves is None else serves.models,
        prefix="" if serves is None else route.match.path.rstrip("/"),
        allow=route.allow,
        on_request=route.on_request,
        limits=_shared(route.limits),
    )


def _model(model: Model) -> rules.Model:
    targets = [target for group in model.groups for target in group.targets]
    latency = _by_latency(model)
    # Any group may be the first then: what its providers are limited to is reserved.
    firsts = targets if latency else model.groups[0].targets
    first = dict.fromkeys(target.provider for target in firsts)
    others = dict.fromkeys(one.provider for one in targets if one.provider not in first)
    input_price, output_price = model.dearest
    return rules.Model(
        names=(model.name, *model.aliases),
        tags=model.tags,
        on_request=model.on_request,
        input_price=input_price,
        output_price=output_price,
        output=model.output,
        seconds=model.timeout.total_seconds(),
        providers=tuple(first),
        fallbacks=tuple(others),
        limits=_shared(model.limits),
        latency=latency,
    )


def _by_latency(model: Model) -> tuple[tuple[str, ...], ...]:
    if model.choice is not Choice.LATENCY or len(model.groups) < 2:
        return ()
    return tuple(
        tuple(f"{target.provider}/{target.model}" for target in group.targets)
        for group in model.groups
    )


def _tenant(tenant: Tenant, there: _There) -> rules.Tenant:
    return rules.Tenant(
        tier=tenant.tier or "",
        tags=tenant.tags,
        models=there.models(tenant.models),
        routes=there.routes(tenant.routes),
        limits=_shared(tenant.limits),
        addresses=tenant.addresses,
        certificates=tenant.certificates,
        claims=tenant.claims,
        teams={team.name: _team(team, there) for team in tenant.teams},
        grants=tuple(there.grants(tenant)),
    )


def _team(team: Team, there: _There) -> rules.Team:
    return rules.Team(models=there.models(team.models), limits=_shared(team.limits))


def _key(key: AccessKey, tenant: str, team: str, there: _There) -> rules.Key:
    return rules.Key(
        id=key.id,
        tenant=tenant,
        team=team,
        starts=0 if key.starts is None else _seconds(key.starts),
        expires=0 if key.expires is None else _seconds(key.expires),
        models=there.models(key.models),
        limits=_shared(key.limits),
    )


def _counters(counting: Counting) -> rules.CounterStore:
    store = counting.store
    return rules.CounterStore(
        embedded=store.kind == "embedded",
        url=store.url,
        secret="" if store.secret is None else store.secret.name,
        timeout_ms=counting.timeout_ms,
    )


def _ledger(ledger: Ledger) -> rules.LedgerStore:
    store = ledger.store
    return rules.LedgerStore(
        kind=store.kind,
        url=store.url,
        secret="" if store.secret is None else store.secret.name,
        retention_days=ledger.retention_days,
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
