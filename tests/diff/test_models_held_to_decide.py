"""If `decide` differs on any drawn request for a model, the diff is not empty.

Random policies of providers, models, tenants and keys have the order of their sections shuffled,
and now and then a thing is drawn anew under its old name.
"""

from dataclasses import replace
from random import Random

import pytest

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.decide.world import World
from compiler.diff import plans
from compiler.diff.lanes import lanes
from compiler.diff.models import models
from compiler.diff.plans import diff_plans
from compiler.diff.prices import prices
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from tests.decide import random_asked, random_llm
from tests.decide.llm_policies import FLAVOURS, together

ASKED = 12


def plan_of(drawn):
    text = together([drawn], "llm.internal:1", 1)
    text = text.replace("file:corp.jwks.json", "https://login.corp.example/jwks")
    made = compile_sources(sources_of({"gateway.yaml": text}), until="plan")
    return made.plan if made.ok else None


def other(random, drawn, again):
    """The same in another order; one in three times, one thing of it is drawn again."""
    sections = {}
    for name, things in random.sample(list(drawn.sections.items()), len(drawn.sections)):
        if isinstance(things, list):
            sections[name] = random.sample(things, len(things))
        else:
            sections[name] = dict(random.sample(list(things.items()), len(things)))
    if random.random() < 1 / 3:
        section = random.choice([name for name in sections if name != "listeners"])
        things, anew = sections[section], again.sections.get(section, {})
        if isinstance(things, dict):
            both = sorted(things.keys() & anew.keys())
            sections[section] = things | {name: anew[name] for name in both[:1]}
        else:
            sections[section] = list(anew)
    return replace(drawn, sections=sections)


def held(seed, count):
    """Draw pairs of plans; give how many had no difference, and what was decided otherwise."""
    same, wrong = 0, []
    for number in range(count):
        random, flavour = Random(f"{seed}/{number}"), FLAVOURS[number % len(FLAVOURS)]
        drawn, again = (
            random_llm.draw(Random(f"{seed}/{number}/{which}"), "p", flavour, 9000)
            for which in ("one", "two")
        )
        one, two = plan_of(drawn), plan_of(other(random, drawn, again))
        if one is None or two is None or diff_plans(one, two):
            continue
        same += 1
        for _ in range(ASKED):
            asked = random_asked.draw(random, drawn)
            said = {"issuer": "corp", "claims": asked.token} if asked.token else {}
            request = Request(
                asked.method, asked.path, headers=asked.headers, body=asked.body, **said
            )
            world = World(answers=asked.answers, draws=(random.random(), random.random()))
            before, after = (replace(decide(plan, request, world), steps=()) for plan in (one, two))
            if before != after:
                wrong.append((f"{seed}/{number}", request, before, after))
    return same, wrong


def test_what_has_no_difference_decides_alike():
    same, wrong = held("diff", 24)
    assert same > 8
    assert wrong == []


@pytest.mark.slow
def test_the_same_of_many():
    same, wrong = held("many", 800)
    assert same > 300
    assert wrong == []


def test_what_models_do_is_found_to_matter(monkeypatch):
    """Without the areas that look at them, some request is decided otherwise."""
    left = tuple(area for area in plans.AREAS if area not in (models, prices, lanes))
    monkeypatch.setattr(plans, "AREAS", left)
    _, wrong = held("many", 40)
    assert wrong
