"""A stream is the same however its bytes are cut, and one that ends too soon is an error."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.translate.drive import answer, ask
from tests.translate.facts import scenarios
from tests.translate.wire_formats import WIRES, sse

SCENARIOS = scenarios()
PAIRS = [(client, provider) for client in ("chat", "messages", "responses") for provider in WIRES]
RICH = ("text_and_calls", "reasoning_and_call", "unicode", "cached")


def whole(client, provider, body):
    exchange = ask(client, provider, stream=True)
    return answer(exchange, body, kind=WIRES[provider].stream_type)[1]


@pytest.mark.parametrize(("client", "provider"), PAIRS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_cut_gives_the_same_bytes(client, provider, data):
    facts = SCENARIOS[data.draw(st.sampled_from(RICH))]
    body = WIRES[provider].stream(facts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=12)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert whole(client, provider, pieces) == whole(client, provider, body)


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_byte_by_byte_gives_the_same_bytes(client, provider):
    body = WIRES[provider].stream(SCENARIOS["text_and_calls"])
    pieces = [body[n : n + 1] for n in range(len(body))]
    assert whole(client, provider, pieces) == whole(client, provider, body)


def last_needed(provider, body):
    """Where the terminal event of a stream begins."""
    if provider == "bedrock":
        return body.rindex(b"messageStop") - 20
    if provider == "anthropic_bedrock":
        return body.rindex(b"chunk") - 20
    return {
        "gemini": lambda: body.rindex(b"finishReason"),
        "cohere": lambda: body.rindex(b"event: message-end"),
        "anthropic": lambda: body.rindex(b"event: message_stop"),
    }.get(provider, lambda: body.rindex(b"data: [DONE]"))()


@pytest.mark.parametrize(("client", "provider"), PAIRS)
@pytest.mark.parametrize("name", ["text", "one_call", "reasoning"])
def test_a_stream_without_its_terminal_event_is_an_error(client, provider, name):
    body = WIRES[provider].stream(SCENARIOS[name])
    end = last_needed(provider, body)
    for cut in sorted({0, 1, end // 3, end // 2, end - 1, end}):
        exchange = ask(client, provider, stream=True)
        _, out = answer(exchange, body[:cut], kind=WIRES[provider].stream_type)
        assert exchange.machine.failure is not None, cut
        assert in_band_error(client, out), (cut, out)


def in_band_error(client, out):
    last = out.decode().rstrip("\n").split("\n\n")[-1].split("data: ")[-1]
    told = json.loads(last)
    if client == "messages":
        return told["type"] == "error" and told["error"]["type"]
    if client == "responses" and told.get("type"):
        return told["type"] == "response.failed" and told["response"]["error"]["code"]
    return told["error"]["message"]


@pytest.mark.parametrize("provider", ["vllm", "anthropic", "gemini", "bedrock"])
def test_nothing_is_said_before_the_first_content(provider):
    exchange = ask("responses", provider, stream=True)
    machine = exchange.machine
    wire = WIRES[provider]
    machine.head(200, {"content-type": wire.stream_type})
    body = wire.stream(SCENARIOS["text"])
    for n in range(len(body)):
        out = machine.feed(body[n : n + 1])
        if out:
            break
        assert not machine.begun
    assert b"response.created" in out
    assert b"output_text.delta" in out
    assert machine.begun


def test_a_failure_before_the_first_content_can_be_an_answer_of_its_own():
    exchange = ask("chat", "anthropic", stream=True)
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
    body = sse(error, "error")
    answer(exchange, body, kind="text/event-stream")
    assert not exchange.machine.begun
    head, out = exchange.machine.as_error()
    assert head.status == 503
    assert json.loads(out)["error"]["message"] == "x"
