"""Lower a REST route: its match, what it does, and its policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.lower.attached import attached
from compiler.lower.match import lower_match
from compiler.lower.service import cluster_name
from compiler.plan import Forward, Redirect, Respond, Route, Serve, Service
from policies.base import Place, PolicyKind
from policies.headers import header_option
from policies.rewrite import swap_prefix
from xds.schema import envoy

route_v3 = envoy.config.route.v3

_CODES: dict[int, route_v3.RedirectAction.RedirectResponseCode.ValueType] = {
    301: route_v3.RedirectAction.MOVED_PERMANENTLY,
    302: route_v3.RedirectAction.FOUND,
    303: route_v3.RedirectAction.SEE_OTHER,
    307: route_v3.RedirectAction.TEMPORARY_REDIRECT,
    308: route_v3.RedirectAction.PERMANENT_REDIRECT,
}


Balancing = Mapping[str, tuple[tuple[PolicyKind[Any], Any], ...]]
"""The policies of each service that must be said on the routes to it (hashes), with their kinds."""


def balancing(services: Iterable[Service]) -> Balancing:
    """Find, once for all routes, what services ask of the routes that lead to them."""
    return {
        service.name: tuple(
            (kind, applied.plan)
            for kind, applied in attached(Place.SERVICE, service.policies)
            if kind.patch_route_to is not None
        )
        for service in services
    }


def lower_route(route: Route, asked: Balancing) -> route_v3.Route:
    """Make the Envoy route of any action but Serve, which has a lowering of its own."""
    lowered = route_v3.Route(name=route.name, match=lower_match(route.match))
    match route.action:
        case Forward() as action:
            _forward(action, asked, lowered)
        case Redirect() as action:
            _redirect(action, lowered)
        case Respond() as action:
            _respond(action, lowered)
        case Serve():
            raise AssertionError("`serve: llm` is lowered by compiler.lower.llm")
    forwards = isinstance(route.action, Forward)
    for kind, applied in attached(Place.ROUTE, route.policies):
        # Elsewhere a RouteAction would take the place of what the route does.
        if kind.patch_route is not None and (forwards or kind.on_answers):
            kind.patch_route(applied.plan, lowered)
    return lowered


def _forward(action: Forward, asked: Balancing, lowered: route_v3.Route) -> None:
    if len(action.branches) == 1:
        lowered.route.cluster = cluster_name(action.branches[0].service)
    else:
        for branch in action.branches:
            share = lowered.route.weighted_clusters.clusters.add(name=cluster_name(branch.service))
            share.weight.value = branch.weight
    patched: list[Any] = []
    for branch in action.branches:
        for kind, plan in asked[branch.service]:
            # Two branches that hash the same thing need it said once.
            if kind.patch_route_to is not None and plan not in patched:
                kind.patch_route_to(plan, lowered)
                patched.append(plan)


def _redirect(action: Redirect, lowered: route_v3.Route) -> None:
    redirect = lowered.redirect
    redirect.response_code = _CODES[action.code]
    redirect.strip_query = action.strip_query
    if action.scheme is not None:
        redirect.scheme_redirect = action.scheme
    if action.host is not None:
        redirect.host_redirect = f"[{action.host}]" if ":" in action.host else action.host
    if action.port is not None:
        redirect.port_redirect = action.port
    if action.path is not None:
        redirect.path_redirect = action.path
    elif action.prefix is not None:
        swap_prefix(action.prefix, lowered.match, redirect)


def _respond(action: Respond, lowered: route_v3.Route) -> None:
    lowered.direct_response.status = action.status
    if action.body:
        lowered.direct_response.body.inline_string = action.body
        lowered.response_headers_to_add.append(header_option("content-type", action.content_type))
