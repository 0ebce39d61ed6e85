"""What comes of exchanges that fail: refusals, errors with their triggers, streams that break."""

from __future__ import annotations

import json

import pytest

from tests.process.driving import JSON, SSE, Stream, prepared
from tests.process.test_whole import SCENARIOS, lengths
from tests.translate.drive import question
from tests.translate.wire_formats import WIRES
from xds.edge.attempt import REPLIED, RETRY


@pytest.mark.parametrize(
    ("client", "kind"),
    [("chat", "error"), ("messages", "type"), ("responses", "error"), ("embeddings", "error")],
)
def test_what_cannot_be_served_is_refused_in_the_client_s_schema(client, kind):
    stream = Stream(prepared(client, "gemini")).ask(b"no json")
    assert stream.replied.status.code == 400
    assert stream.replied.details == REPLIED
    told = json.loads(stream.replied.body)
    assert kind in told
    assert told["error"]["message"]
    assert stream.metadata == {"failure": "invalid"}
    assert stream.attempt.done
    (content,) = stream.replied.headers.set_headers
    assert (content.header.key, content.header.raw_value) == ("content-type", b"application/json")


def test_bodies_are_bounded_and_not_unpacked():
    """By what their head says, and by what comes."""
    small = prepared("messages", "gemini", body_limit=100)
    said = Stream(small).head({**JSON, "content-length": "101"})
    came = Stream(small).head().body(b"x" * 60, b"x" * 60, end=False)
    for stream in (said, came):
        assert stream.replied.status.code == 413
        assert json.loads(stream.replied.body)["error"]["type"] == "request_too_large"
    packed = Stream(small).head({**JSON, "content-encoding": "gzip"})
    assert packed.replied.status.code == 415
    large = Stream(small).ask(b'{"model":"m","max_tokens":1,"messages":[]}')
    if large.replied is None:
        large.answer_head().answer_body(b"x" * 60, b"x" * 60, end=False)
        assert large.answer.headers[":status"] == "502"


@pytest.mark.parametrize(
    ("status", "body", "trigger"),
    [
        (429, b'{"error":{"message":"slow","type":"rate_limit_error"}}', "rate_limited"),
        (529, b'{"error":{"type":"overloaded_error","message":"x"}}', "overloaded"),
        (500, b"", "server_error"),
        (504, b"{}", "timeout"),
        (
            400,
            b'{"error":{"type":"invalid_request_error","message":"prompt is too long"}}',
            "context_exceeded",
        ),
        (401, b'{"error":{"type":"authentication_error","message":"no"}}', ""),
    ],
)
def test_an_error_names_its_trigger(status, body, trigger):
    stream = Stream(prepared("chat", "anthropic")).ask(question("chat", stream=False))
    stream.answer_head(status).answer_body(body)
    assert stream.answer.headers.get(RETRY, "") == trigger
    assert stream.json["error"]["message"]
    assert stream.answer.ended
    lengths(stream.answer)
    none = Stream(prepared("chat", "anthropic", about={"on": ()})).ask(
        question("chat", stream=False)
    )
    none.answer_head(status).answer_body(body)
    assert RETRY not in none.answer.headers


def test_an_error_without_a_body_is_told_all_the_same():
    stream = Stream(prepared("chat", "anthropic")).ask(question("chat", stream=False))
    stream.answer_head(503, {}, end=True)
    assert stream.answer.headers[RETRY] == "overloaded"
    assert stream.json["error"]["type"] == "server_error"
    assert stream.answer.ended


def test_a_stream_that_fails_before_its_first_content_is_an_answer_of_its_own():
    """A cut, an error, and an end: the router may still go on, and the client has seen nothing."""
    said = WIRES["anthropic"].stream(SCENARIOS["text"])
    before = said[: said.index(b"event: content_block_delta")]
    error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n'
    for pieces, trigger in (
        ([before, b""], "connect_failure"),
        ([before, error], "overloaded"),
        ([b""], "connect_failure"),
    ):
        stream = Stream(prepared("chat", "anthropic")).ask(question("chat", stream=True))
        stream.answer_head(headers=SSE).answer_body(*pieces)
        assert stream.answer.headers[RETRY] == trigger
        assert stream.answer.headers[":status"] in ("502", "503")
        assert stream.json["error"]
        lengths(stream.answer)


def test_a_stream_that_fails_later_ends_with_an_error():
    said = WIRES["anthropic"].stream(SCENARIOS["text"])
    stream = Stream(prepared("chat", "anthropic")).ask(question("chat", stream=True))
    stream.answer_head(headers=SSE).answer_body(said[: said.index(b"event: message_delta")])
    assert stream.answer.ended
    assert RETRY not in stream.answer.headers
    assert b'"error"' in stream.answer.body
    assert b"[DONE]" not in stream.answer.body
    assert stream.metadata == {"failure": "cut"}


def test_a_filter_that_leaves_nothing_makes_the_chain_go_on():
    filtered = {
        "id": "c",
        "choices": [
            {"index": 0, "finish_reason": "content_filter", "message": {"role": "assistant"}}
        ],
    }
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]}
    for on, trigger in ((("content_filter",), "content_filter"), ((), "")):
        whole = Stream(prepared("chat", "vllm", about={"on": on}))
        whole.ask(question("chat", stream=False))
        whole.answer_head().answer_body(json.dumps(filtered).encode())
        stream = Stream(prepared("chat", "vllm", about={"on": on}))
        stream.ask(question("chat", stream=True)).answer_head(headers=SSE)
        stream.answer_body(b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n")
        for one in (whole, stream):
            assert one.answer.headers.get(RETRY, "") == trigger
            assert one.answer.headers.get(":status", "200") == ("400" if trigger else "200")
