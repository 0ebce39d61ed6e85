"""The official SDKs, unmodified, through the gateway: plain, streaming, and after a fallback."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest

from compiler.plan_llm import Api, Trigger
from tests.e2e.llm_gateway import Gateway, gateway, model, plan, provider
from tests.e2e.llm_upstream import (
    Answer,
    Recorded,
    anthropic_error,
    anthropic_stream,
    chat,
    chat_chunk,
    message,
    openai_error,
    sse,
    upstream,
)

STREAM = "text/event-stream"
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
MESSAGES = [{"role": "user", "content": "hi"}]


def good_openai(request: Recorded) -> Answer:
    if request.json.get("stream"):
        events = (
            chat_chunk("hel"),
            chat_chunk("lo", finish="stop"),
            chat_chunk(None, usage=USAGE),
        )
        return Answer(content_type=STREAM, chunks=sse(*events))
    return chat("hello")


def good_anthropic(request: Recorded) -> Answer:
    if request.json.get("stream"):
        return Answer(content_type=STREAM, chunks=anthropic_stream())
    return message("hello")


@pytest.fixture(scope="module")
def running() -> Iterator[Gateway]:
    with (
        upstream(openai_error(429, "slow")) as full,
        upstream() as one,
        upstream(anthropic_error(529, "overloaded_error", "Overloaded")) as busy,
        upstream() as two,
    ):
        one.behave = good_openai
        two.behave = good_anthropic
        models = [
            model("fast", "full/x", "one/y", on=(Trigger.RATE_LIMITED,)),
            model("smart", "busy/x", "two/y", on=(Trigger.OVERLOADED,), api=Api.ANTHROPIC),
        ]
        providers = [
            provider("full", full),
            provider("one", one),
            provider("busy", busy, Api.ANTHROPIC),
            provider("two", two, Api.ANTHROPIC),
        ]
        with gateway(plan(providers, models)) as found:
            yield found


@pytest.fixture
def openai_sdk(running) -> Iterator[openai.OpenAI]:
    base = running.envoy.url("public") + "/v1"
    with openai.OpenAI(base_url=base, api_key="client-key", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_sdk(running) -> Iterator[anthropic.Anthropic]:
    base = running.envoy.url("public")
    with anthropic.Anthropic(base_url=base, api_key="client-key", max_retries=0) as client:
        yield client


def test_openai_plain(openai_sdk):
    """An answer of the second target, whole."""
    answer = openai_sdk.chat.completions.create(model="fast", messages=MESSAGES)
    assert answer.choices[0].message.content == "hello"
    assert answer.usage.prompt_tokens == 12


@pytest.mark.parametrize("asked", [False, True])
def test_openai_streaming(openai_sdk, asked):
    """All content arrives; usage arrives where it was asked for, and nowhere else."""
    options = {"stream_options": {"include_usage": True}} if asked else {}
    stream = openai_sdk.chat.completions.create(
        model="fast", messages=MESSAGES, stream=True, **options
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "hello"
    assert [c.usage.total_tokens for c in chunks if c.usage] == ([11] if asked else [])
    assert all(c.choices for c in chunks) is not asked


def test_anthropic_plain(anthropic_sdk):
    """An answer of the second target, whole."""
    answer = anthropic_sdk.messages.create(model="smart", max_tokens=9, messages=MESSAGES)
    assert answer.content[0].text == "hello"
    assert answer.usage.input_tokens == 10


def test_anthropic_streaming(anthropic_sdk):
    """The SDK's own accumulator puts the message together."""
    with anthropic_sdk.messages.stream(model="smart", max_tokens=9, messages=MESSAGES) as stream:
        assert "".join(stream.text_stream) == "hello"
        final = stream.get_final_message()
    assert (final.usage.input_tokens, final.usage.output_tokens) == (10, 6)


def test_anthropic_beta(anthropic_sdk):
    """The beta client's `?beta=true` reaches the provider."""
    answer = anthropic_sdk.beta.messages.create(
        model="smart", max_tokens=9, messages=MESSAGES, betas=["some-beta-2025-01-01"]
    )
    assert answer.content[0].text == "hello"
