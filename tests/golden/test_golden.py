"""Every case of this folder: what a policy becomes, one file a type, to be read in a review.

`UPDATE_GOLDENS=1 pytest tests/golden` writes the files again and deletes those that nothing
makes any more.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.dump import dump_groups, dump_guards, dump_lanes, dump_plan, dump_resources
from compiler.guards import choose_guards, identifies
from compiler.pipeline import Compiled, compile_sources
from compiler.plan import Plan
from compiler.read import sources_of
from compiler.standalone import standalone
from policies.base import Place
from policies.registry import KINDS
from tests.e2e.envoy_process import validate

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/in.yaml"))
UPDATE = bool(os.environ.get("UPDATE_GOLDENS"))


class Text(str):
    """A text of several lines, printed as a block."""

    __slots__ = ()


class Dumper(yaml.SafeDumper):
    """Blocks for texts of several lines, and no anchors: each resource is read by itself."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


Dumper.add_representer(
    str,
    lambda dumper, data: dumper.represent_scalar(
        "tag:yaml.org,2002:str", data, style="|" if "\n" in data else None
    ),
)


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's scalars, as the compiler reads them: `on` is a text."""


CoreLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf")
)
CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?[0-9]+\.[0-9]+$"), list("-0123456789")
)


def compiled(text: str) -> Compiled:
    done = compile_sources(sources_of({"in.yaml": text}))
    assert done.ok, "\n".join(f"{d.span}: {d.code}: {d.message}" for d in done.diagnostics)
    return done


def outputs(done: Compiled) -> dict[str, str]:
    """The files of a case by name; a type without resources has none."""
    dumped = {
        **dump_resources(done.lowered),
        "plan": dump_plan(done.plan),
        "lanes": dump_lanes(done.plan.lanes),
        "guards": dump_guards(choose_guards(done.plan)) if _has_accounts(done.plan) else [],
        "groups": dump_groups(done.fleet) if done.plan.groups else [],
    }
    return {
        f"out.{name}.yaml": yaml.dump(value, Dumper=Dumper, sort_keys=False, width=100)
        for name, value in dumped.items()
        if value
    }


def _has_accounts(plan: Plan) -> bool:
    return bool(plan.tenants or plan.limits or any(map(identifies, plan.routes)))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_golden(case):
    """The policy becomes what stands beside it, file for file."""
    made = outputs(compiled((case / "in.yaml").read_text()))
    kept = {path.name: path for path in case.glob("out.*.yaml")}
    if UPDATE:
        for name in kept.keys() - made.keys():
            kept[name].unlink()
        for name, text in made.items():
            (case / name).write_text(text)
        return
    assert sorted(kept) == sorted(made), "run again with UPDATE_GOLDENS=1, and read the diff"
    for name, text in made.items():
        assert text == kept[name].read_text(), f"{case.name}/{name}"


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_envoy_accepts_it(case):
    """`envoy --mode validate` has nothing to say about the whole gateway, nor about a group's."""
    done = compiled((case / "in.yaml").read_text())
    validate(standalone(done.lowered))
    for build in done.fleet:
        if build.lowered is not done.lowered:
            validate(standalone(build.lowered))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_the_order_of_keys_means_nothing(case):
    """The same policy with the keys of every mapping shuffled has the same bytes."""
    text = (case / "in.yaml").read_text()
    shuffled = yaml.dump(
        _shuffled(yaml.load(text, CoreLoader), random.Random(7)), Dumper=Dumper, sort_keys=False
    )
    assert shuffled != text
    assert compiled(shuffled).snapshot.version == compiled(text).snapshot.version


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, list):
        return [_shuffled(item, chance) for item in value]
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: _shuffled(value[key], chance) for key in keys}
    return value


def test_every_policy_kind_stands_in_a_golden():
    """A kind without a case cannot be reviewed."""
    seen: set[tuple[Place, str]] = set()
    for case in CASES:
        plan = compiled((case / "in.yaml").read_text()).plan
        for place, things in (
            (Place.LISTENER, plan.listeners),
            (Place.ROUTE, plan.routes),
            (Place.SERVICE, plan.services),
            (Place.PROVIDER, plan.providers),
        ):
            seen.update((place, a.kind) for thing in things for a in thing.policies)
    assert {(place, kind.name) for kind in KINDS for place in kind.places} <= seen
