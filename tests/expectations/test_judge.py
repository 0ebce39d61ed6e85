"""What became of a request is held against each expectation."""

from dataclasses import replace

import pytest

from compiler.decide.decide import decide
from compiler.decide.request import Request
from compiler.decide.trace import Attempt, Decider, Identity, Trace, Verdict
from compiler.decide.world import Answer, Fault, World
from compiler.expectations.judge import Outcome, judge, usd
from compiler.plan import Lane
from compiler.schema.expected import ExpectDocument
from tests.expectations.policies import right

TRACE = Trace(
    (),
    Decider.UPSTREAM,
    200,
    "local",
    route="llm",
    identity=Identity("acme", key="acme/ci", by="keys"),
    verdicts=(Verdict("tenant/acme/requests/minute", "acme", True, 1, 600),),
    model="fast",
    attempts=(
        Attempt("openai/gpt-4o-mini", Lane.NATIVE, "timeout", None, redacted=("personal",)),
        Attempt("claude/claude-haiku-4-5", Lane.SERVICE, "served", 200, redacted=()),
        Attempt("claude/other", Lane.SERVICE, "skipped", None),
    ),
    served="claude/claude-haiku-4-5",
    cost=2_000_000,
)


@pytest.fixture(scope="module")
def plan():
    return right().plan


def differences(plan, trace=TRACE, world=None, /, **expected):
    wanted = ExpectDocument.model_validate(expected)
    world = world or World(latencies={"claude/claude-haiku-4-5": 1.5})
    return [(d.what, d.expected, d.got) for d in judge(wanted, Outcome(plan, trace, world))]


@pytest.mark.parametrize(
    "expected",
    [
        {"route": "llm", "status": 200, "served_by": "claude/claude-haiku-4-5", "code": "none"},
        {"status": "2xx", "attempts": 2, "lane": "service", "location": "none"},
        {"targets": ["openai/gpt-4o-mini", "claude/claude-haiku-4-5"]},
        {"identity": "acme/ci"},
        {"identity": "acme"},
        {"identity": {"tenant": "acme", "by": "keys", "team": ""}},
        {"redacted": []},
        {"redacted": {"openai": ["personal"], "claude/claude-haiku-4-5": []}},
        {"limits": {"600 requests/minute": "allowed"}},
        {"cost_below": "0.000003 USD", "latency_below": "22s"},
    ],
)
def test_what_is_as_expected_differs_in_nothing(plan, expected):
    """Each key that holds."""
    assert differences(plan, **expected) == []


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"route": "none"}, ("route", "none", "llm")),
        ({"status": "4xx"}, ("status", "4xx", "200")),
        ({"status": 429}, ("status", "429", "200")),
        ({"code": "x"}, ("code", "x", "none")),
        ({"served_by": "none"}, ("served_by", "none", "claude/claude-haiku-4-5")),
        (
            {"attempts": 1},
            (
                "attempts",
                "1",
                "2 (openai/gpt-4o-mini timeout, claude/claude-haiku-4-5 served)",
            ),
        ),
        (
            {"targets": "openai/gpt-4o-mini"},
            ("targets", "openai/gpt-4o-mini", "openai/gpt-4o-mini, claude/claude-haiku-4-5"),
        ),
        ({"identity": "none"}, ("identity", "none", "tenant acme, key acme/ci, by keys")),
        ({"identity": "acme/cd"}, ("identity", "key acme/cd", "tenant acme, key acme/ci, by keys")),
        ({"redacted": "personal"}, ("redacted", "personal", "none")),
        ({"redacted": {"openai": []}}, ("redacted.openai", "none", "personal")),
        ({"redacted": {"claude/x": []}}, ("redacted.claude/x", "none", "not tried")),
        (
            {"limits": {"600 requests/minute": "refused"}},
            ("limits.600 requests/minute", "refused", "allowed"),
        ),
        (
            {"limits": {"500 USD/month": "allowed"}},
            ("limits.500 USD/month", "allowed", "not asked"),
        ),
        ({"path": "/x"}, ("path", "/x", "none")),
        ({"headers": {"x-a": "1"}}, ("headers.x-a", "1", "not set")),
        ({"cost_below": "0.000002 USD"}, ("cost_below", "0.000002 USD", "0.000002 USD")),
        ({"latency_below": "21.5s"}, ("latency_below", "21.5s", "21.5s")),
        ({"lane": "native"}, ("lane", "native", "service")),
    ],
)
def test_what_is_not_says_both(plan, expected, said):
    """Each key that does not hold, alone."""
    assert differences(plan, **expected) == [said]


def test_a_service_answers_as_is_given(plan):
    """`decide` leaves its status open: it is the one that the world says."""
    world = World(answers={"orders": (Answer(503),)})
    trace = decide(plan, Request(target="/orders/7"), world)
    said = {"status": 503, "path": "/v2/7", "headers": {"X-Team": "a", "x-debug": "none"}}
    assert differences(plan, trace, world, **said) == []
    down = World(answers={"orders": (Answer(fault=Fault.TIMEOUT),)})
    undecided = replace(trace, status=None)
    got = differences(plan, undecided, down, status=200)
    assert got == [("status", "200", "no answer")]


def test_patience_is_the_shortest_bound_that_there_is(plan):
    """Of a model without a chain, all the time that a request has."""
    alone = Attempt("openai/text-embedding-3-small", Lane.NATIVE, "timeout", None)
    trace = replace(TRACE, model="embed", attempts=(alone,), served=None)
    ((_, _, got),) = differences(plan, trace, latency_below="1s")
    assert got == f"{plan.models[0].timeout.total_seconds():g}s"
    nobody = replace(TRACE, model=None, attempts=())
    assert differences(plan, nobody, latency_below="1ms") == []


def test_money_is_written_without_rounding():
    """In dollars, to the pico-USD."""
    assert usd(0) == "0 USD"
    assert usd(1) == "0.000000000001 USD"
    assert usd(25 * 10**11) == "2.5 USD"
