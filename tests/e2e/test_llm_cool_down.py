"""A target that fails several times in a row is passed by for a while, and then asked again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import trustme

from compiler.plan_accounts import Edge
from compiler.plan_llm import Api, CoolDown, Endpoint, Speech, Trigger, Url
from tests.e2e.llm_gateway import Gateway, gateway, model, plan, provider
from tests.e2e.llm_upstream import Upstream, anthropic_error, chat, openai_error, upstream
from tests.e2e.recording_processor import Attempt, Change, processor
from tests.e2e.test_llm_tls import ROOTS, secure, tls_front
from xds.edge import attempt

AFTER = CoolDown(after=2, period=timedelta(milliseconds=700))
DOWN = openai_error(503, "down")


@dataclass(frozen=True, slots=True)
class Cooling:
    gateway: Gateway
    first: Upstream
    second: Upstream


@contextmanager
def chain(host: str) -> Iterator[Cooling]:
    """A chain whose first provider cools down, and models with one provider alone."""
    with upstream(DOWN) as first, upstream() as second:
        at = Url("http", host, first.port, "/v1")
        models = [
            # It goes on for another cause than the one that makes it cool down.
            model("chain", "first/a", "second/b", on=(Trigger.RATE_LIMITED,)),
            model("alone", "first/a"),
            model("claude", "claude/c", api=Api.ANTHROPIC),
        ]
        providers = [
            provider("first", first, url=at, cool_down=AFTER),
            provider("claude", first, Api.ANTHROPIC, url=at, cool_down=AFTER),
            provider("second", second),
        ]
        with gateway(plan(providers, models)) as running:
            yield Cooling(running, first, second)


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost"])
def cooling(request) -> Iterator[Cooling]:
    with chain(request.param) as made:
        yield made


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)  # between two looks


def test_a_target_that_cools_down_is_not_asked(cooling):
    """After two failures in a row requests go to the next target, and back when time is over."""
    cooling.first.answer(DOWN)
    until(lambda: cooling.gateway.chat("chain").headers["x-gatewright-target"] == "second/b")
    asked = len(cooling.first.requests)
    began = time.monotonic()
    for _ in range(5):
        answer = cooling.gateway.chat("chain")
        assert answer.status_code == 200
        assert answer.headers["x-gatewright-target"] == "second/b"
        assert answer.headers["x-gatewright-attempts"] == "2"
        assert "x-gatewright-retry" not in answer.headers
    assert time.monotonic() - began < AFTER.period.total_seconds()
    assert len(cooling.first.requests) == asked
    cooling.first.answer(chat())
    until(lambda: cooling.gateway.chat("chain").headers["x-gatewright-target"] == "first/a")


@pytest.mark.parametrize("name", ["alone", "claude"])
def test_without_another_target_the_client_is_told_so(cooling, name):
    """503 in the client's schema, and the provider has its rest."""
    limited = openai_error(429, "slow") if name == "alone" else anthropic_error(429, "x", "slow")
    cooling.first.answer(limited)
    ask = cooling.gateway.chat if name == "alone" else cooling.gateway.messages
    until(lambda: ask(name).status_code == 503)
    asked = len(cooling.first.requests)
    answer = ask(name)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert "left alone" in error["message"]
    if name == "alone":
        assert (error["type"], error["code"]) == ("server_error", "cooling_down")
    else:
        assert (answer.json()["type"], error["type"]) == ("error", "overloaded_error")
    assert not {h for h in answer.headers if h in ("x-gatewright-retry", "x-gatewright-cooling")}
    assert len(cooling.first.requests) == asked


def test_a_translated_target_cools_down_as_well(tmp_path):
    """Whatever the edge makes of the stand-in's answer, the router and the client get its own."""

    def sent(seen: Attempt) -> Change:
        return Change({":path": "/made"}, seen.body)

    def told(seen: Attempt) -> Change:
        return Change({attempt.RETRY: "overloaded"}, b'{"error":{"message":"translated"}}')

    with upstream(DOWN) as first, upstream() as second, processor(tmp_path, sent, told) as edge:
        providers = [
            provider("first", first, speech=Speech.GEMINI, cool_down=AFTER),
            provider("second", second),
        ]
        models = [
            model("chain", "first/a", "second/b", on=(Trigger.RATE_LIMITED,)),
            model("alone", "first/a"),
        ]
        served = [replace(one, endpoints=(Endpoint.CHAT_COMPLETIONS,)) for one in models]
        made = replace(plan(providers, served), edge=Edge(folder=str(tmp_path), workers=1))
        with gateway(made) as running:
            until(lambda: running.chat("chain").headers.get("x-gatewright-target") == "second/b")
            assert running.chat("alone").json()["error"]["code"] == "cooling_down"
            assert edge.attempts


@pytest.mark.slow
def test_a_provider_behind_tls_cools_down_as_well():
    """What stands in for it speaks no TLS; the provider itself is called by its name, as before."""
    authority = trustme.CA()
    with (
        upstream() as first,
        tls_front(first, authority, "h2") as port,
        upstream() as second,
    ):
        providers = [
            replace(secure("first", port), cool_down=AFTER),
            provider("second", second),
        ]
        chained = model("chain", "first/a", "second/b", on=(Trigger.RATE_LIMITED,))
        roots = {ROOTS: authority.cert_pem.bytes()}
        with gateway(plan(providers, [chained]), roots) as running:
            assert running.chat("chain").headers["x-gatewright-target"] == "first/a"
            assert first.requests[0].headers["x-told-name"] == "localhost"
            first.answer(DOWN)
            until(lambda: running.chat("chain").headers["x-gatewright-target"] == "second/b")
            first.answer(chat())
            until(lambda: running.chat("chain").headers["x-gatewright-target"] == "first/a")
