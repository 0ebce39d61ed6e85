"""Every scenario, as every provider writes it, reads the same through every client's own SDK."""

from __future__ import annotations

import pytest

from tests.translate import sdk
from tests.translate.drive import answer, ask
from tests.translate.facts import Facts, scenarios
from tests.translate.wire_formats import JSON, WIRES

SCENARIOS = scenarios()
CLIENTS = ("chat", "messages", "responses", "completions")


def expected(facts: Facts, provider: str, client: str) -> Facts:
    """What is left of the facts when a provider has said them and a client has heard them."""
    told = WIRES[provider].said(facts)
    if client == "messages":
        return told
    if told.finish == "stop_sequence":
        told = told.but(finish="stop")
    if client == "completions":
        finish = "stop" if told.finish == "tool_calls" else told.finish
        return told.but(reasoning="", signature="", redacted="", calls=(), finish=finish)
    return told


def same_api(provider: str, client: str) -> bool:
    """Whether the answer is passed on instead of translated."""
    if client in ("responses", "completions"):
        return provider in ("openai", "azure", "vllm")
    return (client == "messages") == provider.startswith("anthropic") and provider not in (
        "bedrock",
        "gemini",
        "cohere",
    )


CASES = [
    (name, provider, client, stream)
    for name in SCENARIOS
    for provider in WIRES
    for client in CLIENTS
    for stream in (False, True)
    if not same_api(provider, client)
]


@pytest.mark.parametrize(("name", "provider", "client", "stream"), CASES)
def test_an_answer_says_what_the_provider_said(name, provider, client, stream):
    facts, wire = SCENARIOS[name], WIRES[provider]
    exchange = ask(client, provider, stream=stream)
    body = wire.stream(facts) if stream else wire.whole(facts)
    head, out = answer(
        exchange,
        body,
        kind=wire.stream_type if stream else JSON,
        headers={"x-amzn-requestid": "up1"},
    )
    assert exchange.machine.failure is None
    got = sdk.read(client, stream=stream, status=head.status, headers=head.headers, body=out)
    assert got == expected(facts, provider, client)


def test_the_corpus_is_large():
    assert len(CASES) > 500
