"""What needs a certain Envoy: the gateway names the oldest of its fleet, and nothing newer is used.

Versions are those in which the release binaries first had the extension or the field. Policies say
their own needs (``PolicyKind.needs``).
"""

from __future__ import annotations

from collections.abc import Iterable

from compiler.guards import identifies
from compiler.linking.findings import Findings
from compiler.plan import Listener, Route, Serve
from compiler.plan_llm import Model
from compiler.schema import GatewayDocument
from compiler.source import Path
from policies.base import Feature, Place
from policies.registry import find, kinds_at

OLDEST = (1, 36)
"""The oldest Envoy that this is tested with."""

SERVE_LLM = Feature("`serve: llm`", (1, 39))  # stats_scope of the stats logger
CHAIN = Feature("a chain of targets", (1, 40))  # the priority_group cluster specifier

RETRY_AFTER = Feature("`retry-after` of limits that Envoy sees to", (1, 40))
"""Older ones tell the same in `x-ratelimit-reset` alone: done without where it is not there."""

ON_DEMAND = Feature("`hosts: on_demand`", (1, 40))  # VHDS over ADS


def check_version(document: GatewayDocument, findings: Findings) -> None:
    """Refuse an Envoy that is older than all that was tested."""
    if document.envoy_version < OLDEST:
        findings.error(
            "unsupported-envoy",
            f"Envoy {document.envoy} is older than any that this works with",
            ("envoy",),
            hint=f'write `envoy: "{_spelled(OLDEST)}"` or newer',
        )


def check_models(
    models: Iterable[tuple[Model, Path]], document: GatewayDocument, findings: Findings
) -> None:
    """Check what models need, each at its place."""
    for model, path in models:
        if len(model.groups) > 1:
            _need(CHAIN, (*path, "targets"), document, findings)


def check_routes(
    routes: Iterable[tuple[Route, Path]], document: GatewayDocument, findings: Findings
) -> None:
    """Check what the actions of routes need, each at its place."""
    for route, path in routes:
        if isinstance(route.action, Serve):
            _need(SERVE_LLM, (*path, "serve"), document, findings)


def check_listeners(
    listeners: Iterable[Listener],
    routes: Iterable[tuple[Route, Path]],
    document: GatewayDocument,
    findings: Findings,
) -> None:
    """Check what listeners on demand need: an Envoy, and routes without filters of their own.

    Envoy chooses a request's filters before it has fetched the host. A first request that has a
    body would go past the filters that its route switches on.
    """
    on_demand = {listener.name for listener in listeners if listener.on_demand}
    for name in sorted(on_demand):
        _need(ON_DEMAND, ("listeners", name, "hosts"), document, findings)
    kinds = kinds_at(Place.ROUTE)
    for route, path in routes:
        if on_demand.isdisjoint(route.listeners):
            continue
        filtering = [one.kind for one in route.policies if kinds[one.kind].http_filters(one.plan)]
        if isinstance(route.action, Serve):
            filtering.append("serve: llm")
        if identifies(route):
            filtering.append("auth")
        if route.limits or document.limits or document.budget:
            filtering.append("limits")
        for what in filtering:
            findings.error(
                "filter-on-demand",
                f"`{what}` does not work on a listener with `hosts: on_demand`",
                path,
                "the first request of a host would go past it",
                hint="give the route a listener of its own, or write `hosts: pushed`",
            )


def check_policies(
    place: Place,
    policies: Iterable[tuple[str, object, Path]],
    document: GatewayDocument,
    findings: Findings,
) -> None:
    """Check what policies of one place need: kind, plan, and where each is written."""
    for kind, plan, path in policies:
        for feature in find(place, kind).needs(plan):
            _need(feature, path, document, findings)


def _need(feature: Feature, path: Path, document: GatewayDocument, findings: Findings) -> None:
    if document.envoy_version >= feature.since:
        return
    since = _spelled(feature.since)
    labels: list[tuple[Path, str]] = [(("envoy",), "the oldest of the fleet")]
    findings.error(
        "feature-needs-envoy",
        f"{feature.name} needs Envoy {since}; the file says {_spelled(document.envoy_version)}",
        path,
        f"needs Envoy {since}",
        labels=labels if "envoy" in document.model_fields_set else [],
        hint=f'upgrade the fleet and write `envoy: "{since}"`, or do without it',
    )


def _spelled(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
