"""Random gateways of models and tenants, decided by `decide` and by Envoy, edge and providers.

One gateway carries many drawn policies, each with a listener and names of its own; their requests
are sent side by side, those of one policy one after the other, so that limits are kept count of.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any

import yaml

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.decide.trace import Trace
from compiler.decide.world import World
from compiler.guards import needs_edge
from compiler.pipeline import Compiled, compile_sources
from compiler.plan import Plan
from compiler.read import sources_of
from compiler.standalone import standalone
from tests.decide import random_asked, random_llm
from tests.decide.asking import Client
from tests.decide.echoing import echoing
from tests.decide.llm_policies import FLAVOURS, together
from tests.decide.llm_seen import common, expected, seen
from tests.decide.rest_pairs import Result
from tests.decide.whole_gateway import Providers, providers, whole_gateway
from tests.e2e.envoy_process import EnvoyProcess, running
from tests.e2e.test_native_identity import Signer, key_set
from tests.ports import free_port
from xds.secrets import SecretReader

TOGETHER = 16
ENOUGH = 20
"""Differences after which nobody needs more."""
ENVIRONMENT = {"PROVIDER_KEY": "sk-canary", "AWS_ID": "AKIDEXAMPLE", "AWS_SECRET": "canary"}
Decide = Callable[[Plan, Request, World], Trace]


@dataclass(slots=True)
class Counted:
    """What is used of limits so far, by the limit's id and by whom it is counted for."""

    own: frozenset[str]
    """The ids of limits that each Envoy counts for itself."""
    used: dict[str, dict[str, int]] = field(default_factory=dict)

    def take(self, trace: Trace) -> None:
        """Count a request: limits that all Envoys share take nothing of one that any refuses."""
        refused = any(not one.allowed and one.limit not in self.own for one in trace.verdicts)
        for one in trace.verdicts:
            if one.allowed and not refused:
                mine = self.used.setdefault(one.limit, {})
                mine[one.whom] = mine.get(one.whom, 0) + one.amount


def compare(
    seed: int,
    plans: int,
    pairs: int,
    decided: Decide = decide,
    flavours: Sequence[str] = FLAVOURS,
) -> Result:
    """Hold ``pairs`` requests to each of ``plans`` policies."""
    result = Result()
    for start in range(0, plans, TOGETHER):
        flavour = flavours[start // TOGETHER % len(flavours)]
        _gateway(f"{seed}/{start}", flavour, min(TOGETHER, plans - start), pairs, decided, result)
    return result


def _gateway(
    seed: str, flavour: str, plans: int, pairs: int, decided: Decide, result: Result
) -> None:
    with ExitStack() as stack:
        drawn = _draw(seed, flavour, plans)
        apis = {name: api for one in drawn for name, api in one.providers.items()}
        given = stack.enter_context(providers(apis))
        echo = stack.enter_context(echoing(("echo",)))["echo"]
        signer = Signer("one")
        text = together(drawn, given.address, echo)
        beside = {"corp.jwks.json": key_set(signer)}
        made = compile_sources(sources_of({"gateway.yaml": text, **beside}), until="checked")
        assert made.ok, [(d.code, d.message) for d in made.diagnostics]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatewright-held-")))
        edge = None
        if flavour == "native":
            envoy = stack.enter_context(envoy_alone(made))
        else:
            edge = stack.enter_context(whole_gateway(folder, text, beside, ENVIRONMENT))
            envoy = edge.envoy
        held = _Held(made.plan, flavour, given, signer, pairs, decided, result, envoy._listeners())
        held.side_by_side(drawn, seed)
        if edge is not None:
            edge.stop()
            held.away, held.pairs = True, max(pairs // 8, 1)
            held.side_by_side(drawn, f"{seed}/away")


@contextmanager
def envoy_alone(made: Compiled) -> Iterator[EnvoyProcess]:
    """Run Envoy on what was compiled, without an edge: nothing may need one."""
    assert not needs_edge(made.plan)
    read = SecretReader(Path(), ENVIRONMENT).read(made.lowered.secrets)
    secrets = {one.name: one.message for one in read.resources}
    with running(standalone(made.lowered, secrets), log_level="warning") as envoy:
        yield envoy


def _draw(seed: str, flavour: str, plans: int) -> list[random_llm.Drawn]:
    return [
        random_llm.draw(Random(f"{seed}/{number}"), f"p{number}", flavour, free_port())
        for number in range(plans)
    ]


@dataclass(slots=True)
class _Held:
    """A running gateway, against which policies are held."""

    plan: Plan
    flavour: str
    providers: Providers
    signer: Signer
    pairs: int
    decided: Decide
    result: Result
    ports: dict[str, int]
    lock: Lock = field(default_factory=Lock)
    away: bool = False
    """Whether the edge has been ended."""
    counted: dict[str, Counted] = field(default_factory=dict)
    cooling: dict[str, frozenset[str]] = field(default_factory=dict)

    def side_by_side(self, drawn: Sequence[random_llm.Drawn], seed: str) -> None:
        """Send the requests of all policies."""
        with ThreadPoolExecutor(len(drawn)) as pool:
            for done in [pool.submit(self.run, one, f"{seed}/{one.name}") for one in drawn]:
                done.result()

    def run(self, one: random_llm.Drawn, seed: str) -> None:
        """Send one policy's requests."""
        random = Random(f"requests of {seed}")
        client = Client(self.ports[one.name], timeout=30)
        counted = self.counted.setdefault(one.name, Counted(_own(self.plan)))
        if one.name not in self.cooling:
            self.cooling[one.name] = self._cool(one, client)
        cooling = self.cooling[one.name]
        for _ in range(self.pairs):
            if len(self.result.differences) >= ENOUGH:
                break
            asked = random_asked.draw(random, one)
            again = 0
            while True:
                trace, wanted, got = self._pair(one, asked, client, counted, cooling)
                counted.take(trace)
                # While much is going on a timeout may strike what was not meant to be slow. What a
                # limit says is not asked again: it would have been counted twice.
                limited = trace.verdicts and 429 in (wanted["status"], got["status"])
                if wanted == got or limited or again == 2:
                    break
                again += 1
                client.close()
            self._note(one, asked, trace, wanted, got, again)
        client.close()
        with self.lock:
            self.result.plans += not self.away

    def _cool(self, one: random_llm.Drawn, client: Client) -> frozenset[str]:
        """Have the providers fail that are to be cooling down; give those that do."""
        cooled: set[str] = set()
        for name, model in one.sections["models"].items():
            if "trip" in name:
                provider = model["targets"][0].partition("/")[0]
                cooled.add(provider)
                self.providers.simulator.set_scenario(provider, "500")
                said = {"model": name, "messages": [{"role": "user", "content": "hi"}]}
                body = json.dumps(said).encode()
                end = time.monotonic() + 10
                while time.monotonic() < end:
                    headers = (("content-type", "application/json"),)
                    path = (
                        "/trip/messages" if one.native == "anthropic" else "/trip/chat/completions"
                    )
                    answered = client.ask("POST", path, "x", headers, body)
                    if b"left alone" in answered.body:
                        break
        return frozenset(cooled)

    def _pair(
        self,
        one: random_llm.Drawn,
        asked: random_asked.Asked,
        client: Client,
        counted: Counted,
        cooling: frozenset[str],
    ) -> tuple[Trace, Any, Any]:
        for name, outcomes in asked.outcomes.items():
            self.providers.simulator.set_scenario(name, list(outcomes))
        before = {name: len(self.providers.came.get(name, ())) for name in one.providers}
        headers = asked.headers
        if asked.token is not None:
            token = self.signer.token(**asked.token)
            headers = (*headers, ("authorization", f"Bearer {token}"))
        answered = client.ask(asked.method, asked.path, "a.test", headers, asked.body)
        request = Request(
            asked.method,
            asked.path,
            "a.test",
            headers,
            asked.body,
            listener=one.name,
            issuer="" if asked.token is None else "corp",
            claims={"sub": "bo", **(asked.token or {})},
        )
        world = World(
            now=datetime.now(UTC),
            answers=asked.answers,
            used=counted.used,
            cooling=cooling,
            edge_away=self.away,
        )
        came = [
            record
            for name in one.providers
            for record in self.providers.came.get(name, ())[before[name] :]
        ]
        got = seen(answered, came)
        trace = self.decided(self.plan, request, world)
        wanted = expected(trace)
        for draws in product((0.0, 0.999), repeat=6):
            if wanted == common(got, wanted):
                break
            again = self.decided(self.plan, request, replace(world, draws=draws))
            if expected(again) == common(got, expected(again)):
                trace, wanted = again, expected(again)
        return trace, wanted, common(got, wanted)

    def _note(
        self,
        one: random_llm.Drawn,
        asked: random_asked.Asked,
        trace: Trace,
        wanted: Any,
        got: Any,
        again: int,
    ) -> None:
        with self.lock:
            self.result.pairs += 1
            away = "(away) " if self.away else ""
            sort = f"{away}{trace.decider} {trace.status or ''} {trace.code or ''}".strip()
            self.result.sorts[sort] += 1
            if again and wanted == got:
                self.result.sorts["(asked again)"] += 1
            if len(trace.attempts) > 1:
                self.result.sorts["(several attempts)"] += 1
            if wanted != got:
                steps = "\n    ".join(f"{step.about}: {step.text}" for step in trace.steps)
                policy = yaml.safe_dump(one.sections, sort_keys=False)
                self.result.differences.append(
                    f"{away}{self.flavour} {one.name}: {asked}\n  decided {wanted}\n"
                    f"  Envoy   {got}\n    {steps}\n{policy}"
                )


def _own(plan: Plan) -> frozenset[str]:
    placed = [limit for route in plan.routes for limit in route.limits]
    for tenant in plan.tenants:
        placed += tenant.limits
        placed += [limit for key in tenant.keys for limit in key.limits]
    return frozenset(one.limit.id for one in placed if one.per_edge)
