"""Large bodies and many requests: what is buffered, replayed, drawn and retried."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from compiler.plan_llm import Trigger
from tests.e2e.llm_gateway import gateway, model, plan, provider, target
from tests.e2e.llm_upstream import Answer, chat, openai_error, upstream

MIB = 1 << 20


def test_five_megabytes_are_replayed_to_the_next_target():
    """The whole body reaches both targets, each with its own model's name in it."""
    with upstream(openai_error(429, "slow")) as first, upstream() as second:
        chained = model("fast", "a/gpt-a", "b/gpt-b", on=(Trigger.RATE_LIMITED,))
        with gateway(plan([provider("a", first), provider("b", second)], [chained])) as running:
            content = 'x\\"\u00e9' * MIB
            answer = running.chat(messages=[{"role": "user", "content": content}])
            assert answer.status_code == 200
            assert answer.headers["x-gatewright-target"] == "b/gpt-b"
            for one, name in ((first, "gpt-a"), (second, "gpt-b")):
                (request,) = one.requests
                assert len(request.body) > 5 * MIB
                assert request.json["model"] == name
                assert request.json["messages"][0]["content"] == content


def test_a_body_without_a_length_is_sent_with_one():
    """A chunked request is read, edited, and sent with its content-length."""
    with (
        upstream() as one,
        gateway(plan([provider("a", one)], [model("fast", "a/x")])) as running,
    ):
        body = json.dumps({"model": "fast", "messages": []}).encode()
        answer = running.client.post(
            "/v1/chat/completions",
            content=(body[i : i + 5] for i in range(0, len(body), 5)),
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 200
        assert one.requests[0].headers["content-length"] == str(len(one.requests[0].body))
        assert "transfer-encoding" not in one.requests[0].headers


def test_the_default_limit_is_thirty_two_mebibytes():
    """Below it a body passes; above it the client is told so."""
    with (
        upstream() as one,
        gateway(plan([provider("a", one)], [model("fast", "a/x")])) as running,
    ):
        assert running.chat(padding="x" * (31 * MIB)).status_code == 200
        assert running.chat(padding="x" * (33 * MIB)).status_code == 413


def test_a_long_answer_is_not_held_back():
    """An answer larger than any buffer of Envoy's passes whole."""
    body = json.dumps({"choices": [], "padding": "x" * (20 * MIB)}).encode()
    with (
        upstream(Answer(body=body)) as one,
        gateway(plan([provider("a", one)], [model("fast", "a/x")])) as running,
    ):
        assert running.chat().content == body


@pytest.mark.parametrize("chained", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_weights_draw_targets(chained):
    """90/10 over 1,500 requests is within 3 points, in a split and in a group of a chain."""
    with upstream() as one, upstream() as two, upstream(openai_error(503, "full")) as full:
        group = (target("a/x", weight=90), target("b/y", weight=10))
        made = (
            model("fast", "full/z", group, on=(Trigger.OVERLOADED,))
            if chained
            else model("fast", group)
        )
        providers = [provider("a", one), provider("b", two), provider("full", full)]
        with gateway(plan(providers, [made])) as running, ThreadPoolExecutor(8) as pool:
            served = Counter(
                answer.headers["x-gatewright-target"]
                for answer in pool.map(lambda _: running.chat(), range(1500))
            )
            assert set(served) == {"a/x", "b/y"}
            assert 0.87 <= served["a/x"] / 1500 <= 0.93


def test_every_request_may_retry_at_once():
    """While the first target is down, all requests go on: no budget of retries refuses them."""
    with upstream(openai_error(429, "slow")) as first, upstream() as second:
        chained = model("fast", "a/x", "b/y", on=(Trigger.RATE_LIMITED,))
        made = plan([provider("a", first), provider("b", second)], [chained])
        with gateway(made) as running, ThreadPoolExecutor(32) as pool:
            statuses = Counter(
                answer.status_code for answer in pool.map(lambda _: running.chat(), range(400))
            )
            assert statuses == {200: 400}
            overflow = running.envoy.stats("upstream_rq_retry_overflow")
            assert set(overflow.values()) <= {0}


def test_answers_of_concurrent_streams_do_not_mix():
    """Each of many requests at once gets the answer to its own body."""
    with upstream() as one:
        one.behave = lambda request: chat(request.json["messages"][0]["content"])
        with (
            gateway(plan([provider("a", one)], [model("fast", "a/x")])) as running,
            ThreadPoolExecutor(16) as pool,
        ):

            def ask(number: int) -> str:
                messages = [{"role": "user", "content": f"number {number}"}]
                answer = running.chat(messages=messages).json()
                return str(answer["choices"][0]["message"]["content"])

            assert list(pool.map(ask, range(200))) == [f"number {n}" for n in range(200)]
