"""What holds for every policy kind, whoever adds one: its examples pass through every stage."""

from __future__ import annotations

import inspect

import pytest

from compiler.diagnostic import Severity
from compiler.order import ORDER
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.standalone import standalone
from policies.base import Place
from policies.registry import KINDS, find, kinds_at
from tests.e2e.envoy_process import validate
from tests.policies.policy_text import policy_text

PLACED = [(kind, place) for kind in KINDS for place in sorted(kind.places)]
IDS = [f"{kind.name}-of-{place}" for kind, place in PLACED]
KIND_IDS = [f"{kind.name}-of-{min(kind.places)}" for kind in KINDS]


def compiled(kind, place, value):
    return compile_sources(sources_of({"gateway.yaml": policy_text(kind, place, value)}))


def planned(kind, place):
    """The plan that the valid example becomes, found again where it stands."""
    plan = compiled(kind, place, kind.valid).plan
    things = {
        Place.LISTENER: plan.listeners,
        Place.SERVICE: plan.services,
        Place.PROVIDER: plan.providers,
        Place.ROUTE: plan.routes,
    }[place]
    (applied,) = [a for t in things for a in t.policies if a.kind == kind.name]
    return applied.plan


@pytest.mark.parametrize(("kind", "place"), PLACED, ids=IDS)
def test_the_valid_example_is_accepted_by_the_compiler_and_by_envoy(kind, place):
    """It compiles without an error, and `envoy --mode validate` takes what comes out."""
    done = compiled(kind, place, kind.valid)
    assert [d for d in done.diagnostics if d.severity is Severity.ERROR] == []
    validate(standalone(done.lowered))


@pytest.mark.parametrize(("kind", "place"), PLACED, ids=IDS)
def test_the_valid_example_changes_what_envoy_gets(kind, place):
    """A policy that leaves every resource as it is without the policy does nothing."""
    without = compiled(kind, place, None)
    assert without.ok
    assert without.snapshot.version != compiled(kind, place, kind.valid).snapshot.version


@pytest.mark.parametrize(("kind", "place"), PLACED, ids=IDS)
def test_the_invalid_example_gets_its_code(kind, place):
    """It is refused under the code that the docs show, at a place in the text."""
    done = compiled(kind, place, kind.invalid)
    errors = [d for d in done.diagnostics if d.severity is Severity.ERROR]
    assert [d.code for d in errors] == [kind.invalid_code]
    assert errors[0].span is not None


@pytest.mark.parametrize(("kind", "place"), PLACED, ids=IDS)
def test_plans_are_values(kind, place):
    """The same text gives an equal plan that can be hashed and not changed."""
    plan = planned(kind, place)
    assert plan == planned(kind, place)
    hash(plan)
    with pytest.raises(AttributeError):
        setattr(plan, next(iter(type(plan).__slots__)), None)


@pytest.mark.parametrize("kind", KINDS, ids=KIND_IDS)
def test_the_page_begins_with_a_sentence(kind):
    """Editors and the reference show the first paragraph alone."""
    first = inspect.cleandoc(kind.docs).partition("\n\n")[0]
    assert first.endswith(".")


@pytest.mark.parametrize("kind", KINDS, ids=KIND_IDS)
def test_a_kind_patches_wherever_it_may_stand(kind):
    """No place without a verb that does something there."""
    verbs = {
        Place.LISTENER: kind.patch_listener or kind.patch_filter_chain,
        Place.ROUTE: kind.patch_route,
        Place.SERVICE: kind.patch_cluster,
        Place.PROVIDER: kind.patch_cluster,
    }
    assert all(verbs[place] is not None for place in kind.places)


def test_a_name_means_one_kind_in_one_place():
    """`tls` is two kinds, and which of them is meant follows from where it stands."""
    for place in Place:
        names = [kind.name for kind in KINDS if place in kind.places]
        assert len(names) == len(set(names))
        assert [find(place, name) for name in names] == list(kinds_at(place).values())


def test_every_filter_that_a_kind_brings_has_its_place_in_the_order():
    """A filter without a decided place would end the compilation with a KeyError."""
    known = {position.name for position in ORDER}
    for kind, place in PLACED:
        if place is Place.ROUTE:
            assert {name for name, _ in kind.http_filters(planned(kind, place))} <= known
