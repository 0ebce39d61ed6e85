"""From a recorded request to one that `decide` takes: the request, and the world as it was.

A log tells no body and no credential: the body is the least that such an operation asks for, and
who asked is taken from the log. What upstreams did then is taken as given for those that were
asked; all others answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from compiler.decide.request import Request
from compiler.decide.world import EPOCH, Answer, Fault, World
from compiler.expectations.asked import host_of, request_of
from compiler.plan import Forward, Plan, Route
from compiler.plan_accounts import Issuer, Tenant
from compiler.plan_llm import Model
from compiler.recorded.line import Recorded
from compiler.schema.tests import RequestDocument

_FAILURES = {
    "rate_limited": Answer(429),
    "overloaded": Answer(503),
    "server_error": Answer(500),
    "timeout": Answer(fault=Fault.TIMEOUT),
    "connect_failure": Answer(fault=Fault.CONNECT_FAILURE),
    "context_exceeded": Answer(fault=Fault.CONTEXT_EXCEEDED),
    "content_filter": Answer(fault=Fault.CONTENT_FILTER),
}
_COOLING = "cooling_down"


def asked_again(line: Recorded, plan: Plan) -> tuple[Request, World]:
    """Give the request of a line, and the world around it; ``plan`` is the one it was served by."""
    return _request(line, plan), _world(line, plan)


def _request(line: Recorded, plan: Plan) -> Request:
    said: dict[str, Any] = {"method": line.method, "path": line.path}
    if line.model is not None:
        said["model"] = line.model
    host = line.host or _host(line, plan)
    if host:
        said["host"] = host
    made = request_of(RequestDocument.model_construct(**said), plan)
    made = replace(made, client=line.client or made.client)
    if line.auth == "keys" or (line.key and not line.auth):
        return replace(made, key=line.key)
    if line.auth in ("jwt", "oidc"):
        return _with_token(made, line, plan)
    if line.auth == "mtls":
        return replace(made, certificate=_certificate(line, plan))
    return made


def _host(line: Recorded, plan: Plan) -> str:
    """A request for a model is logged without its host: take one of its route's."""
    route = logged_route(line.route, plan)
    return "" if route is None else host_of(route)


def logged_route(name: str, plan: Plan) -> Route | None:
    """Give the policy's route that a log names; Envoy's of an operation begin with its name."""
    found = [
        route for route in plan.routes if name == route.name or name.startswith(f"{route.name}/")
    ]
    return max(found, key=lambda route: len(route.name), default=None)


def _with_token(made: Request, line: Recorded, plan: Plan) -> Request:
    issuer = next(iter(_issuers(line, plan)), None)
    if issuer is None:
        return made
    tenant = _tenant(line, plan)
    claim = tenant.claims[0] if tenant is not None and tenant.claims else line.tenant
    told = {
        issuer.tenant_claim: claim,
        issuer.team_claim: line.team,
        issuer.user_claim: line.user,
    }
    claims = {path: value for path, value in told.items() if path and value}
    return replace(made, issuer=issuer.name, claims=claims)


def _issuers(line: Recorded, plan: Plan) -> Iterator[Issuer]:
    """The issuers whose tokens the route takes, and then all others."""
    route = logged_route(line.route, plan)
    names = {method.issuer for method in route.auth} if route is not None else set()
    yield from (one for one in plan.issuers if one.name in names)
    yield from (one for one in plan.issuers if one.name not in names)


def _certificate(line: Recorded, plan: Plan) -> str:
    if line.user:
        return line.user
    tenant = _tenant(line, plan)
    globs = tenant.certificates if tenant is not None else ()
    return next((glob for glob in globs if "*" not in glob), globs[0] if globs else "")


def _tenant(line: Recorded, plan: Plan) -> Tenant | None:
    return next((one for one in plan.tenants if one.name == line.tenant), None)


def _world(line: Recorded, plan: Plan) -> World:
    answers: dict[str, tuple[Answer, ...]] = {}
    cooling: frozenset[str] = frozenset()
    draw = 0.0
    model = _model(line, plan)
    if line.target:
        if model is not None:
            before = _before(model, line)
            failed = _failure(line)
            answers.update(dict.fromkeys(before, (failed,)))
            if line.failure == _COOLING:
                cooling = frozenset(name.partition("/")[0] for name in before)
            draw = _draw_of_target(model, line.target)
        answers[line.target] = (_answer(line),)
    elif line.upstream:
        answers[line.upstream] = (_answer(line),)
        draw = _draw_of_service(line, plan)
    return World(now=line.at or EPOCH, answers=answers, cooling=cooling, draws=(draw,))


def _model(line: Recorded, plan: Plan) -> Model | None:
    return next(
        (one for one in plan.models if line.model in (one.name, *one.aliases)),
        None,
    )


def _answer(line: Recorded) -> Answer:
    status = line.status if line.status is not None and 200 <= line.status <= 599 else 200
    # Statuses that Envoy itself gave, for want of an answer.
    fault = Fault.NONE
    if line.details.startswith(("upstream_reset", "upstream_per_try", "response_timeout")):
        fault = Fault.TIMEOUT if "timeout" in line.details else Fault.CONNECT_FAILURE
    return Answer(
        status=status,
        fault=fault,
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
    )


def _failure(line: Recorded) -> Answer:
    """What those did that were tried before; a cause that nobody told is a connection's."""
    return _FAILURES.get(line.failure, _FAILURES["connect_failure"])


def _before(model: Model, line: Recorded) -> list[str]:
    """The targets that were tried before the one that was tried last, as far as attempts say."""
    names: list[str] = []
    for group in model.groups:
        members = [f"{one.provider}/{one.model}" for one in group.targets]
        if line.target in members:
            break
        names += members
    return names[: max(line.attempts - 1, int(line.failure == _COOLING))]


def _draw_of_target(model: Model, target: str) -> float:
    for group in model.groups:
        shares = [(f"{one.provider}/{one.model}", one.weight) for one in group.targets]
        if target in dict(shares):
            return _middle(shares, target)
    return 0.0


def _draw_of_service(line: Recorded, plan: Plan) -> float:
    route = logged_route(line.route, plan)
    if route is None or not isinstance(route.action, Forward):
        return 0.0
    shares = [(branch.service, branch.weight) for branch in route.action.branches]
    return _middle(shares, line.upstream)


def _middle(shares: Sequence[tuple[str, int]], wanted: str) -> float:
    """Where a draw falls into the middle of a share; 0 where there is none."""
    total = sum(weight for _, weight in shares)
    start = 0
    for name, weight in shares:
        if name == wanted:
            return (start + weight / 2) / total if total else 0.0
        start += weight
    return 0.0
