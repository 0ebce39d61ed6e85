"""Every client before a real llama.cpp server, whose tiny random model talks nonsense.

What it says is of no matter; that it is a server which nobody wrote for these tests is. Where a
grammar binds it, even nonsense is a call of a tool, or an answer in a shape.
"""

from __future__ import annotations

import json
import re

import anthropic
import openai
import pytest
import yaml

from tests.e2e.edges import gateway
from tests.e2e.llama_server import MODEL, llama_server
from tests.e2e.matrix.questions import CLIENTS, TALKERS
from tests.e2e.matrix.running import sdks_at
from tests.e2e.matrix.spoken import speak

pytestmark = pytest.mark.slow

MODELS = ("mended", "as-it-is")
"""The same server, by a dialect and as if it were OpenAI."""
SHAPE = {
    "type": "object",
    "properties": {"mood": {"enum": ["glad", "sad"]}, "sure": {"type": "boolean"}},
    "required": ["mood", "sure"],
    "additionalProperties": False,
}
ASKED = [{"role": "user", "content": "Say something"}]
plain_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
each_model = pytest.mark.parametrize("model", MODELS)


@pytest.fixture(scope="module")
def sdks(tmp_path_factory):
    with llama_server(tmp_path_factory.mktemp("llama")) as server:
        api = {"api": "openai", "url": f"{server.url}/v1", "trust": "internal"}
        policy = {
            "gatewright": "v1",
            "name": "llama",
            "edge": {"folder": "edge", "workers": 1},
            "providers": {"mended": {**api, "dialect": "llamacpp"}, "as-it-is": api},
            "models": {name: {"targets": [f"{name}/{MODEL}"]} for name in MODELS},
            "routes": [{"name": "llm", "match": "/v1", "auth": "none", "serve": "llm"}],
        }
        folder = tmp_path_factory.mktemp("gateway")
        written = yaml.safe_dump(policy, sort_keys=False)
        with gateway(folder, written, edges=1, providers=()) as running:
            yield sdks_at(running.urls()[0])


@plain_and_streamed
@pytest.mark.parametrize("client", CLIENTS)
@each_model
def test_words(sdks, model, client, stream):
    """Something is said, in printable characters, and no more than was allowed."""
    said = speak(sdks, client, model, "Say something", stream=stream, most=20)
    assert re.fullmatch(r"[ -~\n]{1,40}", said.text), said
    assert said.calls == ()


@plain_and_streamed
@each_model
def test_usage(sdks, model, stream):
    """Both SDKs are told the same of the same answer."""
    chat = sdks.openai.chat.completions.create
    asked = {"model": model, "messages": ASKED, "max_tokens": 12}
    if stream:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        usage = next(chunk.usage for chunk in chat(**asked, **options) if chunk.usage)
        with sdks.anthropic.messages.stream(**asked) as events:
            message = events.get_final_message()
    else:
        usage = chat(**asked).usage
        message = sdks.anthropic.messages.create(**asked)
    assert usage.completion_tokens == message.usage.output_tokens == 12
    read = message.usage.cache_read_input_tokens or 0
    assert usage.prompt_tokens == message.usage.input_tokens + read > 10
    assert message.stop_reason == "max_tokens"


@pytest.mark.parametrize("client", TALKERS)
def test_an_answer_in_a_shape(sdks, client):
    """The client's own word for it becomes the server's grammar."""
    named = {"name": "mood", "schema": SHAPE, "strict": True}
    if client == "chat":
        shape = {"type": "json_schema", "json_schema": named}
        got = sdks.openai.chat.completions.create(
            model="mended", messages=ASKED, max_tokens=200, response_format=shape
        )
        text = got.choices[0].message.content
    elif client == "responses":
        got = sdks.openai.responses.create(
            model="mended",
            input="Say something",
            max_output_tokens=200,
            text={"format": {"type": "json_schema", **named}},
        )
        text = got.output_text
    else:
        got = sdks.anthropic.messages.create(
            model="mended",
            messages=ASKED,
            max_tokens=200,
            output_config={"format": {"type": "json_schema", "schema": SHAPE}},
        )
        text = got.content[0].text
    value = json.loads(text)
    assert value["mood"] in ("glad", "sad")
    assert isinstance(value["sure"], bool)


@each_model
def test_a_prompt_that_is_too_long(sdks, model):
    """The server's own words for it are the exception that clients know, with the code."""
    long = [{"role": "user", "content": "x" * 20_000}]
    with pytest.raises(openai.BadRequestError) as raised:
        sdks.openai.chat.completions.create(model=model, messages=long)
    if model == "mended":
        assert raised.value.code == "context_length_exceeded"
    with pytest.raises(anthropic.BadRequestError) as refused:
        sdks.anthropic.messages.create(model=model, messages=long, max_tokens=9)
    assert refused.value.body["error"]["type"] == "invalid_request_error"


def test_a_client_that_leaves(sdks):
    """It is not answered on: the server has its place free for the next one."""
    chat = sdks.openai.chat.completions.create
    for _ in range(4):
        with chat(model="mended", messages=ASKED, max_tokens=3000, stream=True) as stream:
            next(iter(stream))
    assert speak(sdks, TALKERS[0], "mended", "Say something", most=5).text
