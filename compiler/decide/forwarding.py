"""Requests that are led to a service: what it is asked for, and how often.

Source: `RetryPolicy.retry_on` in Envoy's router filter: any broken attempt counts where `reset`,
`5xx` or `gateway-error` is listed, one without a connection also where `connect-failure` is.
"""

from __future__ import annotations

from typing import Final

from compiler.decide.refusing import LATE, UNREACHED
from compiler.decide.rewriting import rewritten_path
from compiler.decide.telling import Draw, Telling
from compiler.decide.trace import Decider, Sent, Trace
from compiler.decide.world import Answer, Fault
from compiler.plan import Forward, Resolution, Route
from policies.headers import HeadersPlan
from policies.retries import RetryPlan
from policies.rewrite import RewritePlan
from policies.timeout import RequestTimeout

_BROKEN: Final = frozenset({"reset", "server_error", "gateway_error"})
_GATEWAY: Final = (502, 503, 504)


def forwarded(telling: Telling, route: Route, forward: Forward) -> Trace:
    """Make the attempts; each is at the service that was drawn for the request."""
    plans = {applied.kind: applied.plan for applied in route.policies}
    retries: RetryPlan | None = plans.get("retries")
    sent = _sent(telling, route, forward)
    given = telling.world.answers.get(sent.to, ())
    telling.step("upstream", f"{sent.method} {sent.path} to `{sent.to}`", route.at)
    if not given:
        return telling.end(Decider.UPSTREAM, None, sent=(sent,))
    most = 1 if retries is None else retries.attempts
    left = _seconds(plans.get("timeout"))
    for number in range(most):
        answer = given[min(number, len(given) - 1)]
        attempts = (sent,) * (number + 1)
        if answer.fault is Fault.TIMEOUT:
            bound = None if retries is None else retries.per_try_timeout
            if bound is None or (left and bound.total_seconds() >= left):
                telling.step("answer", LATE.text, route.at)
                return telling.end(Decider.NOBODY, LATE.status, sent=attempts)
            left = left - bound.total_seconds() if left else left
        if number + 1 < most and retries is not None and _again(answer, retries.on):
            telling.step("upstream", f"attempt {number + 1} failed: {_called(answer)}", route.at)
            continue
        return _ended(telling, route, answer, attempts)
    raise AssertionError("the last attempt ends a request")


def _ended(telling: Telling, route: Route, answer: Answer, attempts: tuple[Sent, ...]) -> Trace:
    if answer.fault is Fault.TIMEOUT:
        telling.step("answer", LATE.text, route.at)
        return telling.end(Decider.NOBODY, LATE.status, sent=attempts)
    if answer.fault in (Fault.CONNECT_FAILURE, Fault.CUT):
        telling.step("answer", UNREACHED.text, route.at)
        return telling.end(Decider.NOBODY, UNREACHED.status, sent=attempts)
    return telling.end(Decider.UPSTREAM, answer.status, sent=attempts)


def _again(answer: Answer, on: tuple[str, ...]) -> bool:
    if answer.fault is Fault.CONNECT_FAILURE:
        return bool(_BROKEN & {*on} or "connect_failure" in on)
    if answer.fault in (Fault.TIMEOUT, Fault.CUT):
        return bool(_BROKEN & {*on})
    return (
        ("server_error" in on and answer.status >= 500)
        or ("gateway_error" in on and answer.status in _GATEWAY)
        or ("rate_limited" in on and answer.status == 429)
    )


def _called(answer: Answer) -> str:
    return answer.fault.value if answer.fault is not Fault.NONE else str(answer.status)


def _seconds(bound: RequestTimeout | None) -> float:
    """The time of a whole request in seconds; 0 is none."""
    return 0.0 if bound is None else bound.total.total_seconds()


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
