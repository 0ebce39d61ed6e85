"""The stage ``lower``: a plan becomes Envoy resources.

``service`` makes clusters and endpoints, ``route`` and ``match`` make routes, ``virtual_host``
puts them under hosts, ``listener`` makes what clients connect to, ``llm`` makes all that
``serve: llm`` needs, and ``accounts`` sees to who may do what. This module only puts the parts
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from compiler.diagnostic import Reporter
from compiler.lower import llm
from compiler.lower.accounts import NO_ACCOUNTS, accounts_of
from compiler.lower.attached import attached
from compiler.lower.listener import lower_listener
from compiler.lower.llm_parts import NONE
from compiler.lower.lowered import Lowered
from compiler.lower.route import balancing, lower_route
from compiler.lower.runtime import lower_runtime
from compiler.lower.service import lower_service
from compiler.lower.virtual_host import lower_routes
from compiler.plan import Plan, Route, Serve
from compiler.plan_policies import Applied
from compiler.source import Span
from policies.base import Place
from policies.secret import SecretRef
from xds.order import VIRTUAL_HOST
from xds.resource import Resource, resource
from xds.shards import is_in_parts

__all__ = ["lower"]


def lower(plan: Plan, reporter: Reporter) -> Lowered:
    """Make every resource that the plan needs, sorted by type and name."""
    resources: dict[tuple[str, str], Resource] = {}
    origins: dict[tuple[str, str], Span] = {}
    secrets: set[SecretRef] = set()

    def keep(message: Any, at: Span, ttl: timedelta | None = None) -> None:
        made = resource(message, ttl=ttl)
        resources[made.type_url, made.name] = made
        origins.setdefault((made.type_url, made.name), at)

    for service in plan.services:
        cluster, endpoints = lower_service(service, reporter)
        keep(cluster, service.at)
        if endpoints is not None:
            keep(endpoints, service.at)
        secrets.update(_secrets(Place.SERVICE, service.policies))
    asked = balancing(plan.services)
    by_name = {route.name: route for route in plan.routes}
    rest: dict[str, tuple[Any, ...]] = {
        route.name: (lower_route(route, asked),)
        for route in plan.routes
        if not isinstance(route.action, Serve)
    }
    accounts = accounts_of(plan)
    if accounts is not None:
        rest = {name: accounts.guard(by_name[name], made) for name, made in rest.items()}
    for listener in plan.listeners:
        routes = [route for route in plan.routes if listener.name in route.listeners]
        serves = any(isinstance(route.action, Serve) for route in routes)
        parts = llm.lower_llm(plan, listener, accounts=accounts is not None) if serves else NONE
        share, served = NO_ACCOUNTS, parts.routes
        if accounts is not None:
            share = accounts.of(routes)
            served = {name: accounts.guard(by_name[name], made) for name, made in served.items()}
        table = lower_routes(listener, routes, {**rest, **served})
        keep(lower_listener(listener, routes, parts, share, table.name), listener.at)
        keep(table, listener.at)
        if is_in_parts(table.name):
            origins.update(_origins_of_parts(table, routes, listener.at))
        for made, at in (*parts.clusters, *parts.listeners):
            keep(made, at)
        secrets.update(_secrets(Place.LISTENER, listener.policies))
        secrets.update(parts.secrets)
    if accounts is not None:
        for message, at in accounts.clusters():
            keep(message, at)
        for one, at in accounts.resources():
            resources[one.type_url, one.name] = one
            origins[one.type_url, one.name] = at
        secrets.update(accounts.secrets())
    if plan.runtime is not None:
        keep(lower_runtime(plan.runtime), plan.runtime.at, plan.runtime.ttl)
    ordered = sorted(resources)
    return Lowered(
        resources=tuple(resources[key] for key in ordered),
        secrets=tuple(sorted(secrets)),
        origins=dict(sorted(origins.items())),
    )


def _origins_of_parts(
    table: Any, routes: Iterable[Route], otherwise: Span
) -> Iterator[tuple[tuple[str, str], Span]]:
    """Give the place of each virtual host: that of the first route of its own."""
    first: dict[str, Span] = {}
    for route in routes:
        for host in route.match.hosts:
            first.setdefault(host, route.at)
    for part in table.virtual_hosts:
        yield (VIRTUAL_HOST, part.name), first.get(part.domains[0], otherwise)


def _secrets(place: Place, policies: tuple[Applied, ...]) -> Iterable[SecretRef]:
    for kind, applied in attached(place, policies):
        yield from kind.secrets(applied.plan)
