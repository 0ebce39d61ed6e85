"""Mistral's official SDK parses what the simulator answers, plain and streamed."""

from __future__ import annotations

import json
import re

import httpx
import httpx2
import pytest
from mistralai.client import Mistral, errors

from simulator.config import Config, Provider
from simulator.running import start_in_thread
from tests.simulator.test_openai_sdk import QUESTION, tool

TOOLS = [tool("sky"), tool("sea")]


@pytest.fixture(scope="module")
def running():
    providers = (
        Provider("mistral", "mistral"),
        Provider("strict-mistral", "mistral", key="right", models=("x",), context_window=40),
    )
    with start_in_thread(Config(providers=providers)) as simulator:
        yield simulator


@pytest.fixture
def mistral(simulator):
    with Mistral(api_key="any", server_url=simulator.url("mistral")) as client:
        yield client


@pytest.fixture
def post(simulator):
    def send(body, key="any", name="mistral"):
        url = f"{simulator.url(name)}/v1/chat/completions"
        headers = {"authorization": f"Bearer {key}"}
        return httpx.post(url, json={"model": "x", "messages": QUESTION, **body}, headers=headers)

    return send


def ask(client, **members):
    return client.chat.complete(
        **{"model": "mistral-large-latest", "messages": QUESTION, **members}
    )


def streamed(client, **members):
    asked = {"model": "mistral-large-latest", "messages": QUESTION, **members}
    with client.chat.stream(**asked) as events:
        return [event.data for event in events]


def test_a_plain_answer(mistral):
    """The text quotes the question; the usage adds up."""
    got = ask(mistral)
    assert "What is a gateway?" in got.choices[0].message.content
    assert got.choices[0].finish_reason == "stop"
    assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens


def test_a_stream_tells_its_usage_unasked(mistral, simulator):
    """In the chunk that ends it; a chunk is a token, and that is what is billed."""
    chunks = streamed(mistral)
    said = [chunk.choices[0].delta.content for chunk in chunks]
    assert "What is a gateway?" in "".join(said)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == len([one for one in said if one])
    simulator.wait_idle()
    assert simulator.requests[0].billed.output_tokens == chunks[-1].usage.completion_tokens


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("auto", ["sky", "sea"]),
        ("any", ["sky", "sea"]),
        ("none", []),
        ({"type": "function", "function": {"name": "sea"}}, ["sea"]),
    ],
)
def test_tools_are_called_as_chosen(mistral, choice, names, stream):
    """A streamed call comes whole; ids are nine letters and digits."""
    if stream:
        deltas = [c.choices[0].delta for c in streamed(mistral, tools=TOOLS, tool_choice=choice)]
        calls = [call for delta in deltas for call in delta.tool_calls or ()]
    else:
        got = ask(mistral, tools=TOOLS, tool_choice=choice)
        calls = got.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == names
    assert all(re.fullmatch("[0-9a-zA-Z]{9}", call.id) for call in calls)
    assert all(json.loads(call.function.arguments)["city"] == "city" for call in calls)


def test_after_the_tools_results_comes_text(mistral):
    """And only an assistant may speak after them."""
    call = ask(mistral, tools=TOOLS[:1]).choices[0].message
    result = {"role": "tool", "content": "sunny", "tool_call_id": call.tool_calls[0].id}
    history = [*QUESTION, call, result]
    assert ask(mistral, messages=history, tools=TOOLS).choices[0].message.content
    with pytest.raises(errors.SDKError, match="Unexpected role 'user' after role 'tool'"):
        ask(mistral, messages=[*history, *QUESTION])


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_comes_in_parts(mistral, stream):
    """A part of its own before the text."""
    if stream:
        contents = [c.choices[0].delta.content for c in streamed(mistral, reasoning_effort="high")]
        parts = [part for content in contents if isinstance(content, list) for part in content]
        assert len(parts) > 100
        assert any(isinstance(content, str) and content for content in contents)
    else:
        parts = ask(mistral, reasoning_effort="high").choices[0].message.content
        assert parts[1].text.startswith("Simulated answer")
    assert parts[0].type == "thinking"
    assert parts[0].thinking[0].text


def test_structure_limits_and_stops(mistral):
    """A schema is fitted, a limit and a stop sequence are kept."""
    schema = TOOLS[0]["function"]["parameters"]
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    text = ask(mistral, response_format=form).choices[0].message.content
    assert set(json.loads(text)) == {"city", "days", "unit"}
    got = ask(mistral, max_tokens=5)
    assert (got.choices[0].finish_reason, got.usage.completion_tokens) == ("length", 5)
    assert ask(mistral, stop=" to").choices[0].message.content.endswith(")")


def test_embeddings_and_models(mistral):
    """Vectors of the size that is asked for, and a catalogue."""
    got = mistral.embeddings.create(model="mistral-embed", inputs=["a", "b"])
    assert [len(one.embedding) for one in got.data] == [1024, 1024]
    got = mistral.embeddings.create(model="codestral-embed", inputs="a", output_dimension=8)
    assert len(got.data[0].embedding) == 8
    assert "mistral-embed" in [model.id for model in mistral.models.list().data]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"max_completion_tokens": 5}, ["body", "max_completion_tokens"]),
        ({"stream": True, "stream_options": {}}, ["body", "stream_options"]),
        ({"seed": 1}, ["body", "seed"]),
        (
            {"messages": [{"role": "user", "content": "x", "name": "y"}]},
            ["body", "messages", 0, "user", "name"],
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "x"}}]},
            ["body", "tools", 0, "function", "parameters"],
        ),
    ],
)
def test_what_the_schema_lacks_is_422(post, members, place):
    """In the words of pydantic, inside the message, as the service has it."""
    got = post(members)
    assert got.status_code == 422
    assert got.json()["message"]["detail"][0]["loc"] == place


def test_ids_of_calls_are_checked(post):
    """Those of other providers are too long."""
    call = {"id": "call_123", "function": {"name": "sky", "arguments": "{}"}}
    got = post({"messages": [*QUESTION, {"role": "assistant", "tool_calls": [call]}]})
    assert (got.status_code, got.json()["code"]) == (400, "3280")


def test_the_key_the_model_and_the_window_are_checked(post):
    """A window that the answer fills ends it with `model_length`."""
    assert post({}, "wrong", "strict-mistral").json() == {"detail": "Unauthorized"}
    got = post({"model": "y"}, "right", "strict-mistral")
    assert (got.status_code, got.json()["code"]) == (400, "1500")
    got = post({}, "right", "strict-mistral").json()
    assert got["choices"][0]["finish_reason"] == "model_length"
    assert got["usage"]["total_tokens"] == 40
    long = [{"role": "user", "content": "word " * 100}]
    got = post({"messages": long}, "right", "strict-mistral")
    assert "too large for model with 40 maximum context length" in got.json()["message"]


def test_faults_are_mistrals(mistral, simulator):
    """A limit, a break, an error inside a stream."""
    simulator.set_scenario("mistral", ["429", "500", "cut:2", "error_in_band:2"])
    with pytest.raises(errors.SDKError, match="Rate limit exceeded"):
        ask(mistral, retries=None)
    with pytest.raises(errors.SDKError, match="Internal server error"):
        ask(mistral, retries=None)
    with pytest.raises(httpx2.TransportError):
        streamed(mistral)
    with pytest.raises(errors.ResponseValidationError):
        streamed(mistral)
