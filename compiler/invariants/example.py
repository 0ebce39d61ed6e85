"""A request that goes a path, and the world in which it does: the smallest that can be found.

What is found is tried with `decide`: it is said only of a request that really comes to its route.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.decide.trace import Trace
from compiler.decide.world import Answer, Fault, World
from compiler.invariants.callers import Caller
from compiler.invariants.ends import End
from compiler.invariants.pattern_text import text_of
from compiler.invariants.search import Way
from compiler.plan import Match, PathKind, Plan, ValueKind, ValueMatch
from compiler.plan_accounts import AuthKind
from compiler.plan_llm import Choice, Model, Target, Trigger

_FAILING: Final[Mapping[Trigger, Answer]] = {
    Trigger.RATE_LIMITED: Answer(429),
    Trigger.OVERLOADED: Answer(503),
    Trigger.SERVER_ERROR: Answer(500),
    Trigger.CONNECT_FAILURE: Answer(fault=Fault.CONNECT_FAILURE),
    Trigger.TIMEOUT: Answer(fault=Fault.TIMEOUT),
    Trigger.CONTEXT_EXCEEDED: Answer(400, Fault.CONTEXT_EXCEEDED),
    Trigger.CONTENT_FILTER: Answer(400, Fault.CONTENT_FILTER),
}


@dataclass(frozen=True, slots=True)
class Example:
    """A request with what becomes of it; ``failing`` is what has failed before, by target."""

    request: Request
    world: World
    trace: Trace
    model: str = ""
    failing: tuple[tuple[str, Trigger], ...] = ()


def example_of(plan: Plan, way: Way) -> Example | None:
    """Give a request for a path, or None where none is found that comes to its route."""
    world, failing = _world(way.end)
    for request in _requests(way):
        trace = decide(plan, request, world)
        if trace.route == way.door.route.name and trace.listener == way.door.listener.name:
            model = "" if way.end.model is None else way.end.model.name
            return Example(request, world, trace, model, failing)
    return None


def _requests(way: Way) -> Iterator[Request]:
    """Give requests for a path, that of the simplest path first."""
    match, end = way.door.route.match, way.end
    headers = _values(match.headers)
    query = _values(match.query)
    if headers is None or query is None:
        return
    asked = "?" + "&".join(f"{name}={value}" for name, value in query) if query else ""
    body = b""
    if end.model is not None:
        body = json.dumps({"model": end.model.name}).encode()
        headers += (("content-type", "application/json"),)
    for path in _paths(match, end):
        yield Request(
            method="POST" if end.model is not None else (match.methods or ("GET",))[0],
            target=path + asked,
            host=_host(match),
            headers=headers,
            body=body,
            listener=way.door.listener.name,
            **_who(way.caller),
        )


def _paths(match: Match, end: End) -> Iterator[str]:
    match match.path_kind:
        case PathKind.PREFIX if end.endpoint is not None:
            yield match.path.rstrip("/") + end.endpoint.value
        case PathKind.PREFIX | PathKind.EXACT:
            yield match.path
            if match.path_kind is PathKind.PREFIX:
                yield match.path.rstrip("/") + "/a"  # the path itself may be another route's
        case PathKind.TEMPLATE:
            yield _filled(match.path)
        case PathKind.REGEX:
            text = text_of(match.path)
            if text is not None:
                yield text or "/"


def _filled(template: str) -> str:
    """Write `a` for all that a template leaves open."""
    parts: list[str] = []
    for segment in template.split("/"):
        inner = segment
        if inner.startswith("{") and "=" not in inner:
            inner = "*"
        parts.append("a" if "*" in inner else inner.partition("=")[2].rstrip("}") or inner)
    return "/".join(parts)


def _host(match: Match) -> str:
    if not match.hosts:
        return "localhost"
    host = min(match.hosts, key=lambda one: (one.startswith("*"), len(one), one))
    return f"a{host[1:]}" if host.startswith("*") else host


def _values(conditions: tuple[ValueMatch, ...]) -> tuple[tuple[str, str], ...] | None:
    found: list[tuple[str, str]] = []
    for one in conditions:
        match one.kind:
            case ValueKind.ABSENT:
                continue
            case ValueKind.PRESENT:
                found.append((one.name, "1"))
            case ValueKind.REGEX:
                text = text_of(one.value)
                if text is None:
                    return None
                found.append((one.name, text))
            case _:
                found.append((one.name, one.value))
    return tuple(found)


def _who(caller: Caller) -> dict[str, Any]:
    tenant = caller.tenant
    if tenant is None:
        return {}
    who: dict[str, Any] = {}
    if tenant.addresses:
        who["client"] = str(ip_network(tenant.addresses[0], strict=False).network_address)
    if caller.key is not None:
        who["key"] = caller.key.id
    elif caller.issuer is not None:
        issuer = caller.issuer
        claims: dict[str, Any] = {}
        _claim(claims, issuer.tenant_claim, tenant.claims[0])
        if caller.team is not None:
            _claim(claims, issuer.team_claim, caller.team.name)
        _claim(claims, issuer.user_claim, "somebody")
        who |= {"issuer": issuer.name, "claims": claims}
    elif caller.way is AuthKind.MTLS:
        who["certificate"] = tenant.certificates[0].replace("*", "a")
    return who


def _claim(claims: dict[str, Any], path: str, value: str) -> None:
    *above, last = path.split(".")
    for step in above:
        claims = claims.setdefault(step, {})
    claims[last] = value


def _world(end: End) -> tuple[World, tuple[tuple[str, Trigger], ...]]:
    """Have everybody fail who stands before a target, and have the draw fall on it."""
    model, target = end.model, end.target
    if model is None or target is None:
        return World(), ()
    failing: dict[str, Trigger] = {}
    cooling: set[str] = set()
    draw = 0.0
    for group in model.groups:
        if any(_same(one, target) for one in group.targets):
            draw = _draw(group.targets, target)
            break
        if model.choice is Choice.LATENCY:
            continue
        if model.fallback.on:
            failing |= {_called(one): _trigger(model) for one in group.targets}
        else:
            cooling |= {one.provider for one in group.targets}
    latencies = {
        _called(one): 0.1 if _same(one, target) else 1.0
        for group in model.groups
        for one in group.targets
    }
    answers = {name: (_FAILING[trigger],) for name, trigger in failing.items()}
    world = World(answers=answers, draws=(draw,), latencies=latencies, cooling=frozenset(cooling))
    return world, tuple(failing.items())


def _trigger(model: Model) -> Trigger:
    """Choose the cause that says the least of the request itself."""
    return next(one for one in _FAILING if one in model.fallback.on)


def _draw(targets: tuple[Target, ...], wanted: Target) -> float:
    before = 0
    for one in targets:
        if _same(one, wanted):
            break
        before += one.weight
    return (before + 0.5) / sum(one.weight for one in targets)  # in its middle


def _same(one: Target, other: Target) -> bool:
    return (one.provider, one.model) == (other.provider, other.model)


def _called(target: Target) -> str:
    return f"{target.provider}/{target.model}"
