"""`decide(plan, request) -> Trace`: what the gateway does with a request, without running it.

Read in the order of a request: the connection's own refusals, the path, the host, the route, and
then what the route does. It says what Envoy would do, and tests hold it to that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import cycle

from compiler.decide.hosts import choose_host, undotted
from compiler.decide.matching import takes
from compiler.decide.paths import Normal, normalised
from compiler.decide.redirecting import location
from compiler.decide.request import Request
from compiler.decide.rewriting import rewritten_path
from compiler.decide.trace import Decider, Sent, Step, Trace
from compiler.decide.world import World
from compiler.plan import Forward, Listener, Plan, Redirect, Respond, Route
from compiler.route_order import routes_by_host
from policies.headers import HeadersPlan
from policies.rewrite import RewritePlan

Draw = Callable[[], float]
"""Where a draw among shares falls, from 0 to below 1."""


def decide(plan: Plan, request: Request, world: World | None = None) -> Trace:
    """Say what becomes of a request; every plan and request has a trace."""
    listener = _listener(plan, request)
    request = replace(request, host=undotted(request.host))
    steps = [Step("listener", f"listener `{listener.name}`", listener.at)]
    refused = next((name for name, _ in request.headers if "_" in name), None)
    if refused is not None:
        steps.append(Step("headers", f"header `{refused}` has an underscore: refused"))
        return Trace(tuple(steps), Decider.ENVOY, 400, listener.name)
    path = normalised(request.target)
    if path is None:
        steps.append(Step("path", f"`{request.target}` is no path: refused"))
        return Trace(tuple(steps), Decider.ENVOY, 400, listener.name)
    if path.redirected:
        steps.append(Step("path", f"slashes are escaped: sent to `{path.target}`"))
        return Trace(tuple(steps), Decider.ENVOY, 307, listener.name, location=path.target)
    routes = [route for route in plan.routes if listener.name in route.listeners]
    tried = routes_by_host(routes)
    host = choose_host(tried, request.host)
    if host is None:
        steps.append(Step("host", f"no route is for host `{request.host}`"))
        return Trace(tuple(steps), Decider.ENVOY, 404, listener.name)
    steps.append(Step("host", f"host `{host}`" if host else "any host"))
    route = next((one for one in tried[host] if takes(one.match, request, path)), None)
    if route is None:
        steps.append(Step("route", f"no route takes {request.method} {path.target}"))
        return Trace(tuple(steps), Decider.ENVOY, 404, listener.name, host=host)
    steps.append(Step("route", f"route `{route.name}`", route.at))
    return _act(route, request, path, host, listener, steps, _draws(world or World()))


def _draws(world: World) -> Draw:
    draws = cycle(world.draws)
    return lambda: next(draws)


def _listener(plan: Plan, request: Request) -> Listener:
    for listener in plan.listeners:
        if not request.listener or listener.name == request.listener:
            return listener
    raise KeyError(request.listener)


def _act(
    route: Route,
    request: Request,
    path: Normal,
    host: str,
    listener: Listener,
    steps: list[Step],
    draw: Draw,
) -> Trace:
    match route.action:
        case Respond() as answer:
            steps.append(Step("answer", f"answered {answer.status} at once", route.at))
            return Trace(
                tuple(steps), Decider.ROUTE, answer.status, listener.name, host, route.name,
                body=answer.body,
            )  # fmt: skip
        case Redirect() as to:
            where = location(to, route.match, path, request.host, "http")
            steps.append(Step("answer", f"sent to {where} with {to.code}", route.at))
            return Trace(
                tuple(steps), Decider.ROUTE, to.code, listener.name, host, route.name,
                location=where,
            )  # fmt: skip
        case Forward() as forward:
            sent = _sent(route, forward, request, path, draw)
            steps.append(Step("upstream", f"{sent.method} {sent.path} to `{sent.to}`", route.at))
            return Trace(
                tuple(steps), Decider.UPSTREAM, None, listener.name, host, route.name, sent=(sent,)
            )
        case _:
            return Trace(tuple(steps), Decider.UPSTREAM, None, listener.name, host, route.name)


def _sent(route: Route, forward: Forward, request: Request, path: Normal, draw: Draw) -> Sent:
    service = _drawn(forward, draw)
    plans = {applied.kind: applied.plan for applied in route.policies}
    rewrite: RewritePlan | None = plans.get("rewrite")
    headers: HeadersPlan | None = plans.get("headers")
    target = path.target if rewrite is None else rewritten_path(rewrite, route.match, path)
    host = request.host if rewrite is None or not rewrite.host else rewrite.host
    changes = None if headers is None else headers.request
    return Sent(
        service, request.method, target, host,
        *((), (), ()) if changes is None else (changes.set, changes.add, changes.remove),
    )  # fmt: skip


def _drawn(forward: Forward, draw: Draw) -> str:
    total = sum(branch.weight for branch in forward.branches)
    at = draw() * total
    for branch in forward.branches:
        at -= branch.weight
        if at < 0:
            return branch.service
    return forward.branches[-1].service
