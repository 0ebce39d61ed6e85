"""If `decide` differs on any request that was drawn, the diff is not empty.

Random policies are shuffled, and now and then changed in one place: those whose diff is empty have
to decide every request alike.
"""

from random import Random

import pytest
import yaml

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.diff import plans
from compiler.diff.order import order
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


def tied(random):
    """A policy whose routes are mostly of one rank: the order of the text decides."""
    document = random_rest.policy(random)
    routes = []
    for place in range(random.randint(2, 6)):
        match = {"prefix": random.choice(("/a", "/a", "/ab"))}
        key = random.choice(("headers", "query"))
        match[key] = {
            name: random_rest._condition(random) for name in random.sample(random_rest.NAMES, 1)
        }
        if random.random() < 0.3:
            match["method"] = [random.choice(random_rest.METHODS)]
        route = {"name": f"r{place}", "match": match, "service": f"s{random.randint(1, 3)}"}
        if random.random() < 0.3:
            route["host"] = random.sample(random_rest.HOSTS, random.randint(1, 2))
        routes.append(route)
    return {**document, "routes": routes}


def asked(random, document):
    """A request that may be one for two routes: the headers and query of both are sent."""
    method, target, host, headers = random_rest.request(random, document)
    _, more, _, others = random_rest.request(random, document)
    query = more.partition("?")[2]
    if query:
        target += ("&" if "?" in target else "?") + query
    return Request(method, target, host, (*headers, *others))


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


def held(seed, count, draw=random_rest.policy):
    """Draw pairs of plans; give how many had no difference, and what was decided otherwise."""
    same, wrong = 0, []
    for number in range(count):
        random = Random(f"{seed}/{number}")
        document = draw(random)
        changed = other(random, document)
        one, two = plan_of(document), plan_of(changed)
        if one is None or two is None or diff_plans(one, two):
            continue
        same += 1
        for _ in range(ASKED):
            request = asked(random, document)
            if outside(decide(one, request)) != outside(decide(two, request)):
                wrong.append((f"{seed}/{number}", request))
    return same, wrong


@pytest.mark.parametrize("draw", [random_rest.policy, tied])
def test_what_has_no_difference_decides_alike(draw):
    same, wrong = held("diff", 30, draw)
    assert same > 5
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("draw", [random_rest.policy, tied])
def test_the_same_of_many(draw):
    same, wrong = held("many", 1_500, draw)
    assert same > 200
    assert wrong == []


def test_the_order_of_routes_is_found_to_matter(monkeypatch):
    """Without the area that looks at it, some request is decided otherwise."""
    monkeypatch.setattr(plans, "AREAS", tuple(area for area in plans.AREAS if area is not order))
    _, wrong = held("diff", 40, tied)
    assert wrong
