"""Requests as people write them, with what a client would add; and worlds."""

import json
from datetime import UTC, datetime

import pytest

from compiler.decide.world import Fault
from compiler.expectations.asked import endpoint_of, request_of
from compiler.expectations.given import quiet_moment, world_of
from compiler.plan_llm import Endpoint
from compiler.schema.given import GivenDocument
from compiler.schema.tests import RequestDocument
from tests.expectations.policies import POLICY, right


@pytest.fixture(scope="module")
def plan():
    return right().plan


def request(plan, **said):
    return request_of(RequestDocument.model_validate(said), plan)


def test_a_model_s_request_has_a_path_and_a_body(plan):
    """Those of the first route and operation that offer it."""
    made = request(plan, model="fast", key="acme/ci", stream=True, tools=["look_up"])
    assert (made.method, made.target, made.key) == ("POST", "/v1/chat/completions", "acme/ci")
    body = json.loads(made.body)
    assert (body["model"], body["stream"]) == ("fast", True)
    assert body["tools"][0]["function"]["name"] == "look_up"
    assert made.values("content-type") == ("application/json",)
    assert request(plan, model="embed").target == "/v1/embeddings"


def test_a_route_s_own_host_is_asked_for():
    """The one that serves the model; of a wildcard any host below it."""
    hosted = right(policy=POLICY.replace("match: /v1,", "match: /v1, host: '*.ai.example',")).plan
    assert request(hosted, model="fast").host == "any.ai.example"


def test_what_is_written_is_sent_as_it_is(plan):
    """A text is no JSON, a mapping is; nothing is added to it but what is said beside it."""
    assert request(plan, path="/orders/7").method == "GET"
    assert request(plan, path="/orders", body="x").body == b"x"
    made = request(plan, path="/v1/messages", body={"messages": []}, model="fast", tools=["t"])
    assert json.loads(made.body) == {
        "model": "fast",
        "messages": [],
        "tools": [{"name": "t", "input_schema": {"type": "object", "properties": {}}}],
    }
    twice = request(plan, headers={"X-A": ["1", "2"], "content-type": "text/plain"}, body={})
    assert twice.headers == (("X-A", "1"), ("X-A", "2"), ("content-type", "text/plain"))


def test_the_operation_is_the_longest_that_a_path_ends_with():
    """Prefixes of any length, queries too."""
    assert endpoint_of("/v1/chat/completions?x=1") is Endpoint.CHAT_COMPLETIONS
    assert endpoint_of("/a/b/completions") is Endpoint.COMPLETIONS
    assert endpoint_of("/orders") is None


def test_what_is_given_is_a_world(plan):
    """Answers in turn, limits by text or name, money in dollars, everybody alike or each."""
    given = GivenDocument.model_validate(
        {
            "openai": [429, "timeout", {"status": 200, "output_tokens": 7}],
            "used": {"600 requests/minute": "all", "500 USD/month": {"acme": "499.5 USD"}},
            "cooling": "claude",
            "edge": "away",
            "latencies": {"openai/gpt-4o-mini": "800ms"},
        }
    )
    world = world_of(given, plan, datetime(2026, 1, 1, tzinfo=UTC))
    first, second, third = world.answers["openai"]
    assert (first.status, second.fault, third.output_tokens) == (429, Fault.TIMEOUT, 7)
    requests, money = sorted(world.used, reverse=True)
    assert requests == "tenant/acme/requests/minute"
    assert world.used[requests].get("whoever", 0) == 600
    assert world.used[money] == {"acme": 499_500_000_000}
    assert (world.cooling, world.edge_away, world.counters_away) == ({"claude"}, True, False)
    assert world.latencies == {"openai/gpt-4o-mini": 0.8}


def test_it_is_late_enough_for_every_key(plan):
    """A key that begins later than the others is in force."""
    assert quiet_moment(plan) == datetime(2026, 5, 1, tzinfo=UTC)
