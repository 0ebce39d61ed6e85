"""Lower a REST route: its match, what it does, and its policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler.diagnostic import Reporter
from compiler.lower.attached import attached
from compiler.lower.match import lower_match
from compiler.lower.service import cluster_name
from compiler.plan import Applied, Forward, PathKind, Redirect, Respond, Route, Serve, Service
from policies.base import Place
from policies.headers import header_option
from policies.rewrite import RewritePlan, swap_prefix, template_variables
from xds.schema import envoy

route_v3 = envoy.config.route.v3

_CODES: dict[int, route_v3.RedirectAction.RedirectResponseCode.ValueType] = {
    301: route_v3.RedirectAction.MOVED_PERMANENTLY,
    302: route_v3.RedirectAction.FOUND,
    303: route_v3.RedirectAction.SEE_OTHER,
    307: route_v3.RedirectAction.TEMPORARY_REDIRECT,
    308: route_v3.RedirectAction.PERMANENT_REDIRECT,
}


def lower_route(
    route: Route, services: Mapping[str, Service], reporter: Reporter
) -> route_v3.Route:
    """Make the Envoy route of any action but Serve, which has a lowering of its own."""
    lowered = route_v3.Route(name=route.name, match=lower_match(route.match))
    match route.action:
        case Forward() as action:
            _forward(action, services, lowered)
        case Redirect() as action:
            _redirect(action, route, lowered, reporter)
        case Respond() as action:
            _respond(action, lowered)
        case Serve():
            raise AssertionError("`serve: llm` is lowered by compiler.lower.llm")
    forwards = isinstance(route.action, Forward)
    for kind, applied in attached(Place.ROUTE, route.policies):
        if not forwards and not kind.on_answers:
            reporter.error(
                "policy-without-effect",
                f"`{kind.name}` does nothing on route `{route.name}`, which answers by itself",
                applied.at,
                "only for routes that forward",
                hint="take it away, or forward to a service",
            )
            continue
        if isinstance(applied.plan, RewritePlan):
            _check_rewrite(route, applied, applied.plan, reporter)
        if kind.patch_route is not None:
            kind.patch_route(applied.plan, lowered)
    return lowered


def _forward(action: Forward, services: Mapping[str, Service], lowered: route_v3.Route) -> None:
    if len(action.branches) == 1:
        lowered.route.cluster = cluster_name(action.branches[0].service)
    else:
        for branch in action.branches:
            share = lowered.route.weighted_clusters.clusters.add(name=cluster_name(branch.service))
            share.weight.value = branch.weight
    patched: list[Any] = []
    for branch in action.branches:
        for kind, applied in attached(Place.SERVICE, services[branch.service].policies):
            # Two branches that hash the same thing need it said once.
            if kind.patch_route_to is not None and applied.plan not in patched:
                kind.patch_route_to(applied.plan, lowered)
                patched.append(applied.plan)


def _redirect(action: Redirect, route: Route, lowered: route_v3.Route, reporter: Reporter) -> None:
    redirect = lowered.redirect
    redirect.response_code = _CODES[action.code]
    redirect.strip_query = action.strip_query
    if action.scheme is not None:
        redirect.scheme_redirect = action.scheme
    if action.host is not None:
        redirect.host_redirect = action.host
    if action.port is not None:
        redirect.port_redirect = action.port
    if action.path is not None:
        redirect.path_redirect = action.path
    elif action.prefix is not None:
        if route.match.path_kind is not PathKind.PREFIX:
            reporter.error(
                "rewrite-needs-prefix",
                f"route `{route.name}` redirects a prefix, but does not match by one",
                route.at,
                hint="match by `prefix`, or redirect to a `path`",
            )
        swap_prefix(action.prefix, lowered.match, redirect)


def _respond(action: Respond, lowered: route_v3.Route) -> None:
    lowered.direct_response.status = action.status
    if action.body:
        lowered.direct_response.body.inline_string = action.body
        lowered.response_headers_to_add.append(header_option("content-type", action.content_type))


def _check_rewrite(
    route: Route, applied: Applied, rewrite: RewritePlan, reporter: Reporter
) -> None:
    """Report what Envoy would refuse, or do otherwise than it reads."""
    kind = route.match.path_kind
    if rewrite.prefix is not None and kind is not PathKind.PREFIX:
        reporter.error(
            "rewrite-needs-prefix",
            f"route `{route.name}` rewrites a prefix, but matches by {kind}",
            applied.at,
            hint="match by `prefix`, or rewrite the whole `path`",
        )
    if rewrite.template is None:
        return
    if kind is not PathKind.TEMPLATE:
        reporter.error(
            "rewrite-needs-template",
            f"route `{route.name}` rewrites by a template, but matches by {kind}",
            applied.at,
            hint="match by `template`: its variables are what the new template is made of",
        )
        return
    unknown = template_variables(rewrite.template) - template_variables(route.match.path)
    for name in sorted(unknown):
        reporter.error(
            "unknown-variable",
            f"route `{route.name}` rewrites with `{{{name}}}`, which its match does not have",
            applied.at,
            f"no variable of `{route.match.path}`",
        )
