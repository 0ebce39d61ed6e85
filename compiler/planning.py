"""The planning stage: what the gateway does, with every default filled in and everything in order.

Sections are sorted by name and routes as they are tried, so that equal gateways have equal plans
however their text is ordered and split over files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

from compiler.diagnostic import Reporter, Severity
from compiler.expectations.names import check_names
from compiler.gates import (
    check_listeners,
    check_models,
    check_policies,
    check_routes,
    check_version,
)
from compiler.lanes import choose_lanes
from compiler.linking.findings import Findings
from compiler.linking.linked import Linked
from compiler.plan import EndpointAddress, Listener, Plan, Resolution, Service
from compiler.plan_llm import Provider
from compiler.plan_policies import Applied
from compiler.planning_accounts import plan_counting, plan_edge, plan_issuers, plan_ledger
from compiler.planning_fleet import check_given, plan_groups, plan_rollout, plan_runtime
from compiler.planning_limits import plan_gateway_limits
from compiler.planning_models import plan_models
from compiler.planning_policies import plan_policies
from compiler.planning_providers import plan_providers
from compiler.planning_redactions import plan_redactions
from compiler.planning_routes import plan_routes
from compiler.planning_tenants import plan_tenants
from compiler.schema.services import ServiceDocument
from compiler.source import Path
from policies.base import Place
from policies.values import is_ip


def planning(linked: Linked, reporter: Reporter) -> Plan:
    """Make the plan; what the oldest Envoy lacks is reported."""
    document = linked.document
    findings = Findings(reporter, linked.locate)
    check_version(document, findings)
    providers = plan_providers(linked)
    models = plan_models(linked, providers, findings)
    routes = plan_routes(linked)
    plan = Plan(
        name=document.name,
        envoy=document.envoy_version,
        listeners=_listeners(linked),
        services=_services(linked),
        providers=providers,
        models=models,
        routes=routes,
        lanes=(),
        groups=plan_groups(linked),
        rollout=plan_rollout(linked),
        runtime=plan_runtime(linked),
        tenants=plan_tenants(linked),
        issuers=plan_issuers(linked),
        limits=plan_gateway_limits(linked),
        counting=plan_counting(linked),
        edge=plan_edge(linked),
        redactions=plan_redactions(linked),
        redact=tuple(sorted(set(linked.document.redact))),
    )
    plan = replace(plan, ledger=plan_ledger(linked, plan), lanes=choose_lanes(plan))
    _check_gates(plan, linked, findings)
    check_given(plan, findings)
    # Tests are no part of what is served: one that has not followed a change holds nothing up here,
    # and fails where tests are run.
    check_names(
        document.tests,
        plan,
        reporter,
        linked.locate,
        linked.locate_key,
        severity=Severity.WARNING,
    )
    return plan


def _listeners(linked: Linked) -> tuple[Listener, ...]:
    listeners = []
    for name, document in sorted(linked.document.listeners.items()):
        path: Path = ("listeners", name)
        policies = plan_policies(document, Place.LISTENER, path, linked)
        address = str(ip_address(document.address))
        listeners.append(
            Listener(
                name,
                address,
                document.port,
                policies,
                linked.locate(path),
                on_demand=document.hosts == "on_demand",
            )
        )
    return tuple(listeners)


def _services(linked: Linked) -> tuple[Service, ...]:
    services = []
    for name, document in sorted(linked.document.services.items()):
        path: Path = ("services", name)
        services.append(
            Service(
                name=name,
                protocol=document.protocol,
                endpoints=_endpoints(document),
                resolution=_resolution(document),
                connect_timeout=document.connect_timeout
                or linked.document.defaults.connect_timeout,
                policies=plan_policies(document, Place.SERVICE, path, linked),
                at=linked.locate(path),
            )
        )
    return tuple(services)


def _endpoints(document: ServiceDocument) -> tuple[EndpointAddress, ...]:
    """Sort the endpoints: their order in the text means nothing."""
    found = [
        EndpointAddress(
            one.address.host.lower(), one.address.port, one.weight, one.priority, one.zone
        )
        for one in document.endpoints
    ]
    found.sort(key=lambda one: (one.priority, one.zone, one.host, one.port))
    return tuple(found)


def _resolution(document: ServiceDocument) -> Resolution:
    if document.resolve is not None:
        return Resolution(document.resolve)
    static = all(is_ip(one.address.host) for one in document.endpoints)
    return Resolution.STATIC if static else Resolution.DNS


def _check_gates(plan: Plan, linked: Linked, findings: Findings) -> None:
    """Check all that needs a newer Envoy, in the order of the plan."""
    document = linked.document
    places: tuple[tuple[Place, str, Iterable[Listener | Service | Provider]], ...] = (
        (Place.LISTENER, "listeners", plan.listeners),
        (Place.SERVICE, "services", plan.services),
        (Place.PROVIDER, "providers", plan.providers),
    )
    for place, section, things in places:
        for thing in things:
            found = _written(thing.policies, (section, thing.name))
            check_policies(place, found, document, findings)
    models = {model.name: model.path for model in linked.models}
    check_models([(model, models[model.name]) for model in plan.models], document, findings)
    placed = list(zip(plan.routes, (route.path for route in linked.routes), strict=True))
    check_routes(placed, document, findings)
    check_listeners(plan.listeners, placed, document, findings)
    for route, path in placed:
        check_policies(Place.ROUTE, _written(route.policies, path), document, findings)


def _written(policies: Iterable[Applied], path: Path) -> Iterable[tuple[str, object, Path]]:
    return ((applied.kind, applied.plan, (*path, applied.kind)) for applied in policies)
