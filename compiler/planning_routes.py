"""Routes of the plan: what each does, with every default filled in."""

from __future__ import annotations

from typing import Any

from compiler.linking.linked import Linked, LinkedRoute
from compiler.plan import Action, Branch, Forward, Redirect, Respond, Route, Serve
from compiler.planning_limits import plan_limits
from compiler.planning_policies import plan_policies
from compiler.schema.actions import RedirectDocument
from policies.base import Place


def plan_routes(linked: Linked) -> tuple[Route, ...]:
    """Plan all routes, in the order in which they are tried."""
    return tuple(_route(route, linked) for route in linked.routes)


def _route(route: LinkedRoute, linked: Linked) -> Route:
    action = _action(route)
    document = route.document
    return Route(
        name=route.name,
        listeners=route.listeners,
        match=route.match,
        action=action,
        policies=plan_policies(
            document, Place.ROUTE, route.path, linked, _defaults(action, linked)
        ),
        at=linked.locate(route.path),
        auth=route.auth,
        allow=route.allow,
        on_request=document.access == "on_request",
        tags=tuple(sorted(set(document.tags))),
        redact=tuple(sorted(set(document.redact))),
        limits=plan_limits(
            document.limits,
            document.budget,
            route.path,
            f"route/{route.name}",
            f"route `{route.name}`",
            linked,
        ),
    )


def _defaults(action: Action, linked: Linked) -> dict[str, Any]:
    """Give the policies that such a route has even if it does not say so."""
    defaults = linked.document.defaults
    match action:
        case Forward():
            return {"timeout": defaults.timeout}
        case Serve():
            return {"body_limit": defaults.body_limit}
        case _:
            return {}


def _action(route: LinkedRoute) -> Action:
    """Plan the one action that linking has left."""
    document = route.document
    if document.serve is not None:
        return Serve(route.models)
    if document.redirect is not None:
        return _redirect(document.redirect)
    if document.respond is not None:
        answer = document.respond
        return Respond(answer.status, answer.body, answer.content_type)
    if document.split is not None:
        branches = sorted(document.split, key=lambda branch: branch.to)
        return Forward(tuple(Branch(branch.to, branch.weight) for branch in branches))
    return Forward((Branch(document.service or "", 1),))


def _redirect(to: RedirectDocument) -> Redirect:
    host = None if to.host is None else to.host.lower()
    return Redirect(to.code, to.scheme, host, to.port, to.path, to.prefix, to.strip_query)
