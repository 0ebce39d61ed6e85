"""A chain goes on for the causes that its model lists, and for no other."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from compiler.plan_llm import Api, Trigger
from compiler.plan_policies import Applied
from policies.outliers import OutlierPlan
from tests.e2e.llm_gateway import AT, Gateway, gateway, model, plan, provider
from tests.e2e.llm_upstream import (
    Answer,
    Behaviour,
    Hang,
    Reset,
    Upstream,
    anthropic_error,
    chat,
    message,
    openai_error,
    upstream,
)

TOO_LONG = (
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 "
    "tokens. Please reduce the length of the messages."
)
CAUSES: dict[str, Behaviour] = {
    "429": openai_error(429, "Rate limit reached"),
    "500": openai_error(500, "The server had an error"),
    "502": Answer(502, b"<html>bad gateway</html>", "text/html"),
    "503": openai_error(503, "The engine is currently overloaded"),
    "504": openai_error(504, "Gateway timeout"),
    "529": openai_error(529, "Overloaded"),
    "400": openai_error(400, "Invalid value for 'temperature'"),
    "401": openai_error(401, "Incorrect API key provided", "invalid_api_key"),
    "403": openai_error(403, "Country not supported"),
    "404": openai_error(404, "The model does not exist", "model_not_found"),
    "context": openai_error(400, TOO_LONG, "context_length_exceeded"),
    "filter": openai_error(400, "The response was filtered", "content_filter"),
    "hang": Hang,
    "reset": Reset,
}
GOES_ON: dict[Trigger, set[str]] = {
    Trigger.RATE_LIMITED: {"429"},
    Trigger.OVERLOADED: {"503", "529"},
    Trigger.SERVER_ERROR: {"500", "502", "503", "504", "529"},
    # Envoy resets a late attempt, and knows one word for all resets.
    Trigger.TIMEOUT: {"hang", "reset", "refused"},
    Trigger.CONNECT_FAILURE: {"reset", "refused"},
    Trigger.CONTEXT_EXCEEDED: {"context"},
    Trigger.CONTENT_FILTER: {"filter"},
}
ATTEMPT = timedelta(milliseconds=400)
WHOLE = timedelta(milliseconds=1200)


@dataclass(frozen=True, slots=True)
class Chain:
    gateway: Gateway
    first: Upstream
    second: Upstream


def closed_port() -> int:
    """A port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with upstream() as first, upstream() as second:
        models = [
            model(
                f"{trigger}{kind}",
                f"{start}/a",
                "second/b",
                on=(trigger,),
                attempt_timeout=ATTEMPT,
                timeout=WHOLE,
            )
            for trigger in Trigger
            for kind, start in (("", "first"), ("-refused", "closed"))
        ]
        providers = [
            provider("first", first),
            provider("second", second),
            provider("closed", closed_port()),
        ]
        with gateway(plan(providers, models)) as running:
            yield Chain(running, first, second)


@pytest.mark.parametrize("cause", [*CAUSES, "refused"])
@pytest.mark.parametrize("trigger", list(Trigger))
def test_only_a_listed_cause_goes_on_to_the_next_target(chain, trigger, cause):
    """The second target is asked exactly where the cause is one that the trigger's word names."""
    chain.first.requests.clear()
    chain.second.requests.clear()
    name = trigger.value
    if cause == "refused":
        name += "-refused"
    else:
        chain.first.answer(CAUSES[cause])
    answer = chain.gateway.chat(name)
    if cause in GOES_ON[trigger]:
        assert answer.status_code == 200
        assert answer.headers["x-gatewright-target"] == "second/b"
        assert answer.headers["x-gatewright-attempts"] == "2"
        assert len(chain.second.requests) == 1
    else:
        assert answer.status_code >= 400
        assert chain.second.requests == []
        behaviour = CAUSES.get(cause)
        if isinstance(behaviour, Answer):
            assert answer.status_code == behaviour.status
            assert answer.content == behaviour.body


def test_when_all_targets_refuse_the_client_gets_the_last_one_s_own_answer():
    """Status, body and type are the last target's, not the first's, and not Envoy's."""
    last = openai_error(429, "the last one's own words")
    with (
        upstream(openai_error(503, "first")) as first,
        upstream(openai_error(400, TOO_LONG, "context_length_exceeded")) as second,
        upstream(last) as third,
    ):
        on = (Trigger.RATE_LIMITED, Trigger.OVERLOADED, Trigger.CONTEXT_EXCEEDED)
        chained = model("fast", "a/x", "b/y", "c/z", on=on)
        providers = [provider("a", first), provider("b", second), provider("c", third)]
        with gateway(plan(providers, [chained])) as running:
            answer = running.chat()
            assert (answer.status_code, answer.content) == (429, last.body)
            assert answer.headers["x-gatewright-target"] == "c/z"
            assert answer.headers["x-gatewright-attempts"] == "3"
            third.answer(openai_error(400, TOO_LONG, "context_length_exceeded"))
            answer = running.chat()
            assert (answer.status_code, answer.json()["error"]["message"]) == (400, TOO_LONG)
            assert "x-gatewright-retry" not in answer.headers
            assert [len(u.requests) for u in (first, second, third)] == [2, 2, 2]


@pytest.mark.parametrize(
    "text",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease",
    ],
)
def test_anthropic_s_words_for_a_prompt_that_is_too_long(text):
    """Both of Anthropic's messages make a chain go on."""
    refusal = anthropic_error(400, "invalid_request_error", text)
    with upstream(refusal) as first, upstream(message()) as second:
        chained = model("smart", "a/x", "b/y", on=(Trigger.CONTEXT_EXCEEDED,), api=Api.ANTHROPIC)
        providers = [provider("a", first, Api.ANTHROPIC), provider("b", second, Api.ANTHROPIC)]
        with gateway(plan(providers, [chained])) as running:
            answer = running.messages()
            assert answer.status_code == 200
            assert answer.headers["x-gatewright-target"] == "b/y"


@pytest.mark.parametrize(
    ("content", "reason", "target"),
    [
        (None, "content_filter", "b/y"),
        ("He", "content_filter", "a/x"),
        pytest.param(None, "stop", "a/x", marks=pytest.mark.slow),
    ],
)
def test_an_answer_that_a_filter_has_kept_from_saying_anything(content, reason, target):
    """A whole answer without a word, for the filter's sake, makes a chain go on; else it passes."""
    refusal = json.loads(chat().body)
    refusal["choices"][0]["message"]["content"] = content
    refusal["choices"][0]["finish_reason"] = reason
    body = json.dumps(refusal).encode()
    with upstream(Answer(body=body)) as first, upstream(chat()) as second:
        chained = model("fast", "a/x", "b/y", on=(Trigger.CONTENT_FILTER,))
        with gateway(plan([provider("a", first), provider("b", second)], [chained])) as running:
            answer = running.chat()
            assert answer.headers["x-gatewright-target"] == target
            if target == "a/x":
                assert answer.content == body
            assert running.last_line()["gen_ai.usage.output_tokens"] == 5


@pytest.mark.slow
def test_an_answer_of_any_size_passes_whatever_a_chain_goes_on_for():
    """What is held to be read is not bounded by what Envoy holds for connections."""
    large = chat("x" * 5_000_000)
    with upstream(large) as first, upstream(chat()) as second:
        chained = model("fast", "a/x", "b/y", on=(Trigger.CONTENT_FILTER,))
        with gateway(plan([provider("a", first), provider("b", second)], [chained])) as running:
            assert running.chat().content == large.body


def test_an_upstream_s_own_envoy_cannot_forbid_the_fallback():
    """`x-envoy-overloaded` of a provider that is itself behind an Envoy does not stop the chain."""
    refusal = Answer(
        503, b"{}", headers=(("x-envoy-overloaded", "true"), ("x-envoy-ratelimited", "true"))
    )
    with upstream(refusal) as first, upstream(chat()) as second:
        chained = model("fast", "a/x", "b/y", on=(Trigger.OVERLOADED,))
        with gateway(plan([provider("a", first), provider("b", second)], [chained])) as running:
            assert running.chat().headers["x-gatewright-target"] == "b/y"


def test_a_client_cannot_order_other_retries():
    """`x-envoy-*` headers of a client change neither when nor how often a chain goes on."""
    with upstream(openai_error(500, "broken")) as first, upstream(chat()) as second:
        chained = model("fast", "a/x", "b/y", on=(Trigger.RATE_LIMITED,))
        with gateway(plan([provider("a", first), provider("b", second)], [chained])) as running:
            answer = running.post(
                "/v1/chat/completions",
                {"model": "fast", "messages": []},
                headers={
                    "x-envoy-retry-on": "5xx",
                    "x-envoy-max-retries": "5",
                    "x-envoy-retriable-status-codes": "500",
                    "x-envoy-upstream-rq-timeout-ms": "1",
                },
            )
            assert answer.status_code == 500
            assert (len(first.requests), second.requests) == (1, [])


def test_outlier_ejection_does_not_end_a_chain():
    """A provider with one address that fails all the time is still left for the next one."""
    ejects = OutlierPlan(
        consecutive_5xx=1,
        consecutive_gateway_errors=1,
        interval=timedelta(milliseconds=100),
        eject_for=timedelta(seconds=30),
        max_ejected=100,
    )
    with upstream(openai_error(503, "down")) as first, upstream() as second:
        chained = model("fast", "a/x", "b/y", on=(Trigger.OVERLOADED,))
        providers = [
            provider("a", first, policies=(Applied("outliers", ejects, AT),)),
            provider("b", second),
        ]
        with gateway(plan(providers, [chained])) as running:
            for _ in range(6):
                assert running.chat().headers["x-gatewright-target"] == "b/y"
            ejected = running.envoy.stats("cluster.llm/a/x.outlier_detection.ejections_active")
            assert list(ejected.values()) == [1]
