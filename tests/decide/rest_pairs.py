"""Random routes and requests, decided by `decide` and by the real Envoy: what differs.

One Envoy carries many plans: each has a listener of its own, and all share three services.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import yaml

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.decide.trace import Decider, Trace
from compiler.decide.world import Answer, Fault, World
from compiler.lower.lowered import Lowered
from compiler.pipeline import compile_sources
from compiler.plan import Plan
from compiler.read import sources_of
from compiler.standalone import standalone
from tests.decide import random_heads, random_rest
from tests.decide.asking import Answered, Client
from tests.decide.echoing import echoing
from tests.e2e.envoy_process import running

TOGETHER = 60
"""Plans that one Envoy carries."""
_SEEN = frozenset(random_rest.NAMES) | {"x-new", "x-script", "x-id"}

Decide = Callable[[Plan, Request, World], Trace]


@dataclass(slots=True)
class Result:
    """What a run has found; ``sorts`` counts pairs by what became of them."""

    plans: int = 0
    pairs: int = 0
    differences: list[str] = field(default_factory=list)
    sorts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A plan that was drawn, by its seed, and what Envoy is to run."""

    seed: str
    document: dict[str, Any]
    text: str
    plan: Plan
    lowered: Lowered


def compare(
    seed: int, plans: int, pairs: int, decided: Decide = decide, enough: int = 20
) -> Result:
    """Hold ``pairs`` requests to each of ``plans`` plans; stops when it has seen enough differ."""
    result = Result()
    with echoing(("s1", "s2", "s3")) as ports:
        for start in range(0, plans, TOGETHER):
            count = min(TOGETHER, plans - start)
            drawn = [
                one
                for number in range(start, start + count)
                if (one := draw(f"{seed}/{number}", ports)) is not None
            ]
            hold(drawn, [_requests(one, pairs) for one in drawn], decided, result)
            if len(result.differences) >= enough:
                break
    return result


def compare_heads(seed: int, plans: int, pairs: int, decided: Decide = decide) -> Result:
    """Hold odd requests to one plan: as many as are ``pairs`` for each of ``plans``."""
    result = Result()
    drawn = compiled(f"heads/{seed}", random_heads.DOCUMENT, dict.fromkeys(("s1", "s2", "s3"), 1))
    assert drawn is not None
    random = Random(f"heads of {seed}")
    hold([drawn], [[random_heads.request(random) for _ in range(plans * pairs)]], decided, result)
    return result


def draw(seed: str, ports: dict[str, int]) -> Drawn | None:
    """Draw plans until the compiler takes one; None where it takes none of many."""
    for again in range(20):
        name = f"{seed}/{again}" if again else seed
        made = compiled(name, random_rest.policy(Random(name)), ports)
        if made is not None:
            return made
    return None


def compiled(seed: str, document: dict[str, Any], ports: dict[str, int]) -> Drawn | None:
    """Compile a policy in which `<up1>` to `<up3>` are the services."""
    text = yaml.safe_dump(document, sort_keys=False)
    for number in (1, 2, 3):
        text = text.replace(f"<up{number}>", str(ports[f"s{number}"]))
    made = compile_sources(sources_of({"gateway.yaml": text}), until="checked")
    return Drawn(seed, document, text, made.plan, made.lowered) if made.ok else None


def hold(
    drawn: Sequence[Drawn], asked: Sequence[Sequence[Request]], decided: Decide, result: Result
) -> None:
    """Run plans in one Envoy, send each its requests, and note what differs."""
    with running(together([one.lowered for one in drawn]), log_level="warning") as envoy:
        ports = envoy._listeners()
        for number, (one, requests) in enumerate(zip(drawn, asked, strict=True)):
            client = Client(ports[f"plan-{number}"])
            result.plans += 1
            for request in requests:
                answered = client.ask(request.method, request.target, request.host, request.headers)
                trace = decided(one.plan, request, _world(request))
                result.pairs += 1
                result.sorts[f"{trace.decider} {trace.status or ''}".strip()] += 1
                wanted, got = expected(trace, request), seen(trace, answered)
                if wanted != got:
                    result.differences.append(
                        f"plan {one.seed}, {request}\n  decided {wanted}\n  Envoy   {got}"
                        f"\n  route {trace.route} of\n{one.text}"
                    )
            client.close()


def _world(request: Request) -> World:
    """What the services do, as a request tells them."""
    for script in request.values("x-script"):
        answers = tuple(
            Answer(fault=Fault.CUT) if word == "reset" else Answer(int(word))
            for word in script.split(",")
        )
        return World(answers=dict.fromkeys(("s1", "s2", "s3"), answers))
    return World()


def _requests(one: Drawn, pairs: int) -> list[Request]:
    random = Random(f"requests of {one.seed}")
    made = []
    for _ in range(pairs):
        method, target, host, headers = random_rest.request(random, one.document)
        made.append(Request(method, target, host, tuple(headers)))
    return made


def together(lowered: list[Lowered]) -> dict[str, Any]:
    """Make one bootstrap of many plans' listeners, named by their places; clusters are shared."""
    whole: dict[str, Any] = {}
    clusters: dict[str, Any] = {}
    listeners: list[Any] = []
    for number, one in enumerate(lowered):
        whole = standalone(one, {})
        static = whole["static_resources"]
        (listener,) = static["listeners"]
        listener["name"] = f"plan-{number}"
        listener["address"]["socket_address"]["port_value"] = 0
        listeners.append(listener)
        clusters.update((cluster["name"], cluster) for cluster in static.get("clusters", ()))
    whole["static_resources"] = {"listeners": listeners, "clusters": list(clusters.values())}
    return whole


def expected(trace: Trace, asked: Request) -> dict[str, Any]:
    """What a trace says that can be seen from outside."""
    told: dict[str, Any] = {
        "status": 200 if trace.status is None else trace.status,
        "location": trace.location,
    }
    if trace.sent and trace.decider is Decider.UPSTREAM:
        sent = trace.sent[0]
        told["attempts"] = len(trace.sent)
        kept = [(k.lower(), v) for k, v in asked.headers if k.lower() not in sent.removed]
        kept = [(k, v) for k, v in kept if k not in dict(sent.set)]
        told |= {
            "to": sent.to,
            "method": sent.method,
            "path": sent.path,
            "host": sent.host,
            "headers": sorted([*kept, *sent.set, *sent.added]),
        }
    elif trace.body is not None and asked.method != "HEAD":
        told["body"] = trace.body
    return told


def seen(trace: Trace, answered: Answered) -> dict[str, Any]:
    """What was seen from outside, in the same words."""
    told: dict[str, Any] = {
        "status": answered.status,
        "location": answered.headers.get("location"),
    }
    if "x-echo" in answered.headers:
        echoed = json.loads(answered.body)
        headers = [tuple(pair) for pair in echoed["headers"]]
        told |= {
            "attempts": echoed["attempt"],
            "to": echoed["to"],
            "method": echoed["method"],
            "path": echoed["path"],
            "host": dict(headers)["host"],
            "headers": sorted(pair for pair in headers if pair[0] in _SEEN),
        }
    elif trace.body is not None:
        told["body"] = answered.body.decode()
    return told
