"""The gate: what of a stream's beginning opens it, what is waited through, and what fails."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.process.driving import GATE, SSE, Stream, prepared
from tests.redact.answers import chat, messages, responses
from xds.edge.attempt import RETRY


def gate(client="chat", **more):
    return Stream(prepared(client, "openai", **more), mode=GATE)


def event(value, name=""):
    told = value if isinstance(value, str) else json.dumps(value)
    return (f"event: {name}\n" if name else "").encode() + f"data: {told}\n\n".encode()


def delta(**said):
    reason = said.pop("finish_reason", None)
    return event({"choices": [{"index": 0, "delta": said, "finish_reason": reason}]})


ROLE = delta(role="assistant", content="", refusal=None)
START = event({"type": "message_start", "message": {"content": []}}, "message_start")
BLOCK = event({"type": "content_block_start", "index": 0,
               "content_block": {"type": "text", "text": ""}})  # fmt: skip
CREATED = event({"type": "response.created", "response": {"status": "in_progress"}})
ITEM = event({"type": "response.output_item.added", "item": {"type": "message", "content": []}})


@pytest.mark.parametrize(
    ("client", "held", "opens"),
    [
        ("chat", ROLE, delta(content="a")),
        ("chat", ROLE, delta(tool_calls=[{"index": 0}])),
        ("chat", ROLE, delta(reasoning_content="a")),
        ("chat", ROLE, delta(refusal="a")),
        ("chat", ROLE, delta(tomorrow="a")),
        ("chat", ROLE, delta(finish_reason="stop")),
        ("chat", event({"choices": [], "prompt_filter_results": []}), delta(content="a")),
        ("chat", b": keep alive\n\n", delta(content="a")),
        ("completions", event({"choices": [{"text": ""}]}), event({"choices": [{"text": "a"}]})),
        ("messages", START + BLOCK, event({"type": "content_block_delta",
                                           "delta": {"type": "text_delta", "text": "a"}})),
        ("messages", START + event({"type": "ping"}),
         event({"type": "content_block_start", "content_block": {"type": "tool_use", "id": "t"}})),
        ("messages", START, event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})),
        ("messages", START, event({"type": "tomorrow"})),
        ("responses", CREATED + ITEM, event({"type": "response.output_text.delta", "delta": "a"})),
        ("responses", CREATED,
         event({"type": "response.output_item.added", "item": {"type": "function_call"}})),
        ("responses", CREATED, event({"type": "response.completed", "response": {}})),
    ],
)  # fmt: skip
def test_the_first_content_opens(client, held, opens):
    """What came before goes on with it, a CONTINUE a chunk, and the edge leaves."""
    stream = gate(client).answer_head(headers=SSE).answer_body(held, end=False)
    assert stream.answer.heads == 0
    stream.answer_body(opens, end=False)
    assert (stream.answer.heads, stream.passed, stream.answer.headers) == (1, 2, {})
    assert stream.attempt.done
    assert stream.attempt.outcome.gate == "opened"


@pytest.mark.parametrize(
    ("client", "said", "trigger", "status"),
    [
        ("chat", [ROLE, event("[DONE]")], "connect_failure", "502"),
        ("chat", [ROLE, b""], "connect_failure", "502"),
        ("chat", [b""], "connect_failure", "502"),
        ("chat", [b"<html>no stream</html>\n\n", b""], "connect_failure", "502"),
        ("chat", [event("oops")], "server_error", "502"),
        ("chat", [ROLE, event({"error": {"message": "m", "code": "rate_limit_exceeded"}})],
         "rate_limited", "429"),
        ("chat", [event({"object": "error", "message": "m", "code": 503})], "overloaded", "503"),
        ("chat", [ROLE, delta(finish_reason="content_filter")], "content_filter", "400"),
        ("messages", [START, event({"type": "error", "error": {"type": "overloaded_error"}})],
         "overloaded", "503"),
        ("messages", [START, event({"type": "message_delta", "delta": {"stop_reason": "refusal"}})],
         "content_filter", "400"),
        ("messages", [START + BLOCK, event({"type": "message_stop"})], "connect_failure", "502"),
        ("responses", [CREATED, event({"type": "response.failed", "response": {
            "error": {"code": "server_error", "message": "m"}}})], "server_error", "500"),
        ("responses", [CREATED, event({"type": "response.incomplete", "response": {
            "incomplete_details": {"reason": "content_filter"}}})], "content_filter", "400"),
        ("responses", [event({"type": "error", "message": "m"})], "server_error", "500"),
    ],
)  # fmt: skip
def test_a_stream_without_an_answer_fails(client, said, trigger, status):
    stream = gate(client).answer_head(headers=SSE).answer_body(*said)
    assert stream.answer.headers[RETRY] == trigger
    assert stream.answer.headers[":status"] == status
    assert stream.answer.headers["content-type"] == "application/json"
    assert stream.passed == 0
    told = stream.json
    assert told["error"]["message"]
    assert told.get("type") == ("error" if client == "messages" else None)
    assert stream.metadata["failure"]
    assert stream.attempt.done


def test_a_failure_for_which_nobody_goes_on_is_told_at_once():
    """In the provider's place: the router would let a changed stream end with the provider's."""
    stream = gate(about={"on": ()}).answer_head(headers=SSE)
    stream.answer_body(event({"error": {"message": "m", "code": 503}}), end=False)
    assert stream.replied.status.code == 503
    assert json.loads(stream.replied.body)["error"]["message"] == "m"
    assert stream.attempt.done


def test_a_stream_that_only_announces_is_held():
    """Whatever it is that does not come: Envoy's own time for an attempt ends it."""
    stream = gate().answer_head(headers=SSE).answer_body(*[ROLE] * 50, end=False)
    assert (stream.answer.heads, stream.attempt.done) == (0, False)


def test_announcements_without_end_are_let_pass():
    stream = gate().answer_head(headers=SSE)
    stream.answer_body(*[b": " + b"x" * 4096 + b"\n\n"] * 80, end=False)
    assert stream.answer.heads == 1
    line = gate().answer_head(headers=SSE)
    line.answer_body(*[b"x" * 65536] * 6, end=False)
    assert line.answer.heads == 1


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"content-type": "application/json"}),
        (429, SSE),
        (200, {**SSE, "content-encoding": "gzip"}),
        (204, {}),
    ],
)
def test_all_other_answers_pass_at_once(status, headers):
    stream = gate().answer_head(status, headers)
    assert (stream.answer.heads, stream.answer.headers) == (1, {})
    assert stream.attempt.done
    assert stream.attempt.outcome.gate == "passed"


def test_an_unknown_route_is_no_reason_to_hold_anything():
    stream = Stream(prepared(), mode=GATE, route="other").answer_head(headers=SSE)
    assert stream.attempt.done
    assert stream.answer.heads == 1


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(("chat", "messages", "responses")), st.data())
def test_any_cut_opens_at_the_same_place(client, data):
    """Never before the first content is there, and never later."""
    body = {"chat": chat, "messages": messages, "responses": responses}[client](["hello", "you"])
    at = body.index(b"hello")
    end = body.index(b"\n\n", at) + 2
    cuts = sorted(data.draw(st.sets(st.integers(1, end - 1), max_size=8)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, end], strict=True)]
    stream = gate(client).answer_head(headers=SSE)
    for piece in pieces[:-1]:
        stream.answer_body(piece, end=False)
        assert stream.answer.heads == 0
    stream.answer_body(pieces[-1], end=False)
    assert (stream.answer.heads, stream.passed) == (1, len(pieces))
