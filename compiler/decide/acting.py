"""Requests to all other routes: admitted, then answered, sent elsewhere, or led to a service."""

from __future__ import annotations

from compiler.decide.admitting import admitted, admitted_early
from compiler.decide.body_limits import body_bytes_of
from compiler.decide.forwarding import forwarded
from compiler.decide.redirecting import location
from compiler.decide.refusing import TOO_LARGE, Refused
from compiler.decide.telling import Telling
from compiler.decide.trace import Decider, Trace
from compiler.plan import Forward, Redirect, Respond, Route
from policies import body_limit


def acted(telling: Telling, route: Route) -> Trace:
    """Say what becomes of a request."""
    early = admitted_early(telling, route)
    if isinstance(early, Refused):
        return _refused(telling, early)
    limited = any(one.kind == body_limit.KIND.name for one in route.policies)
    if limited and len(telling.request.body) > body_bytes_of(route):
        telling.step("answer", TOO_LARGE.text, route.at)
        return telling.end(Decider.ENVOY, TOO_LARGE.status)
    denied = admitted(telling, route, early, None)
    if denied is not None:
        return _refused(telling, denied)
    match route.action:
        case Respond() as answer:
            telling.step("answer", f"answered {answer.status} at once", route.at)
            return telling.end(Decider.ROUTE, answer.status, body=answer.body)
        case Redirect() as to:
            request = telling.request
            where = location(to, route.match, telling.path, request.host, telling.scheme)
            telling.step("answer", f"sent to {where} with {to.code}", route.at)
            return telling.end(Decider.ROUTE, to.code, location=where)
        case Forward() as forward:
            return forwarded(telling, route, forward)
        case _:
            raise AssertionError("a route to models is served")


def _refused(telling: Telling, why: Refused) -> Trace:
    return telling.end(Decider.GATE, why.status, code=why.word(None))
