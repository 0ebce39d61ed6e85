"""The official Anthropic client for Vertex AI, against the simulator."""

from __future__ import annotations

import anthropic
import httpx
import pytest

from simulator.config import Config, Provider
from simulator.running import start_in_thread

CLAUDE = "claude-sonnet-4-5@20250929"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
VERTEX = "/v1/projects/p/locations/us-east5/publishers"
ASKED = {"model": CLAUDE, "max_tokens": 200, "messages": [{"role": "user", "content": "Why?"}]}


@pytest.fixture(scope="module")
def running():
    providers = (Provider("claude", "anthropic_vertex", key="token"),)
    with start_in_thread(Config(providers=providers)) as simulator:
        yield simulator


@pytest.fixture
def claude(simulator):
    with anthropic.AnthropicVertex(
        project_id="p",
        region="us-east5",
        access_token="token",
        base_url=simulator.url("claude"),
        max_retries=0,
        _strict_response_validation=True,
    ) as client:
        yield client


def test_claude_on_vertex(simulator, claude):
    """Plain, streamed with a tool, counted: the model stands in the path alone."""
    assert f"claude ({CLAUDE})" in claude.messages.create(**ASKED).content[0].text
    with claude.messages.stream(**ASKED, tools=[{"name": "x", "input_schema": SCHEMA}]) as events:
        assert events.get_final_message().content[0].input == {"city": "city"}
    assert "model" not in simulator.requests[-1].json()
    counted = claude.messages.count_tokens(model=CLAUDE, messages=ASKED["messages"])
    assert counted.input_tokens == 1
    with pytest.raises(anthropic.BadRequestError, match="at least one message"):
        claude.messages.create(**ASKED | {"messages": []})
    simulator.set_scenario("claude", "error_in_band:2")
    with (
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
        claude.messages.stream(**ASKED) as events,
    ):
        events.get_final_message()
    simulator.set_scenario("claude", 429)
    with pytest.raises(anthropic.RateLimitError, match="RESOURCE_EXHAUSTED"):
        claude.messages.create(**ASKED)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"model": "x"}, "model: Extra inputs"),
        ({"anthropic_version": "2023-06-01"}, "vertex-2023-10-16"),
        ({"anthropic_version": None}, "anthropic_version: Field required"),
        ({"stream": True}, "streamRawPredict"),
    ],
)
def test_claudes_body_has_to_be_the_clouds(simulator, members, words):
    """A version, no model, and a stream where the method says so."""
    body = {"anthropic_version": "vertex-2023-10-16", **ASKED}
    del body["model"]
    url = f"{simulator.origin('claude')}{VERTEX}/anthropic/models/{CLAUDE}:rawPredict"
    headers = {"authorization": "Bearer token"}
    assert httpx.post(url, json=body, headers=headers).status_code == 200
    answer = httpx.post(url, json=body | members, headers=headers)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
