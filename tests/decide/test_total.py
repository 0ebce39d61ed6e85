"""Every plan and every request has a trace, and none ends in an exception."""

from functools import cache
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.decide.trace import Decider, Trace
from compiler.decide.world import Answer, Fault, World
from compiler.pipeline import compile_sources
from compiler.plan_llm import Endpoint
from compiler.read import sources_of
from tests.decide import llm_policies, random_llm, random_rest

GOLDENS = sorted(Path(__file__).parents[1].glob("golden/*/in.yaml"))
KEYS = {"corp.jwks.json": '{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}'}
PATHS = st.sampled_from([prefix + end.value for prefix in ("/r0", "/v1") for end in Endpoint])
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
BODIES = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda model, stream: yaml.safe_dump(
            {"model": model, "stream": stream}, default_flow_style=True, width=999
        ).encode(),
        st.sampled_from(["p0m0", "p0m1", "fast", "smart"]),
        st.booleans(),
    ),
    st.sampled_from(["p0m0", "fast"]).map(lambda name: b'{"model": "%s"}' % name.encode()),
)
HEADERS = st.lists(
    st.one_of(
        st.tuples(TEXT, TEXT),
        st.sampled_from(
            [
                ("content-type", "application/json"),
                ("content-type", 'multipart/form-data; boundary="a"'),
                ("authorization", "Bearer gw_x"),
                ("Authorization", "Bearer e.f.g"),
                ("x-api-key", "gw_"),
                ("anthropic-version", "1"),
            ]
        ),
    ),
    max_size=4,
)
ANSWERS = st.builds(
    Answer,
    st.integers(100, 599),
    st.sampled_from(list(Fault)),
    st.none() | st.integers(0, 100),
)
WORLDS = st.builds(
    World,
    answers=st.dictionaries(
        st.sampled_from(["p0a", "p0b", "openai", "claude", "s1"]),
        st.lists(ANSWERS, max_size=3).map(tuple),
    ),
    draws=st.lists(st.floats(0, 1, exclude_max=True), max_size=2).map(tuple),
    cooling=st.sets(st.sampled_from(["p0a", "p0b", "openai"])).map(frozenset),
    counters_away=st.booleans(),
    edge_away=st.booleans(),
    latencies=st.dictionaries(st.sampled_from(["p0a/gpt-4o", "openai/gpt-4o"]), st.floats(0, 9)),
)


@cache
def drawn(number: int):
    """One of a few plans of either kind."""
    random = Random(number)
    if number % 4 == 3:
        text = yaml.safe_dump(random_rest.policy(random))
        for service in (1, 2, 3):
            text = text.replace(f"<up{service}>", "1")
        made = compile_sources(sources_of({"gateway.yaml": text}))
        return made.plan if made.ok else None
    flavour = llm_policies.FLAVOURS[number % 4]
    text = llm_policies.together([random_llm.draw(random, "p0", flavour, 8080)], "127.0.0.1:1", 1)
    return compile_sources(sources_of({"gateway.yaml": text, **KEYS})).plan


@cache
def golden(path: Path):
    """The plan of a golden policy."""
    beside = {p.name: p.read_text() for p in path.parent.glob("*.json")}
    return compile_sources(sources_of({"gateway.yaml": path.read_text(), **beside})).plan


def requests(paths):
    return st.builds(
        Request,
        method=st.sampled_from(["GET", "POST", "PUT", "HEAD", ""]) | TEXT,
        target=paths | TEXT | TEXT.map(lambda text: f"/{text}"),
        host=st.sampled_from(["a.test", "b.a.test", "", "[::1]:80", "::1", "a.test."]) | TEXT,
        headers=HEADERS.map(tuple),
        body=BODIES,
        client=st.sampled_from(["127.0.0.1", "::1", "::ffff:10.0.0.1", "nowhere", ""]),
        key=st.sampled_from(["", "p0t0/one", "p0t1/two", "acme/ci", "no/body"]),
        issuer=st.sampled_from(["", "corp", "other"]),
        claims=st.dictionaries(
            st.sampled_from(["org", "team", "sub"]), st.sampled_from(["p0t0-inc", "core", 7, None])
        ),
        certificate=st.sampled_from(["", "spiffe://corp/x", "a.test"]),
    )


def traced(plan, request, world):
    """Decide, and look at what every trace says."""
    if plan is None:
        return
    told = decide(plan, request, world)
    assert isinstance(told, Trace)
    assert told.steps
    assert told.status is not None or told.decider is Decider.UPSTREAM


@given(st.integers(0, 11), requests(PATHS), WORLDS)
@settings(max_examples=60)
def test_drawn_plans(number, request, world):
    """A drawn plan decides about anything."""
    traced(drawn(number), request, world)


@given(st.sampled_from(GOLDENS), requests(PATHS), WORLDS)
@settings(max_examples=40)
def test_goldens(path, request, world):
    """So does each golden policy."""
    traced(golden(path), request, world)


@pytest.mark.slow
@given(st.integers(0, 99), requests(PATHS), WORLDS)
@settings(max_examples=3_000)
def test_many_drawn_plans(number, request, world):
    """So do many."""
    traced(drawn(number), request, world)
