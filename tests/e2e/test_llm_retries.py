"""The same target is tried again before the chain goes on, after as long as it asks for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from compiler.plan_llm import Model, Retries, Target, Trigger
from tests.e2e.llm_gateway import Gateway, gateway, model, plan, provider, target
from tests.e2e.llm_upstream import Answer, Upstream, chat, openai_error, upstream

LIMITED = openai_error(429, "slow down")
ON = (Trigger.RATE_LIMITED, Trigger.CONNECT_FAILURE)


def tried_again(name: str, *groups: str | list[Target], attempts: int = 3) -> Model:
    """A model whose targets are tried several times each, with waits of a second at the most."""
    made = model(name, *groups, on=ON)
    retries = Retries(attempts, timedelta(seconds=1))
    return replace(made, fallback=replace(made.fallback, retries=retries))


@dataclass(frozen=True, slots=True)
class Chain:
    gateway: Gateway
    first: Upstream
    second: Upstream


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with upstream() as first, upstream() as second:
        models = [
            tried_again("chain", "a/x", "b/y"),
            tried_again("alone", "a/x"),
            tried_again("twice", "a/x", "b/y", attempts=2),
            tried_again("split", [target("a/x"), target("a/z")], attempts=2),
        ]
        with gateway(plan([provider("a", first), provider("b", second)], models)) as running:
            yield Chain(running, first, second)


@pytest.fixture(autouse=True)
def fresh(chain: Chain) -> None:
    for one in (chain.first, chain.second):
        one.requests.clear()
        one.answer(chat())


def failing(one: Upstream, times: int, answer: Answer = LIMITED) -> None:
    """Fail so many times, and answer then."""
    one.behave = lambda _request: answer if len(one.requests) <= times else chat()


def test_a_target_gets_all_its_attempts_before_the_next_one(chain):
    """Three at the first, three at the second; the client is told how many there were."""
    chain.first.answer(LIMITED)
    chain.second.answer(LIMITED)
    answer = chain.gateway.chat("chain")
    assert answer.status_code == 429
    assert answer.headers["x-gatewright-attempts"] == "6"
    assert (len(chain.first.requests), len(chain.second.requests)) == (3, 3)


@pytest.mark.parametrize("name", ["chain", "alone"])
def test_a_target_that_answers_in_the_end_is_kept(chain, name):
    """Whether there is another one or not."""
    failing(chain.first, 2)
    answer = chain.gateway.chat(name)
    assert answer.status_code == 200
    assert answer.headers["x-gatewright-target"] == "a/x"
    assert answer.headers["x-gatewright-attempts"] == "3"
    assert [request.json["model"] for request in chain.first.requests] == ["x"] * 3
    assert "x-gatewright-attempt" not in chain.first.requests[-1].headers


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("retry-after", "1"),
        pytest.param("retry-after-ms", "700", marks=pytest.mark.slow),
        pytest.param("x-ratelimit-reset", "1", marks=pytest.mark.slow),
    ],
)
def test_a_provider_is_waited_for_as_long_as_it_asks(chain, header, value):
    """Envoy waits whole seconds, and a little more, so that not all come back at once."""
    failing(chain.first, 1, replace(LIMITED, headers=((header, value),)))
    began = time.monotonic()
    answer = chain.gateway.chat("alone")
    assert answer.status_code == 200
    assert 1.0 <= time.monotonic() - began < 3
    assert "x-gatewright-retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("alone", (("x-ratelimit-reset-requests", "1s"),)),  # of which some are left
        ("alone", (("x-gatewright-retry-after", "1"),)),
    ],
)
def test_nobody_waits_for_nothing(chain, name, headers):
    """A wait that nobody asked for is none."""
    failing(chain.first, 1, replace(LIMITED, headers=headers))
    began = time.monotonic()
    assert chain.gateway.chat(name).status_code == 200
    assert time.monotonic() - began < 0.9


def test_who_asks_for_more_than_anybody_waits_is_not_asked_again(chain):
    """The client is told when to come; a chain goes on at once."""
    asked = replace(LIMITED, headers=(("retry-after", "60"),))
    chain.first.answer(asked)
    answer = chain.gateway.chat("alone")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "60"
    assert answer.headers["x-gatewright-attempts"] == "1"
    began = time.monotonic()
    answer = chain.gateway.chat("chain")
    assert answer.headers["x-gatewright-target"] == "b/y"
    assert time.monotonic() - began < 0.9
    chain.second.answer(asked)
    answer = chain.gateway.chat("chain")
    assert (answer.status_code, answer.headers["x-gatewright-attempts"]) == (429, "4")


def test_the_next_target_is_not_waited_for(chain):
    """What the last attempt at a target is told to wait for is nothing to the next one."""
    asked = replace(LIMITED, headers=(("retry-after", "1"),))
    chain.first.behave = lambda _request: asked if len(chain.first.requests) == 2 else LIMITED
    began = time.monotonic()
    answer = chain.gateway.chat("twice")
    assert answer.headers["x-gatewright-target"] == "b/y"
    assert time.monotonic() - began < 0.9


def test_one_target_of_a_split_is_tried_again(chain):
    """The draw is made once: another attempt is at the same target."""
    failing(chain.first, 1)
    assert chain.gateway.chat("split").status_code == 200
    one, other = (request.json["model"] for request in chain.first.requests)
    assert one == other
