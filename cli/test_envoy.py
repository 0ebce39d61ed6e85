"""The cases of policy tests through the real Envoy: where does it differ from `decide`?

What a case expects has been judged by then. Here the evaluator itself is held to what it speaks of:
a difference is an error of gatewright's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.rehearsal import SERVICES, Rehearsal, rehearsal
from cli.rehearsed_case import Answered, UnwritableError, ask, code_of, scenarios
from cli.test_report import Told

if TYPE_CHECKING:
    from compiler.decide.trace import Trace
    from compiler.expectations.case import Case
    from compiler.pipeline import Compiled
    from compiler.plan import Plan
    from compiler.schema.given import AnswerDocument

_AGENT: Final = "gatewright-test"
_FLUSHED: Final = 5.0
"""Seconds until a line stands in the log."""


def through_envoy(
    told: Sequence[Told], policy: Path, compiled: Compiled, envoy: Path | None
) -> list[Told]:
    """Send each case through the real Envoy, and tell where it does something else.

    Raises:
        CannotRunError: there is no Envoy, or it does not come up.
    """
    from cli.envoy import find_envoy

    reasons = [why_not(one.result.case, one.result.outcome.trace, compiled.plan) for one in told]
    if all(reasons):
        return [replace(one, skipped=why) for one, why in zip(told, reasons, strict=True)]
    root = policy if policy.is_dir() else policy.parent
    return asyncio.run(_through(told, reasons, compiled, root, find_envoy(envoy)))


def why_not(case: Case, trace: Trace, plan: Plan) -> str:
    """Say why a case cannot be sent through Envoy on this machine; empty where it can."""
    from compiler.plan import Forward

    given, request = case.given, case.request
    if not plan.listeners:
        return "the policy has no listener"
    for key in ("used", "cooling", "counters", "edge", "draws"):
        if getattr(given, key):
            return f"`given.{key}` cannot be had"
    if request.at is not None:
        return "`request.at` is not now"
    if request.key and (request.issuer or request.claims):
        return "a key and a token would stand in one header"
    if request.certificate or _is_tls(request.listener, plan):
        return "nobody else can make a client's certificate"
    if request.client not in (None, "127.0.0.1"):
        return "the client is on this machine"
    model = next((one for one in plan.models if one.name == trace.model), None)
    if model is not None and (
        model.choice.value == "latency" or any(len(group.targets) > 1 for group in model.groups)
    ):
        return f"model `{model.name}` draws, or measures, who is first"
    route = next((one for one in plan.routes if one.name == trace.route), None)
    if route is not None and any(method.kind.value == "oidc" for method in route.auth):
        return "there is no browser to log in with"
    if route is not None and isinstance(route.action, Forward) and len(route.action.branches) > 1:
        return f"route `{route.name}` draws among services"
    answers = [one for many in (given.model_extra or {}).values() for one in many]
    return next(filter(None, map(_not_simulated, answers)), "")


def _is_tls(name: str | None, plan: Plan) -> bool:
    listener = next((one for one in plan.listeners if name in (None, one.name)), None)
    return listener is not None and any(one.kind == "tls" for one in listener.policies)


def _not_simulated(answer: AnswerDocument) -> str:
    if 200 < answer.status < 400:
        return f"no provider is simulated that answers {answer.status}"
    if answer.retry_after is not None and answer.retry_after > 2:
        return "it would wait for Retry-After"
    return ""


async def _through(
    told: Sequence[Told], reasons: Sequence[str], compiled: Compiled, root: Path, binary: Path
) -> list[Told]:
    found: list[Told] = []
    async with rehearsal(compiled.sources, compiled.plan, root, binary) as running:
        traces: dict[int, Trace] = {}
        for number, (one, why) in enumerate(zip(told, reasons, strict=True)):
            if why:
                found.append(replace(one, skipped=why))
                continue
            try:
                trace, beside = await asyncio.to_thread(_compared, running, one.result.case, number)
            except UnwritableError:
                found.append(replace(one, skipped="HTTP has no way to write this request"))
                continue
            traces[number] = trace
            found.append(replace(one, beside=beside))
        logged = await _logged(running.log, frozenset(traces))
    for number, line in logged.items():
        beside = tuple(_otherwise(_in_log(traces[number]), _of_line(line, running.plan)))
        found[number] = replace(found[number], beside=(*found[number].beside, *beside))
    return found


async def _logged(log: Path, numbers: frozenset[int]) -> dict[int, dict[str, Any]]:
    """Give the line of the access log of each case by its number, as far as they come in time.

    A case with a user agent of its own is not known by its line.
    """
    found: dict[int, dict[str, Any]] = {}
    end = asyncio.get_running_loop().time() + _FLUSHED
    while True:
        for line in (await asyncio.to_thread(log.read_bytes)).splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue  # written in this moment
            name, _, number = str(said.get("user_agent", "")).partition("/")
            if name == _AGENT and number.isdecimal():
                found[int(number)] = said
        if numbers <= found.keys() or asyncio.get_running_loop().time() > end:
            return {number: said for number, said in found.items() if number in numbers}
        await asyncio.sleep(0.02)


def _in_log(trace: Trace) -> dict[str, Any]:
    """Give what of a trace a line of the log tells."""
    told: dict[str, Any] = {"route": trace.route}
    who = trace.identity
    if who is not None and who.tenant:
        told["tenant"] = who.tenant
        told["key"] = who.key or None
    return told


def _of_line(line: dict[str, Any], plan: Plan) -> dict[str, Any]:
    from compiler.recorded.again import logged_route

    route = logged_route(str(line.get("route", "")), plan)
    return {
        "route": None if route is None else route.name,
        "tenant": line.get("tenant"),
        "key": line.get("key"),
    }


def _otherwise(wanted: dict[str, Any], seen: dict[str, Any]) -> Iterator[str]:
    for what, said in wanted.items():
        if said != seen.get(what):
            got = _spelled(seen.get(what))
            yield f"{what}: gatewright says {_spelled(said)}, Envoy {got}"


def _compared(running: Rehearsal, case: Case, number: int) -> tuple[Trace, tuple[str, ...]]:
    """Ask Envoy and `decide` the same; give what was decided, and what Envoy did otherwise."""
    from datetime import UTC, datetime

    from compiler.decide.decide import decide
    from compiler.expectations.asked import request_of
    from compiler.expectations.given import world_of

    request = request_of(case.request, running.plan)
    if not request.values("user-agent"):
        # By this the request is known in the log.
        agent = ("user-agent", f"{_AGENT}/{number}")
        request = replace(request, headers=(*request.headers, agent))
    world = world_of(case.given, running.plan, datetime.now(UTC))
    trace = decide(running.plan, request, world)
    simulator = running.simulator
    simulator.reset()
    for name, outcomes in scenarios(case, trace).items():
        simulator.set_scenario(name, list(outcomes))
    try:
        answered = ask(running, request, trace.listener)
    except (OSError, EOFError, ValueError) as error:
        return trace, (f"no answer: {type(error).__name__}",)
    seen = _seen(running, answered)
    wanted = _expected(trace, case)
    return trace, tuple(_otherwise(wanted, seen))


def _expected(trace: Trace, case: Case) -> dict[str, Any]:
    """Give what can be seen of a trace from outside."""
    from compiler.decide.trace import Decider
    from compiler.decide.world import World
    from compiler.expectations.given import answer_of
    from compiler.expectations.judge import SKIPPED, status_of

    given = (case.given.model_extra or {}).items()
    world = World(answers={name: tuple(map(answer_of, answers)) for name, answers in given})
    told: dict[str, Any] = {}
    status = status_of(trace, world)
    if status is not None:
        told["status"] = status
    if trace.location is not None:
        told["location"] = trace.location
    if trace.attempts:
        told["attempts"] = str(len(trace.attempts))
        told["served_by"] = trace.served
        told["asked"] = [
            one.target.partition("/")[0]
            for one in trace.attempts
            if one.outcome != SKIPPED and one.sent is not None
        ]
    if trace.decider in (Decider.GATE, Decider.MODEL) and trace.status != 200 and trace.code:
        told["code"] = trace.code
    if trace.sent:
        told["path"] = trace.sent[-1].path
        told["host"] = trace.sent[-1].host
    return told


def _seen(running: Rehearsal, answered: Answered) -> dict[str, Any]:
    came = sorted(running.simulator.requests, key=lambda one: one.number)
    plain = [one for one in came if one.provider == SERVICES]
    return {
        "status": answered.status,
        "location": answered.headers.get("location"),
        "attempts": answered.headers.get("x-gatewright-attempts"),
        "served_by": answered.headers.get("x-gatewright-target"),
        "asked": [one.provider for one in came if one.provider != SERVICES],
        "code": code_of(answered.body),
        "path": plain[-1].target if plain else None,
        "host": plain[-1].header("host") if plain else None,
    }


def _spelled(value: object) -> str:
    from compiler.render.mask import mask
    from compiler.render.terminal import printable

    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else printable(mask(str(value)))
