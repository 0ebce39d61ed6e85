"""The official Anthropic client for Bedrock, against the simulator."""

from __future__ import annotations

import anthropic
import httpx
import pytest

from simulator.config import Config, Provider
from simulator.running import start_in_thread
from tests.simulator.bedrock_client import KEYS

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ASKED = {"model": CLAUDE, "max_tokens": 200, "messages": [{"role": "user", "content": "Why?"}]}


@pytest.fixture(scope="module")
def running():
    providers = (
        Provider("claude", "anthropic_bedrock", aws=KEYS),
        Provider("bearer", "bedrock", key="api-key"),
    )
    with start_in_thread(Config(providers=providers)) as simulator:
        yield simulator


def claude(simulator):
    return anthropic.AnthropicBedrock(
        aws_access_key=KEYS.access_key,
        aws_secret_key=KEYS.secret_key,
        aws_region="us-east-1",
        base_url=simulator.url("claude"),
        max_retries=0,
        _strict_response_validation=True,
    )


def test_claude_by_invoke_model(simulator):
    """The official client, plain and streamed, with tools: the model stands in the path alone."""
    with claude(simulator) as made:
        assert f"claude ({CLAUDE})" in made.messages.create(**ASKED).content[0].text
        tool = {"name": "sky", "input_schema": SCHEMA}
        with made.messages.stream(**ASKED, tools=[tool]) as stream:
            final = stream.get_final_message()
    assert final.content[0].input == {"city": "city"}
    assert final.stop_reason == "tool_use"
    sent = simulator.requests[-1]
    assert sent.path.endswith("/invoke-with-response-stream")
    assert {"model", "stream"}.isdisjoint(sent.json())
    simulator.wait_idle()
    assert sent.billed.output_tokens == final.usage.output_tokens


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"model": "x"}, "model: Extra inputs"),
        ({"stream": True}, "stream: Extra inputs"),
        ({"anthropic_version": "2023-06-01"}, "bedrock-2023-05-31"),
        ({"anthropic_version": None}, "anthropic_version: Field required"),
        ({"messages": [{"role": "user", "content": "x"}] * 2}, "must alternate"),
    ],
)
def test_claudes_body_has_to_be_the_clouds(simulator, members, words):
    """A version, and neither a model nor a stream."""
    body = {"anthropic_version": "bedrock-2023-05-31", **ASKED}
    del body["model"]
    url = f"{simulator.url('bearer')}/model/{CLAUDE}/invoke"
    headers = {"authorization": "Bearer api-key"}
    assert httpx.post(url, json=body, headers=headers).status_code == 200
    answer = httpx.post(url, json=body | members, headers=headers)
    assert answer.status_code == 400
    assert words in answer.json()["message"]
