"""If `decide` differs on any request that was drawn, the diff is not empty.

Random policies are shuffled, and now and then changed in one place: those whose diff is empty have
to decide every request alike.
"""

from random import Random

import pytest
import yaml

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.diff.plans import diff_plans
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from tests.decide import random_rest

ASKED = 30


def plan_of(document):
    text = yaml.safe_dump(document, sort_keys=False)
    for number in (1, 2, 3):
        text = text.replace(f"<up{number}>", f"900{number}")
    made = compile_sources(sources_of({"gateway.yaml": text}), until="plan")
    return made.plan if made.ok else None


def other(random, document):
    """The same routes in another order; one in three times, one of them from another policy."""
    routes = list(document["routes"])
    random.shuffle(routes)
    if random.random() < 1 / 3:
        place = random.randrange(len(routes))
        name = routes[place]["name"]
        routes[place] = {**random_rest.policy(random)["routes"][0], "name": name}
    return {**document, "routes": routes}


def outside(trace):
    """What of a trace can be seen by who asks and who is asked."""
    return trace.decider, trace.status, trace.location, trace.body, trace.sent


def held(seed, plans):
    """Draw pairs of plans; give how many had no difference, and what was decided otherwise."""
    same, wrong = 0, []
    for number in range(plans):
        random = Random(f"{seed}/{number}")
        document = random_rest.policy(random)
        changed = other(random, document)
        one, two = plan_of(document), plan_of(changed)
        if one is None or two is None or diff_plans(one, two):
            continue
        same += 1
        for _ in range(ASKED):
            method, target, host, headers = random_rest.request(random, document)
            request = Request(method, target, host, tuple(headers))
            if outside(decide(one, request)) != outside(decide(two, request)):
                wrong.append((f"{seed}/{number}", request))
    return same, wrong


def test_what_has_no_difference_decides_alike():
    same, wrong = held("diff", 60)
    assert same > 10
    assert wrong == []


@pytest.mark.slow
def test_the_same_of_many():
    same, wrong = held("many", 3_000)
    assert same > 500
    assert wrong == []
