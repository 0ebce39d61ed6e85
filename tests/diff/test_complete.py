"""No field of a plan can change without a word: every one is mutated, and the diff is not empty."""

from functools import cache
from pathlib import Path

import pytest

from compiler.diff.plans import diff_plans
from compiler.pipeline import compile_path
from tests.diff.mutants import all_fields, mutants

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden"
CASES = (HERE / "rich.yaml", *sorted(GOLDEN.glob("*/in.yaml")))


@cache
def plan(path):
    compiled = compile_path(path, until="plan")
    assert compiled.ok, compiled.diagnostics
    return compiled.plan


def name(path):
    return path.stem if path.stem != "in" else path.parent.name


@pytest.mark.parametrize("path", CASES, ids=name)
def test_no_mutant_has_an_empty_diff(path):
    """In both directions: what is added is told as well as what is gone."""
    assert silent(path, most=1) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", CASES, ids=name)
def test_no_mutant_at_all_has_an_empty_diff(path):
    """The same for every place at which a field stands, and every value that it may take."""
    assert silent(path, most=10**9) == []


def silent(path, most):
    """Give the mutants that the diff has no word for."""
    return [
        (mutant.field, mutant.where)
        for mutant in mutants(plan(path), most)
        for one, other in ((plan(path), mutant.plan), (mutant.plan, plan(path)))
        if not diff_plans(one, other)
    ]


def test_every_field_is_mutated():
    """The cases together fill every field of every part of a plan."""
    mutated = {one.field.partition(" ")[0] for path in CASES for one in mutants(plan(path), most=1)}
    # A policy's own plan is of as many types as there are kinds; those of the cases are mutated.
    assert all_fields() - mutated == {"Applied.plan"}
