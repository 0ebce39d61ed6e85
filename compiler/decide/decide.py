"""`decide(plan, request) -> Trace`: what the gateway does with a request, without running it.

Read in the order of a request: the connection's own refusals, the path, the host, the route, and
then what the route does. It says what Envoy would do, and tests hold it to that.
"""

from __future__ import annotations

from dataclasses import replace

from compiler.decide.acting import acted
from compiler.decide.heads import Unread, read_head, upgrades
from compiler.decide.hosts import choose_host
from compiler.decide.laid import laid
from compiler.decide.matching import takes
from compiler.decide.paths import Normal, normalised
from compiler.decide.request import Request
from compiler.decide.serving import served
from compiler.decide.telling import Telling
from compiler.decide.trace import Decider, Step, Trace
from compiler.decide.world import World
from compiler.plan import Listener, Plan, Route, Serve


def decide(plan: Plan, request: Request, world: World | None = None) -> Trace:
    """Say what becomes of a request; every plan and request has a trace.

    Raises KeyError for a listener that the plan does not have.
    """
    if not plan.listeners:
        nowhere = Step("listener", "the policy has no listener: nobody takes requests")
        return Trace((nowhere,), Decider.NOBODY, None, "")
    known = laid(plan)
    listener = _listener(plan, request)
    telling = Telling(known, request, world or World(), listener)
    telling.step("listener", f"listener `{listener.name}`", listener.at)
    head = read_head(request, tls=any(one.kind == "tls" for one in listener.policies))
    if isinstance(head, Unread):
        telling.step(head.about, head.text)
        return telling.end(Decider.ENVOY, head.status)
    request = telling.request = head.request
    telling.scheme = head.scheme
    path = normalised(request.target)
    if path is None:
        telling.step("path", f"`{request.target}` is no path: refused")
        return telling.end(Decider.ENVOY, 400)
    telling.path = path
    if path.redirected:
        telling.step("path", f"slashes are escaped: sent to `{path.target}`")
        return telling.end(Decider.ENVOY, 307, location=path.target)
    tried = known.hosts(listener)
    telling.host = choose_host(tried, request.host)
    if telling.host is None:
        telling.step("host", f"no route is for host `{request.host}`")
        return telling.end(Decider.ENVOY, 404)
    telling.step("host", f"host `{telling.host}`" if telling.host else "any host")
    route = next(
        (one for one in tried[telling.host].may_take(path.path) if _takes(one, request, path)), None
    )
    if route is None:
        telling.step("route", f"no route takes {request.method} {path.target}")
        return telling.end(Decider.ENVOY, 404)
    telling.route = route
    telling.step("route", f"route `{route.name}`", route.at)
    if upgrades(request):
        telling.step("headers", "no other protocol is spoken on a connection: refused")
        return telling.end(Decider.ENVOY, 403)
    return served(telling, route) if isinstance(route.action, Serve) else acted(telling, route)


def _takes(route: Route, request: Request, path: Normal) -> bool:
    match = route.match
    if isinstance(route.action, Serve) and match.path != "/" and match.path.endswith("/"):
        # What stands below its prefix begins behind the slash, and the prefix itself is there too.
        match = replace(match, path=match.path.rstrip("/"))
    return takes(match, request, path)


def _listener(plan: Plan, request: Request) -> Listener:
    for listener in plan.listeners:
        if not request.listener or listener.name == request.listener:
            return listener
    raise KeyError(request.listener)
