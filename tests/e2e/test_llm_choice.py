"""The first target is the one that the model's choice says, and the others are tried after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from compiler.plan_accounts import AuthKind, AuthMethod, Edge
from compiler.plan_llm import Choice, Model, Trigger
from tests.e2e.llm_gateway import Gateway, gateway, model, plan, provider, serve, target
from tests.e2e.llm_upstream import Upstream, chat, openai_error, upstream
from tests.e2e.recording_edge import edge, ok
from xds.edge.attempt import FIRST

WINDOWS = {"a/small": 2_000, "b/middle": 4_000, "c/large": None}
ON = (Trigger.RATE_LIMITED,)


def by_size(name: str, windows: dict[str, int | None]) -> Model:
    targets = [replace(target(one), window=window) for one, window in windows.items()]
    return replace(model(name, *targets, on=ON), choice=Choice.CONTEXT, output=1_000)


@dataclass(frozen=True, slots=True)
class Chain:
    gateway: Gateway
    upstreams: list[Upstream]


@pytest.fixture(scope="module")
def sized() -> Iterator[Chain]:
    with ExitStack() as stack:
        found = [stack.enter_context(upstream()) for _ in "abc"]
        models = [
            by_size("sized", WINDOWS),
            by_size("bounded", {"a/small": 2_000, "b/middle": 4_000}),
        ]
        providers = [provider(name, one) for name, one in zip("abc", found, strict=True)]
        yield Chain(stack.enter_context(gateway(plan(providers, models))), found)


@pytest.mark.parametrize(
    ("name", "size", "served"),
    [
        ("sized", 3_900, "a/small"),  # 1,000 tokens of four bytes are left for the prompt
        ("sized", 4_100, "b/middle"),
        ("sized", 11_900, "b/middle"),
        ("sized", 12_100, "c/large"),
        ("sized", 200_000, "c/large"),
        ("bounded", 3_900, "a/small"),
        ("bounded", 200_000, "b/middle"),  # nothing is large enough: the largest may say so
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_the_first_window_that_a_body_fits_is_tried_first(sized, name, size, served, chunked):
    """However the body comes, by its length or in chunks."""
    body = b'{"model":"%b","messages":[],"x":"' % name.encode()
    body += b"x" * (size - len(body) - 2) + b'"}'
    headers = {"content-type": "application/json"}
    answer = sized.gateway.client.post(
        "/v1/chat/completions", content=iter([body]) if chunked else body, headers=headers
    )
    assert answer.status_code == 200
    assert answer.headers["x-gatewright-target"] == served


def test_a_target_that_fails_is_followed_by_larger_ones(sized):
    """Those that the body does not fit are no fallback."""
    sized.upstreams[1].answer(openai_error(429, "slow"))
    try:
        answer = sized.gateway.chat("sized", x="x" * 8_000)
    finally:
        sized.upstreams[1].answer(chat())
    assert answer.headers["x-gatewright-target"] == "c/large"
    assert answer.headers["x-gatewright-attempts"] == "2"
    line = sized.gateway.last_line()
    assert (line["choice"], line["chosen"]) == ("context", "b/middle")
    assert line["failure"] == "rate_limited"


def test_the_edge_names_the_one_that_is_tried_first(tmp_path: Path):
    """The others are tried in their order; without a word of the edge, or with an odd one, all are.

    Clients cannot name one, and providers are not told.
    """
    quick = replace(model("quick", "a/x", "b/y", "c/z", on=ON), choice=Choice.LATENCY)
    route = replace(serve(quick), auth=(AuthMethod(AuthKind.KEYS),))
    with ExitStack() as stack:
        found = [stack.enter_context(upstream()) for _ in "abc"]
        providers = [provider(name, one) for name, one in zip("abc", found, strict=True)]
        asked = stack.enter_context(edge(tmp_path))
        made = replace(
            plan(providers, [quick], [route]), edge=Edge(folder=str(tmp_path), workers=1)
        )
        running = stack.enter_context(gateway(made))

        def served(named: str | None, **headers: str) -> str:
            headed = {} if named is None else {FIRST: named}
            asked.check = lambda _question: ok(headers=headed)
            body = {"model": "quick", "messages": []}
            answer = running.post("/v1/chat/completions", body, headers=headers)
            assert answer.status_code == 200
            return answer.headers["x-gatewright-target"]

        assert served(None) == "a/x"
        assert served(None, **{FIRST: "2"}) == "a/x"
        assert served("1") == "b/y"
        assert served("2") == "c/z"
        assert served("0") == "a/x"
        assert served("7") == "a/x"
        found[2].answer(openai_error(429, "slow"))
        found[0].answer(openai_error(429, "slow"))
        assert served("2") == "b/y"
        assert not [r for one in found for r in one.requests if FIRST in r.headers]
        line = running.last_line()
        assert (line["choice"], line["chosen"]) == ("latency", "c/z")
