"""The order in which routes are tried, and that nothing else of a text's order matters."""

import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostic import Reporter
from compiler.load import load
from compiler.node import plain
from compiler.plan import Match, PathKind
from compiler.read import read
from compiler.route_order import order_key, regex_head, routes_by_host
from tests.compiler.stages import LISTENER, plan_of, policy, route_names, run

SERVICE = "services: { s: { endpoints: ['s:80'] } }"
EXAMPLES = Path(__file__).parents[2] / "examples"


def in_order(*routes):
    """Plan routes, written from last to first, and give their names as they are tried."""
    listed = "routes:\n" + "\n".join(
        f"  - {{ name: {name}, service: s, {match} }}" for name, match in reversed(routes)
    )
    return route_names(plan_of(LISTENER, SERVICE, listed))


@pytest.mark.parametrize(
    "routes",
    [
        pytest.param(
            [
                ("exact", "host: a.example.com, match: /"),
                ("long", "host: '*.b.example.com', match: /x"),
                ("short", "host: '*.example.com', match: /y"),
                ("any", "match: { path: /z }"),
            ],
            id="exact hosts, long wildcards, short ones, any",
        ),
        pytest.param(
            [
                ("exact", "match: { path: /a/b }"),
                ("template", "match: { template: '/a/{id}' }"),
                ("regex", "match: { regex: '/a/.*b' }"),
                ("prefix", "match: /a/b/c/d/e"),
            ],
            id="exact paths, templates, regexes, prefixes",
        ),
        pytest.param(
            [("long", "match: /a/b"), ("short", "match: /a"), ("root", "match: /")],
            id="long prefixes before short ones",
        ),
        pytest.param(
            [
                ("more", "match: { template: '/a/b/{id}' }"),
                ("less", "match: { template: '/a/{x}/{id}' }"),
            ],
            id="templates by their literal text",
        ),
        pytest.param(
            [
                ("two", "match: { prefix: /, method: GET, headers: { a: b } }"),
                ("get", "match: { prefix: /, method: GET }"),
                ("both", "match: { prefix: /, method: [GET, PUT] }"),
                ("none", "match: /"),
            ],
            id="more conditions, then fewer methods",
        ),
        pytest.param(
            [
                ("exact", "match: { prefix: /, query: { a: b } }"),
                ("prefix", "match: { prefix: /, query: { a: { prefix: b } } }"),
                ("present", "match: { prefix: /, query: { a: { present: true } } }"),
            ],
            id="values by how particular they are",
        ),
    ],
)
def test_order(routes):
    """The most particular route is tried first, though it was written last."""
    assert in_order(*routes) == [name for name, _ in routes]


def test_the_last_tie_is_broken_by_the_text():
    """Routes of the same rank stand as they were written."""
    listed = """
    routes:
      - { name: b, service: s, match: { prefix: /, headers: { x: "1" } } }
      - { name: a, service: s, match: { prefix: /, headers: { y: "1" } } }
    """
    assert route_names(plan_of(LISTENER, SERVICE, listed)) == ["b", "a"]


@pytest.mark.parametrize(
    ("regex", "head"),
    [
        ("/a/.*", "/a/"),
        (r"/a\.b/x+", "/a.b/x"),
        ("/a?b", "/"),
        (r"/a\.?b", "/a"),
        ("/a|/b", ""),
        ("(/a)+", ""),
        (r"/\d+", "/"),
        ("^/x$", "/x"),
        ("(?i)/x", ""),
    ],
)
def test_what_a_regex_begins_with(regex, head):
    """Only what every match begins with counts."""
    assert regex_head(regex) == head


def test_routes_of_a_host():
    """A host's list holds the routes of wider patterns too, after its own."""
    listed = """
    routes:
      - { name: any, service: s, match: { path: /x } }
      - { name: wild, service: s, match: /, host: "*.example.com" }
      - { name: both, service: s, match: /b, host: [a.example.com, "*.other.com"] }
      - { name: deep, service: s, match: /d, host: "*.b.other.com" }
    """
    lists = routes_by_host(plan_of(LISTENER, SERVICE, listed).routes)
    assert {host: [one.name for one in routes] for host, routes in lists.items()} == {
        "": ["any"],
        "*.example.com": ["wild", "any"],
        "a.example.com": ["both", "wild", "any"],
        "*.other.com": ["both", "any"],
        "*.b.other.com": ["deep", "both", "any"],
    }


def test_a_route_of_two_ranks():
    """A route may be particular for one host and not for another: each list has its own order."""
    listed = """
    routes:
      - { name: two, service: s, match: /, host: [a.example.com, "*.foo.com"] }
      - { name: foo, service: s, match: { path: /x }, host: "*.foo.com" }
    """
    plan = plan_of(LISTENER, SERVICE, listed)
    assert route_names(plan) == ["two", "foo"]
    assert [one.name for one in routes_by_host(plan.routes)["*.foo.com"]] == ["foo", "two"]


paths = st.sampled_from(["/", "/a", "/a/b", "/a/.*", "/{x}"])
matches = st.builds(
    Match,
    st.lists(st.sampled_from(["a.b", "*.b", "*.c.b"]), unique=True).map(tuple),
    st.sampled_from(PathKind),
    paths,
    st.lists(st.sampled_from(["GET", "PUT"]), unique=True).map(tuple),
    st.just(()),
    st.just(()),
)


@given(st.lists(matches, max_size=6), st.randoms())
def test_order_does_not_depend_on_order(several, rng):
    """Ranks alone decide, so that any order of the text sorts alike up to ties."""
    shuffled = list(several)
    rng.shuffle(shuffled)
    keys = sorted(map(order_key, several))
    assert sorted(map(order_key, shuffled)) == keys


def documents():
    folders = [one for one in sorted(EXAMPLES.iterdir()) if (one / "gateway.yaml").exists()]
    return [pytest.param(plain(load(read(f), Reporter())), id=f.name) for f in folders]


def shuffled(value, rng):
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(value[key], rng) for key in keys}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


def split(document, rng, count):
    """Spread a document over files: sections by entry, lists in runs that keep their order."""
    files = [{} for _ in range(count)]
    for key, value in document.items():
        if isinstance(value, dict):
            for name, entry in value.items():
                rng.choice(files).setdefault(key, {})[name] = entry
        elif isinstance(value, list):
            at = sorted(rng.randrange(count) for _ in value)
            for place, item in zip(at, value, strict=True):
                files[place].setdefault(key, []).append(item)
        else:
            rng.choice(files)[key] = value
    return {
        f"{place}.yaml": yaml.safe_dump(part, sort_keys=False) for place, part in enumerate(files)
    }


@pytest.mark.parametrize("document", documents())
@given(st.integers(0, 10**9), st.integers(1, 4))
@settings(max_examples=15)
def test_equal_gateways_have_equal_plans(document, seed, count):
    """However keys are ordered and files are cut, the plan is the same."""
    rng = random.Random(seed)
    whole, said = run(yaml.safe_dump(document, sort_keys=False))
    assert whole is not None, said
    parts = split(shuffled(document, rng), rng, count)
    other, said = run(parts)
    assert other == whole, said


def test_names_do_not_change_with_other_routes():
    """A derived name stays when a route is added before it."""
    one = "  - { match: { path: /x, method: GET }, service: s }\n"
    two = "  - { match: { path: /x }, service: s }\n"
    alone = plan_of(LISTENER, SERVICE, "routes:\n" + one)
    both, _ = run(policy(LISTENER, SERVICE, "routes:\n" + two + one))
    assert alone.routes[0].name in route_names(both)
