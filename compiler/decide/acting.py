"""Requests to all other routes: admitted, then answered, sent elsewhere, or led to a service."""

from __future__ import annotations

from compiler.decide.admitting import admitted, admitted_early
from compiler.decide.body_limits import body_bytes_of
from compiler.decide.redirecting import location
from compiler.decide.refusing import LATE, TOO_LARGE, UNREACHED, Refused
from compiler.decide.rewriting import rewritten_path
from compiler.decide.telling import Draw, Telling
from compiler.decide.trace import Decider, Sent, Trace
from compiler.decide.world import Fault
from compiler.plan import Forward, Redirect, Resolution, Respond, Route
from policies import body_limit
from policies.headers import HeadersPlan
from policies.rewrite import RewritePlan


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
            where = location(to, route.match, telling.path, request.host, "http")
            telling.step("answer", f"sent to {where} with {to.code}", route.at)
            return telling.end(Decider.ROUTE, to.code, location=where)
        case Forward() as forward:
            return _forwarded(telling, route, forward)
        case _:
            raise AssertionError("a route to models is served")


def _forwarded(telling: Telling, route: Route, forward: Forward) -> Trace:
    sent = _sent(telling, route, forward)
    telling.step("upstream", f"{sent.method} {sent.path} to `{sent.to}`", route.at)
    answers = telling.world.answers.get(sent.to, ())
    if not answers:
        return telling.end(Decider.UPSTREAM, None, sent=(sent,))
    answer = answers[0]
    if answer.fault is Fault.CONNECT_FAILURE:
        telling.step("answer", UNREACHED.text, route.at)
        return telling.end(Decider.NOBODY, UNREACHED.status, sent=(sent,))
    if answer.fault is Fault.TIMEOUT:
        telling.step("answer", LATE.text, route.at)
        return telling.end(Decider.NOBODY, LATE.status, sent=(sent,))
    return telling.end(Decider.UPSTREAM, answer.status, sent=(sent,))


def _refused(telling: Telling, why: Refused) -> Trace:
    return telling.end(Decider.GATE, why.status, code=why.word(None))


def _sent(telling: Telling, route: Route, forward: Forward) -> Sent:
    request, path = telling.request, telling.path
    plans = {applied.kind: applied.plan for applied in route.policies}
    rewrite: RewritePlan | None = plans.get("rewrite")
    headers: HeadersPlan | None = plans.get("headers")
    target = path.target if rewrite is None else rewritten_path(rewrite, route.match, path)
    service = _drawn(forward, telling.draw)
    host = request.host if rewrite is None else _host(telling, rewrite, service)
    changes = None if headers is None else headers.request
    return Sent(
        service, request.method, target, host,
        *((), (), ()) if changes is None else (changes.set, changes.add, changes.remove),
    )  # fmt: skip


def _host(telling: Telling, rewrite: RewritePlan, service: str) -> str:
    """The host that a service is called by: its own name where that is asked for and it has one."""
    if rewrite.host is None or rewrite.host:
        return rewrite.host or telling.request.host
    for one in telling.laid.plan.services:
        if one.name == service and one.resolution is not Resolution.STATIC:
            return one.endpoints[0].host
    return telling.request.host


def _drawn(forward: Forward, draw: Draw) -> str:
    total = sum(branch.weight for branch in forward.branches)
    at = draw() * total
    for branch in forward.branches:
        at -= branch.weight
        if at < 0:
            return branch.service
    return forward.branches[-1].service
