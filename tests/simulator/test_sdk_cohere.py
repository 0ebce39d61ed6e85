"""Cohere's official SDK parses what the simulator answers, plain and streamed."""

from __future__ import annotations

import json
from base64 import b64decode

import cohere
import httpx
import pytest
from cohere.core.api_error import ApiError

from simulator.config import Config, Provider
from simulator.running import start_in_thread
from tests.simulator.test_openai_sdk import QUESTION, tool

TOOLS = [tool("sky"), tool("sea")]


@pytest.fixture(scope="module")
def running():
    providers = (
        Provider("cohere", "cohere"),
        Provider("strict-cohere", "cohere", key="right", models=("x",), context_window=40),
    )
    with start_in_thread(Config(providers=providers)) as simulator:
        yield simulator


@pytest.fixture
def client(simulator):
    return cohere.ClientV2(
        "any", base_url=simulator.url("cohere"), log_warning_experimental_features=False
    )


def once(client, method="chat", **members):
    options = {"max_retries": 0}
    asked = {"model": "command-a-03-2025", "messages": QUESTION, **members}
    return getattr(client, method)(**asked, request_options=options)


def streamed(client, **members):
    """All events, each of whose kinds has been seen to open and close what it says."""
    events = list(once(client, "chat_stream", **members))
    kinds = [event.type for event in events]
    assert (kinds[0], kinds[-1]) == ("message-start", "message-end")
    for what in ("content", "tool-call"):
        assert kinds.count(f"{what}-start") == kinds.count(f"{what}-end")
    return events


def test_a_plain_answer(client, simulator):
    """The text quotes the question, and what is billed is told."""
    got = once(client)
    assert "What is a gateway?" in got.message.content[0].text
    assert got.finish_reason == "COMPLETE"
    simulator.wait_idle()
    assert simulator.requests[-1].billed.output_tokens == got.usage.tokens.output_tokens


def test_a_stream_is_a_token_an_event(client, simulator):
    """It ends with the reason and the usage."""
    events = streamed(client)
    said = [e.delta.message.content.text for e in events if e.type == "content-delta"]
    assert "What is a gateway?" in "".join(said)
    assert events[-1].delta.finish_reason == "COMPLETE"
    assert events[-1].delta.usage.tokens.output_tokens == len(said)
    simulator.wait_idle()
    assert simulator.requests[-1].billed.output_tokens == len(said)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({}, ["sky", "sea"]),
        ({"tool_choice": "REQUIRED"}, ["sky", "sea"]),
        ({"tool_choice": "NONE"}, []),
    ],
)
def test_tools_are_called_with_a_plan(client, members, names, stream, simulator):
    """The plan and the arguments are billed like text."""
    members = {"tools": TOOLS, **members}
    if stream:
        events = streamed(client, **members)
        plan = "".join(e.delta.message.tool_plan for e in events if e.type == "tool-plan-delta")
        starts = [e.delta.message.tool_calls for e in events if e.type == "tool-call-start"]
        pieces = [e for e in events if e.type == "tool-call-delta"]
        given = [
            "".join(e.delta.message.tool_calls.function.arguments for e in pieces if e.index == at)
            for at in range(len(starts))
        ]
        called = [(one.function.name, text) for one, text in zip(starts, given, strict=True)]
        end = events[-1].delta
    else:
        end = once(client, **members)
        plan = end.message.tool_plan or ""
        calls = [one.function for one in end.message.tool_calls or ()]
        called = [(one.name, one.arguments) for one in calls]
    assert [name for name, _ in called] == names
    assert all(json.loads(text)["city"] == "city" for _, text in called)
    assert bool(plan) == bool(names)
    assert end.finish_reason == ("TOOL_CALL" if names else "COMPLETE")
    simulator.wait_idle()
    assert simulator.requests[-1].billed.output_tokens == end.usage.tokens.output_tokens


def test_after_the_tools_results_comes_text(client):
    """A result that answers no call is refused."""
    message = once(client, tools=TOOLS[:1]).message
    call = message.tool_calls[0]
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    said = {"role": "assistant", "tool_calls": [call.model_dump()], "tool_plan": message.tool_plan}
    assert once(client, tools=TOOLS, messages=[*QUESTION, said, result]).message.content
    with pytest.raises(cohere.BadRequestError):
        once(client, messages=[*QUESTION, result])


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_is_a_part_before_the_text(client, stream):
    """When it is enabled."""
    asked = {"thinking": {"type": "enabled", "token_budget": 100}}
    if stream:
        parts = [
            e.delta.message.content for e in streamed(client, **asked) if e.type == "content-start"
        ]
    else:
        parts = once(client, **asked).message.content
        assert parts[0].thinking
    assert [part.type for part in parts] == ["thinking", "text"]


def test_structure_limits_and_stops(client):
    """A schema is fitted, a limit and a stop sequence are kept."""
    schema = TOOLS[0]["function"]["parameters"]
    form = {"type": "json_object", "json_schema": schema}
    assert set(json.loads(once(client, response_format=form).message.content[0].text)) == {
        "city",
        "days",
        "unit",
    }
    got = once(client, max_tokens=5)
    assert (got.finish_reason, got.usage.tokens.output_tokens) == ("MAX_TOKENS", 5)
    assert once(client, stop_sequences=[" to"]).finish_reason == "STOP_SEQUENCE"


def test_embeddings(client):
    """In the types that are asked for."""
    got = client.embed(
        model="embed-v4.0",
        input_type="search_document",
        texts=["a", "b"],
        embedding_types=["float", "int8", "base64"],
        output_dimension=256,
    )
    assert [len(one) for one in got.embeddings.float_] == [256, 256]
    assert max(map(abs, got.embeddings.int8[0])) == 127
    assert len(b64decode(got.embeddings.base64[0])) == 4 * 256
    assert got.meta.billed_units.input_tokens == 2
    assert "embed-v4.0" in [model.name for model in client.models.list().models]


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"max_completion_tokens": 5}, 422),
        ({"tool_choice": "required"}, 400),
        ({"p": 1}, 400),
        ({"messages": [{"role": "user", "content": ""}]}, 400),
        ({"messages": [{"role": "developer", "content": "x"}]}, 400),
        ({"stop_sequences": ["x"] * 6}, 400),
    ],
)
def test_a_wrong_request_is_refused(simulator, members, status):
    """With a message, and nothing else to go by."""
    url = f"{simulator.url('cohere')}/v2/chat"
    body = {"model": "x", "messages": QUESTION, **members}
    got = httpx.post(url, json=body, headers={"authorization": "Bearer k"})
    assert got.status_code == status
    assert set(got.json()) == {"id", "message"}


def test_the_key_the_model_and_the_window_are_checked(simulator):
    """In the API's words."""
    url = simulator.url("strict-cohere")
    with pytest.raises(cohere.UnauthorizedError):
        once(cohere.ClientV2("wrong", base_url=url), model="x")
    right = cohere.ClientV2("right", base_url=url)
    assert once(right, model="x").message.content
    with pytest.raises(cohere.NotFoundError, match="model 'y' not found"):
        once(right, model="y")
    with pytest.raises(cohere.BadRequestError, match="too many tokens"):
        once(right, model="x", messages=[{"role": "user", "content": "word " * 100}])


def test_faults_are_coheres(client, simulator):
    """A limit, a break, an error inside a stream."""
    simulator.set_scenario(
        "cohere", ["429", "500", "insufficient_quota", "cut:2", "error_in_band:2"]
    )
    with pytest.raises(cohere.TooManyRequestsError):
        once(client)
    with pytest.raises(cohere.InternalServerError):
        once(client)
    with pytest.raises(ApiError, match="payment method"):
        once(client)
    with pytest.raises(httpx.TransportError):
        streamed(client)
    events = list(once(client, "chat_stream"))
    assert (len(events), events[-1].delta.finish_reason) == (5, "ERROR")
