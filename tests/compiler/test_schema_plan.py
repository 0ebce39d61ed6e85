"""The published schema of plans, held to every plan that the examples and the goldens have."""

import json
from pathlib import Path

import jsonschema
import pytest

from cli import schema as command
from cli.main import parser
from compiler.dump import dump_plan
from compiler.pipeline import compile_path, compile_sources
from compiler.read import sources_of
from compiler.schema.plan_schema import plan_schema
from tests.fuzz.policies import WHOLE

ROOT = Path(__file__).parents[2]
POLICIES = [
    *(path.parent for path in ROOT.glob("examples/*/gateway.yaml")),
    *ROOT.glob("tests/golden/*/in.yaml"),
]


@pytest.fixture(scope="module")
def validator():
    schema = plan_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(validator, plan):
    written = json.loads(json.dumps(dump_plan(plan)))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(written)]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plans_are_as_the_schema_says(validator, policy):
    """Nothing is printed that the schema does not have, and nothing is missing."""
    compiled = compile_path(policy, until="plan")
    assert compiled.ok
    assert faults(validator, compiled.plan) == []


def test_most_of_the_language(validator):
    """A policy with a little of everything."""
    compiled = compile_sources(sources_of({"a.yaml": WHOLE}), until="plan")
    assert faults(validator, compiled.plan) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("name",), 1),
        (("routes", 0, "action"), {"status": "404"}),
        (("routes", 0, "policies"), [{"kind": "timeout", "plan": {"total": 15}}]),
        (("routes", 0, "policies"), [{"kind": "nothing", "plan": {}}]),
        (("listeners", 0, "at"), "a.yaml:1:1"),
        (("models", 0, "choice"), "chance"),
    ],
)
def test_what_is_no_plan_is_refused(validator, path, value):
    """The schema says what a plan is, and not only that it is an object."""
    plan = dump_plan(compile_sources(sources_of({"a.yaml": WHOLE}), until="plan").plan)
    inner = plan
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert list(validator.iter_errors(json.loads(json.dumps(plan)))) != []


def test_classes_and_fields_say_what_they_are():
    """Each definition has the docs of its class."""
    silent = [
        name
        for name, one in plan_schema()["$defs"].items()
        if one.get("type") == "object" and not one.get("description")
    ]
    assert silent == []


def test_the_command_prints_it(capsys):
    """`gatewright schema --of plan`."""
    assert command.run(parser([command]).parse_args(["schema", "--of", "plan"])) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(plan_schema()))
