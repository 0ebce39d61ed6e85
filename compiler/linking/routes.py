"""Routes: their listeners, names, matches and actions, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.linking.actions import link_action
from compiler.linking.auth import link_auth
from compiler.linking.choices import Choices
from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedRoute
from compiler.linking.llm_routes import link_served
from compiler.linking.matches import link_match
from compiler.linking.rewrites import check_rewrite
from compiler.linking.route_names import derived_name
from compiler.linking.shadows import check_shadows
from compiler.route_order import order_key
from compiler.schema import GatewayDocument
from compiler.schema.routes import RouteDocument
from compiler.source import Path


def link_routes(
    document: GatewayDocument, meaning: Mapping[str, str], tenants: Choices, findings: Findings
) -> tuple[LinkedRoute, ...]:
    """Link all routes, which may choose their tenants; those with faults are left out."""
    linked: list[LinkedRoute] = []
    for place, route in enumerate(document.routes):
        path: Path = ("routes", place)
        match = link_match(route, path, findings)
        listeners = _listeners(route, path, document, findings)
        good = link_action(route, match, path, document, findings)
        auth = link_auth(route, listeners, path, document, findings)
        models: tuple[str, ...] = ()
        if route.serve is not None:
            models = link_served(route, match, listeners, path, document, meaning, findings)
        if match is not None:
            check_rewrite(route, match, path, findings)
        if match is None or not good:
            continue
        written = None if route.listeners is None else listeners
        name = route.name or derived_name(match, written)
        allow = None
        if route.allow is not None:
            at = (*path, "allow")
            allow = tenants.chosen(route.allow, at, "this route is for", findings)
        linked.append(LinkedRoute(name, listeners, match, models, route, path, place, auth, allow))
    _check_names(linked, findings)
    check_shadows(linked, findings)
    return tuple(sorted(linked, key=lambda route: (order_key(route.match), route.place)))


def _listeners(
    route: RouteDocument, path: Path, document: GatewayDocument, findings: Findings
) -> tuple[str, ...]:
    """Give the listeners that a route stands on, sorted; unknown ones are reported."""
    if route.listeners is None:
        return tuple(sorted(document.listeners))
    for place, name in enumerate(route.listeners):
        if name not in document.listeners:
            findings.unknown(
                "listener",
                "listeners",
                name,
                document.listeners,
                f"this route stands on listener `{name}`",
                (*path, "listeners", place),
            )
    return tuple(sorted(set(route.listeners) & set(document.listeners)))


def _check_names(routes: list[LinkedRoute], findings: Findings) -> None:
    first: dict[str, LinkedRoute] = {}
    for route in routes:
        other = first.setdefault(route.name, route)
        if other is route or (_derived(other) and _derived(route) and other.match == route.match):
            continue  # the same match twice is a shadow, which is told better
        told, origin = (other, route) if _derived(other) and not _derived(route) else (route, other)
        derived = " (made from its match)" if _derived(told) else ""
        findings.error(
            "duplicate-route",
            f"two routes have the name `{route.name}`{derived}",
            _name_path(told),
            "the same name",
            labels=[(_name_path(origin), "first here")],
            hint="give one of them another `name`",
        )


def _derived(route: LinkedRoute) -> bool:
    return route.document.name is None


def _name_path(route: LinkedRoute) -> Path:
    return (*route.path, "match" if _derived(route) else "name")
