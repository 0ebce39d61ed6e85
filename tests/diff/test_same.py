"""Texts that mean the same have no difference: order, files, comments; and what is only a name."""

import random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostic import Reporter
from compiler.diff.plans import diff_plans
from compiler.load import load
from compiler.node import plain
from compiler.pipeline import compile_sources
from compiler.read import read, sources_of
from tests.compiler.test_planning_order import shuffled, split
from tests.conftest import REPOSITORY
from tests.diff.policies import BASE, changes, compiled, without_lanes

FOLDERS = sorted(path.parent for path in (REPOSITORY / "examples").glob("*/gateway.yaml"))


def plan_of(files):
    found = compile_sources(sources_of(files), until="plan")
    assert found.ok, found.diagnostics
    return found.plan


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
@settings(max_examples=5)
@given(seed=st.integers(0, 10**9), count=st.integers(1, 4))
def test_shuffled_and_split_texts_are_the_same(folder, seed, count):
    """Keys in any order, entries in any file."""
    document = plain(load(read(folder), Reporter()))
    whole = plan_of({"gateway.yaml": yaml.safe_dump(document, sort_keys=False)})
    rng = random.Random(seed)
    parts = split(shuffled(document, rng), rng, count)
    assert not diff_plans(whole, plan_of(parts))


@settings(max_examples=8)
@given(st.randoms(use_true_random=False))
def test_routes_that_never_meet_may_stand_in_any_order(rng):
    """The order of the text decides between routes of one rank only if both take a request."""
    routes = [f"  - {{ name: r{n}, match: /r{n}, respond: 204 }}\n" for n in range(8)]
    routes += [
        "  - { name: get, match: { prefix: /x, method: GET }, respond: 204 }\n",
        "  - { name: put, match: { prefix: /x, method: PUT }, respond: 204 }\n",
        "  - { name: one, match: { prefix: /y, query: { h: a } }, respond: 204 }\n",
        "  - { name: two, match: { prefix: /y, query: { h: b } }, respond: 204 }\n",
    ]
    other = list(routes)
    rng.shuffle(other)
    one, two = (plan_of({"gateway.yaml": BASE + "".join(listed)}) for listed in (routes, other))
    assert not diff_plans(one, two)


def test_routes_that_meet_are_told_when_they_change_places():
    """A request with both headers goes to the one that is written first."""
    one = "  - { name: one, match: { prefix: /y, headers: { h: a } }, respond: 204 }\n"
    two = "  - { name: two, match: { prefix: /y, headers: { i: b } }, respond: 204 }\n"
    found = diff_plans(compiled(BASE + one + two).plan, compiled(BASE + two + one).plan)
    assert [(e.subject, e.message) for e in found.entries] == [
        ("route `two`", "is asked before `one` now: requests that both take go to it")
    ]


def test_redactions_that_find_the_same():
    """A group, and all that is in it, are one and the same; so is another name."""
    found = without_lanes(
        changes(("detect: pii", "detect: [email, phone, credit_card, iban, us_ssn, uk_nino]"))
    )
    assert [line.split()[0] for line in found] == ["neutral"]


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([("openai: {", "oai: {"), ("[openai/", "[oai/")], "provider `openai` is called `oai` now"),
        (
            [("  orders: {", "  sales: {"), ("service: orders", "service: sales")],
            "service `orders` is called `sales` now",
        ),
        ([("name: orders", "name: sales")], "route `orders` is called `sales` now"),
        ([("local:", "inside:")], "listener `local` is called `inside` now"),
        ([("personal", "people")], "redaction `personal` is called `people` now"),
        ([("  b: {", "  bee: {")], "tenant `b` is called `bee` now"),
    ],
)
def test_what_is_called_otherwise(edits, said):
    """Renamed by content: nothing else is said, but of counters that start from zero."""
    found = [line for line in changes(*edits) if " counters: " not in line]
    assert found[0].endswith(said) or said in found[-1]
    assert all("names:" in line or "claim" in line for line in found)


def test_a_renamed_model_is_asked_for_by_another_name():
    """Clients who ask for the old name are refused, unless it is an alias."""
    lost = changes(("fast: {", "quick: {"), ("[fast]", "[quick]"))
    assert lost == [
        "loss names: model `fast` is called `quick` now: who asks for `fast` is answered 404"
    ]
    kept = changes(
        ("  fast: {", "  quick: { aliases: [fast],"), ("models: [fast]", "models: [quick]")
    )
    assert not any("404" in line for line in kept)


def test_a_renamed_tenant_is_counted_anew():
    """Its limits hold on, and what was counted under the old name is forgotten."""
    found = changes(("  b: {", "  bee: {"))
    assert (
        "neutral counters: tenant `bee` limit 20 requests/minute starts from zero: "
        "it is called otherwise"
    ) in found
