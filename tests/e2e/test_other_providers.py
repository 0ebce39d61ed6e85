"""Providers that others have built, behind a whole gateway, asked by the official SDKs.

aimock simulates four APIs without a line of ours; llama.cpp is a real server with a model that
talks nonsense.
"""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from tests.e2e.aimock import aimock
from tests.e2e.edges import gateway
from tests.e2e.llama_server import MODEL, llama_server

pytestmark = pytest.mark.slow

SAID = "Hello from somebody else."
ARGUMENTS = {"city": "Oslo"}
FIXTURES = (
    {
        "match": {"userMessage": "weather"},
        "response": {"toolCalls": [{"name": "get_weather", "arguments": json.dumps(ARGUMENTS)}]},
    },
    {"match": {"userMessage": "hello"}, "response": {"content": SAID}},
)
TOOL = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
POLICY = """\
gatewright: v1
name: others
edge: {{ folder: edge, workers: 1 }}
providers:
  openai: {{ api: openai, key: env:PROVIDER_KEY, url: "{url}/v1" }}
  claude: {{ api: anthropic, key: env:PROVIDER_KEY, url: "{url}/v1" }}
  gemini: {{ api: gemini, key: env:PROVIDER_KEY, url: "{url}/v1beta" }}
  bedrock: {{ api: bedrock, key: env:PROVIDER_KEY, url: "{url}", aws: {{ region: us-east-1 }} }}
models:
  openai: {{ targets: [openai/gpt-4o] }}
  claude: {{ targets: [claude/claude-sonnet-4-5] }}
  gemini: {{ targets: [gemini/gemini-2.5-flash] }}
  bedrock: {{ targets: ["bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"] }}
routes: [{{ match: /v1, serve: llm, auth: none }}]
"""
KINDS = ("openai", "claude", "gemini", "bedrock")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("others")
    with (
        aimock(folder, FIXTURES) as other,
        gateway(folder, POLICY.format(url=other.url), edges=1, providers=()) as running,
    ):
        yield running.urls()[0]


def by_chat(url, model, prompt, *, stream, tools=()):
    """Text, and the arguments of calls."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0)
    functions = [{"name": name, "parameters": TOOL} for name in tools]
    more = {"tools": [{"type": "function", "function": one} for one in functions]} if tools else {}
    asked = {"model": model, "messages": [{"role": "user", "content": prompt}], **more}
    if not stream:
        message = client.chat.completions.create(**asked).choices[0].message
        calls = [json.loads(call.function.arguments) for call in message.tool_calls or ()]
        return message.content or "", calls
    text, pieces = "", []
    for chunk in client.chat.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            pieces += [call.function.arguments for call in choice.delta.tool_calls or ()]
    return text, [json.loads("".join(pieces))] if pieces else []


def by_messages(url, model, prompt, *, stream, tools=()):
    client = anthropic.Anthropic(base_url=url, api_key="x", max_retries=0)
    more = {"tools": [{"name": name, "input_schema": TOOL} for name in tools]} if tools else {}
    messages = [{"role": "user", "content": prompt}]
    asked = {"model": model, "max_tokens": 100, "messages": messages, **more}
    if stream:
        with client.messages.stream(**asked) as events:
            message = events.get_final_message()
    else:
        message = client.messages.create(**asked)
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, [block.input for block in message.content if block.type == "tool_use"]


both = pytest.mark.parametrize("ask", [by_chat, by_messages])
ways = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@ways
@both
@pytest.mark.parametrize("model", KINDS)
def test_words_of_another_simulation(url, model, ask, stream):
    """Both SDKs read what four APIs said, though nobody here wrote how they say it."""
    assert ask(url, model, "hello", stream=stream) == (SAID, [])


@ways
@both
@pytest.mark.parametrize("model", KINDS)
def test_tools_of_another_simulation(url, model, ask, stream):
    """A call with its arguments whole."""
    _, calls = ask(url, model, "weather", stream=stream, tools=["get_weather"])
    assert calls == [ARGUMENTS]


@ways
@both
def test_a_real_server(tmp_path, ask, stream):
    """llama.cpp says something, to both SDKs, plain and streamed."""
    with llama_server(tmp_path) as server:
        policy = (
            "gatewright: v1\nname: real\nedge: { folder: edge, workers: 1 }\n"
            "providers:\n"
            f'  llama: {{ api: openai, dialect: llamacpp, url: "{server.url}/v1" }}\n'
            f"models: {{ nonsense: {{ targets: [llama/{MODEL}] }} }}\n"
            "routes: [{ match: /v1, serve: llm, auth: none }]\n"
        )
        with gateway(tmp_path, policy, edges=1, providers=()) as running:
            text, calls = ask(running.urls()[0], "nonsense", "hello", stream=stream)
    assert text
    assert calls == []
