"""Where the edge stands in the chain of an attempt: what it is told, and what becomes of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from compiler.plan_accounts import Edge
from compiler.plan_llm import Endpoint, Model, Speech, Trigger
from compiler.plan_policies import Applied
from policies.body_limit import BodyLimit
from tests.e2e.llm_gateway import AT, Gateway, gateway, model, plan, provider, serve
from tests.e2e.llm_upstream import (
    Answer,
    Recorded,
    Upstream,
    chat,
    chat_chunk,
    openai_error,
    sse,
    upstream,
)
from tests.e2e.recording_processor import Attempt, Change, Instead, Processor, processor
from xds.edge import attempt

CHAT = (Endpoint.CHAT_COMPLETIONS,)


def translated(seen: Attempt) -> Change:
    """Make of a request what shows that it was made so."""
    return Change(
        {":path": "/v1beta/made:up", ":authority": "made.test"},
        json.dumps({"was": json.loads(seen.body)}).encode(),
    )


def told(seen: Attempt) -> Change:
    """Make a chat of any answer; refusals become the word of their cause."""
    if seen.answer_headers[":status"] != "200":
        return Change({attempt.RETRY: "overloaded"}, b'{"error":{"message":"translated"}}')
    return Change(
        {"content-type": "application/json"}, chat("translated").body, {"dropped": ["seed"]}
    )


def chained(name: str, *targets: str, gate: bool = True) -> Model:
    made = model(
        name,
        *targets,
        on=(Trigger.OVERLOADED, Trigger.TIMEOUT),
        attempt_timeout=timedelta(milliseconds=500),
    )
    return replace(made, endpoints=CHAT, fallback=replace(made.fallback, gate=gate))


@dataclass(frozen=True, slots=True)
class Lane:
    gateway: Gateway
    edge: Processor
    native: Upstream
    gemini: Upstream


@pytest.fixture(scope="module")
def lane(tmp_path_factory) -> Iterator[Lane]:
    folder: Path = tmp_path_factory.mktemp("edge")
    with (
        upstream() as native,
        upstream() as gemini,
        upstream() as last,
        processor(folder, translated, told) as edge,
    ):
        providers = [
            provider("native", native),
            provider("gemini", gemini, speech=Speech.GEMINI, path="/v1beta"),
            provider("last", last),
        ]
        models = [
            chained("mixed", "native/a", "gemini/g", "last/z"),
            chained("gemini", "gemini/g", "last/z"),
            chained("native", "native/a", "last/z"),
        ]
        small = Applied("body_limit", BodyLimit(256), AT)
        routes = [serve(*models), serve(*models, name="small", prefix="/small", policies=(small,))]
        made = replace(plan(providers, models, routes), edge=Edge(folder=str(folder), workers=1))
        with gateway(made) as running:
            yield Lane(running, edge, native, gemini)


@pytest.fixture(autouse=True)
def fresh(lane: Lane) -> None:
    lane.edge.attempts.clear()
    lane.edge.request, lane.edge.answer, lane.edge.gate = translated, told, lambda _seen: None
    for one in (lane.native, lane.gemini):
        one.requests.clear()
        one.answer(chat())


def test_a_translated_attempt_is_the_edge_s_to_make(lane):
    """Path, host and body are the edge's, the key is Envoy's, and usage is read of its answer."""
    answer = lane.gateway.chat("gemini", stream_options={"x": 1})
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "translated"
    (sent,) = lane.gemini.requests
    assert (sent.path, sent.headers["host"]) == ("/v1beta/made:up", "made.test")
    assert sent.json["was"]["model"] == "g"
    assert sent.headers["x-goog-api-key"] == "sk-canary-gemini"
    assert "authorization" not in sent.headers
    (seen,) = lane.edge.attempts
    assert seen.upstream == "llm/gemini/g"
    assert seen.route == "llm/chat/completions/gemini"
    assert not seen.gate
    assert not [name for name in seen.headers if "key" in name or "authorization" in name]
    line = lane.gateway.last_line()
    assert line["gen_ai.usage.input_tokens"] == 12
    assert line["dropped"] == ["seed"]


def test_a_plain_request_of_a_native_lane_never_meets_the_edge(lane):
    """The gate is for streams: all else goes as if there were none."""
    assert lane.gateway.chat("native").status_code == 200
    assert lane.edge.attempts == []


def test_a_cause_that_the_edge_names_goes_on(lane):
    """A refusal is translated, and its cause makes the router go on to the next target."""
    lane.gemini.answer(openai_error(418, "no"))
    answer = lane.gateway.chat("gemini")
    assert answer.headers["x-gatewright-target"] == "last/z"
    assert attempt.RETRY not in answer.headers
    assert lane.gateway.last_line()["failure"] == "overloaded"


def test_an_answer_in_the_provider_s_place_is_left_as_it_is(lane):
    """What the edge refuses is in the client's schema already, and is no cause to go on."""
    lane.edge.request = lambda _seen: Instead(400, b'{"error":{"message":"mine"}}')
    answer = lane.gateway.chat("gemini")
    assert (answer.status_code, answer.content) == (400, b'{"error":{"message":"mine"}}')
    assert lane.gateway.last_line()["details"] == attempt.REPLIED


def test_an_edge_that_fails_is_told_in_the_client_s_schema(lane):
    """Nothing is sent to the provider that is not translated."""

    def broken(_seen: Attempt) -> Change:
        raise OSError("broken")

    lane.edge.request = broken
    answer = lane.gateway.chat("gemini")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert lane.gemini.requests == []


def test_a_stream_of_a_chain_passes_a_gate_and_is_not_changed(lane):
    """The edge sees the beginning of the answer alone; bytes pass as they are."""
    events = sse(chat_chunk("hi"), chat_chunk("", finish="stop"))
    lane.native.answer(Answer(content_type="text/event-stream", chunks=events))
    answer = lane.gateway.chat("native", stream=True)
    assert answer.content == b"".join(events)
    (seen,) = lane.edge.attempts
    assert seen.gate
    assert seen.route == "llm/chat/completions/native?stream"
    assert seen.body == b""
    assert seen.upstream == "llm/native/a"


def test_a_stream_that_is_larger_than_any_request_passes_the_gate(lane):
    """A route's small `body_limit` is of requests: Envoy ended where it bounded answers, too."""
    events = sse(*(chat_chunk("hi" * 100) for _ in range(40)), chat_chunk("", finish="stop"))
    lane.native.answer(Answer(content_type="text/event-stream", chunks=[b"".join(events)]))
    said = {"model": "native", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    answer = lane.gateway.post("/small/chat/completions", said)
    assert answer.content == b"".join(events)
    assert lane.gateway.post("/small/chat/completions", {**said, "x": "y" * 300}).status_code == 413


def test_a_stream_that_fails_before_its_first_content_goes_on(lane):
    """The gate turns the beginning into a failure, and the client sees the next target's."""
    lane.native.answer(
        Answer(content_type="text/event-stream", chunks=[b'data: {"error":{"message":"x"}}\n\n'])
    )
    lane.edge.gate = lambda _seen: Change(
        {":status": "503", "content-type": "application/json", attempt.RETRY: "overloaded"}, b"{}"
    )
    answer = lane.gateway.chat("native", stream=True)
    assert answer.status_code == 200
    assert answer.headers["x-gatewright-target"] == "last/z"
    assert [seen.upstream for seen in lane.edge.attempts] == ["llm/native/a"]


def test_a_mixed_chain_has_each_target_as_it_needs(lane):
    """Of a stream, the native target passes the gate, the other one is translated, in one chain."""
    lane.native.answer(openai_error(529, "no"))
    answer = lane.gateway.chat("mixed", stream=True)
    assert answer.headers["x-gatewright-target"] == "gemini/g"
    assert [(seen.upstream, seen.gate) for seen in lane.edge.attempts][-1] == (
        "llm/gemini/g",
        False,
    )


def test_without_an_edge_streams_pass_and_nothing_else_that_wants_one(tmp_path):
    """A gate that is away lets streams pass; what would have to be translated is not sent."""
    events = sse(chat_chunk("hi"), chat_chunk("", finish="stop"))
    answer = Answer(content_type="text/event-stream", chunks=events)
    with upstream(answer) as native, upstream() as gemini:
        providers = [
            provider("native", native),
            provider("gemini", gemini, speech=Speech.GEMINI),
        ]
        models = [chained("native", "native/a", "gemini/g"), chained("gemini", "gemini/g")]
        made = replace(plan(providers, models), edge=Edge(folder=str(tmp_path), workers=2))
        with gateway(made) as running:
            assert running.chat("native", stream=True).content == b"".join(events)
            refused = running.chat("gemini")
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "unavailable"
            assert gemini.requests == []


@contextmanager
def one_target(folder: Path, workers: int) -> Iterator[tuple[Gateway, Upstream]]:
    """A gateway of its own, whose connections to the edge are not there yet."""
    with upstream() as gemini, processor(folder, translated, told):
        one = provider("gemini", gemini, speech=Speech.GEMINI)
        served = replace(model("gemini", "gemini/g"), endpoints=CHAT)
        made = replace(plan([one], [served]), edge=Edge(folder=str(folder), workers=workers))
        with gateway(made) as running:
            yield running, gemini


def test_a_worker_that_is_gone_is_passed_over(tmp_path):
    """Of two workers one is not there: no request notices, and no slow one is cut."""
    with one_target(tmp_path, workers=2) as (running, gemini):
        assert [running.chat("gemini").status_code for _ in range(30)] == [200] * 30

        def late(_request: Recorded) -> Answer:
            time.sleep(1.2)  # the provider's own: longer than Envoy waits between two workers
            return chat()

        gemini.behave = late
        assert running.chat("gemini").status_code == 200


@pytest.mark.parametrize("size", [100_000, pytest.param(20_000_000, marks=pytest.mark.slow)])
def test_a_large_body_may_be_the_first_that_the_edge_is_told_of(tmp_path, size):
    """What is sent while the connection is being made may be any size: Envoy outlives it."""
    with one_target(tmp_path, workers=1) as (running, gemini):
        assert running.chat("gemini", x="x" * size).status_code == 200
        assert len(gemini.requests[0].json["was"]["x"]) == size
