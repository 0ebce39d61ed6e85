"""What is said of invariants, class by class, is what is true of all paths, one by one."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from compiler.decide.trace import Decider
from compiler.diagnostic import Reporter
from compiler.invariants.example import example_of
from compiler.invariants.search import Way, search, terrain_of
from compiler.link import link
from compiler.load import load
from compiler.parse import parse
from compiler.planning import planning
from compiler.read import sources_of
from tests.invariants.brute_force import Path, World, violates
from tests.invariants.random_guarded import draw, draw_invariant

INVARIANTS = 40


def path_of(way: Way) -> Path:
    caller, end = way.caller, way.end
    kind = caller.way.value
    return Path(
        way.door.listener.name,
        way.door.route.name,
        kind if caller.issuer is None else f"{kind}:{caller.issuer.name}",
        "" if caller.tenant is None else caller.tenant.name,
        "" if caller.team is None else caller.team.name,
        "" if caller.key is None else caller.key.id,
        way.door.service,
        "" if end.model is None else end.model.name,
        "" if end.endpoint is None else end.endpoint.value,
        "" if end.target is None else f"{end.target.provider}/{end.target.model}",
    )


def linked_and_planned(policy: dict[str, Any]) -> Any:
    """Run the stages up to the plan; None twice after an error, which the third one tells."""
    reporter = Reporter()
    value: Any = sources_of({"gateway.yaml": json.dumps(policy)})
    linked: Any = None
    for stage in (load, parse, link, planning):
        linked, value = value, stage(value, reporter)
        if reporter.failed:
            return None, None, reporter
    return linked, value, reporter


def hold(seed: int) -> tuple[int, int]:
    """Hold one drawn policy's invariants; how many there were, and how many were violated."""
    drawing = random.Random(seed)
    policy = draw(drawing)
    policy["invariants"] = [
        draw_invariant(drawing, policy, f"i{place}") for place in range(INVARIANTS)
    ]
    linked, plan, _ = linked_and_planned(policy)
    if plan is None:
        return 0, 0  # what was drawn is no policy
    world = World(plan, policy)
    paths = dict(world.paths())
    terrain = terrain_of(plan)
    violated = 0
    for written, invariant in zip(policy["invariants"], linked.invariants, strict=True):
        wrong = {path for path, facts in paths.items() if violates(written, facts, world)}
        violation = search(invariant, terrain)
        about = f"seed {seed}: {written}"
        assert (violation is not None) == bool(wrong), f"{about}: {sorted(map(str, wrong))[:3]}"
        if violation is None:
            continue
        violated += 1
        for way in violation.ways:
            assert path_of(way) in wrong, f"{about}: {path_of(way)}"
        reach = violation.reach
        assert set(reach.routes) == {path.route for path in wrong}, about
        assert set(reach.tenants) == {path.tenant for path in wrong}, about
        assert set(reach.models) == {path.model for path in wrong if path.model}, about
        _check_example(plan, violation.ways[0], about)
    return len(linked.invariants), violated


def _check_example(plan: Any, way: Way, about: str) -> None:
    """The request that is shown goes the path that it shows, by the evaluator held to Envoy."""
    example = example_of(plan, way)
    assert example is not None, f"{about}: no request for {path_of(way)}"
    trace = example.trace
    caller = way.caller
    about = f"{about}: {path_of(way)} {example.request} {trace}"
    assert trace.decider is not Decider.GATE, about
    assert (trace.route, trace.listener) == (way.door.route.name, way.door.listener.name), about
    if caller.tenant is not None:
        assert trace.identity is not None, about
        assert trace.identity.tenant == caller.tenant.name, about
        assert trace.identity.team == ("" if caller.team is None else caller.team.name), about
    if way.end.model is not None:
        assert trace.model == way.end.model.name, about
        assert path_of(way).target in {one.target for one in trace.attempts}, about


def test_what_is_said_is_true():
    """Drawn policies and invariants: the verdicts, the paths shown and the names are the same."""
    counts = [hold(seed) for seed in range(50)]
    assert sum(held for held, _ in counts) > 200
    assert sum(violated for _, violated in counts) > 50


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_is_said_is_true_at_length():
    """The same, at length, from a seed that stands in what fails."""
    start = random.SystemRandom().randrange(1 << 30)
    for place in range(1500):
        hold(start + place)
