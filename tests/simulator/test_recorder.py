"""Every request is remembered exactly as it came over the wire."""

from __future__ import annotations

import json

import httpx
import pytest

from simulator.config import Config, Provider
from simulator.message import Request
from simulator.recorder import Recorder
from simulator.running import start_in_thread
from tests.simulator.wire import connection, post, read_until

PATH = "/openai/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def test_headers_are_kept_in_order_case_and_bytes(simulator):
    """Names as spelt, values as sent, twice what came twice, bytes above ASCII unharmed."""
    sent = post(
        PATH,
        BODY,
        "AUTHORIZATION: Bearer sk-One",
        "x-api-key: sk-Two",
        "X-Twice: a",
        "x-twice:   b  c  ",
        "x-latin: caf\xe9",
        "x-empty:",
    )
    with connection(simulator) as plug:
        plug.sendall(sent)
        read_until(plug, b"\r\n\r\n")
    [record] = simulator.requests
    assert record.headers[2:] == (
        (b"AUTHORIZATION", b"Bearer sk-One"),
        (b"x-api-key", b"sk-Two"),
        (b"X-Twice", b"a"),
        (b"x-twice", b"b  c"),
        (b"x-latin", b"caf\xe9"),
        (b"x-empty", b""),
    )
    assert record.header("authorization") == "Bearer sk-One"
    assert record.header_values("X-TWICE") == ["a", "b  c"]
    assert record.header("absent") is None
    assert record.body == json.dumps(BODY).encode()
    assert record.json() == BODY


def test_what_became_of_a_request_is_kept(simulator, gpt):
    """Provider, path, outcome, status, model and what was billed."""
    answer = gpt.chat.completions.create(**BODY)
    [record] = simulator.requests_to("openai")
    assert (record.method, record.target, record.path) == ("POST", PATH, "/v1/chat/completions")
    assert (record.outcome, record.status, record.model) == ("ok", 200, "m")
    assert (record.streamed, record.disconnected) == (False, False)
    assert record.billed.input_tokens == answer.usage.prompt_tokens
    assert record.billed.output_tokens == answer.usage.completion_tokens
    assert record.headers_at <= record.body_at <= record.answered_at <= record.finished_at


def test_refused_and_lost_requests_are_kept_too(simulator):
    """No key, no provider, a fault: each is there, and none is billed."""
    url = f"http://127.0.0.1:{simulator.port}"
    httpx.post(url + PATH, json=BODY)
    httpx.post(url + "/nobody/v1/x", json=BODY)
    httpx.post(url + PATH, json=BODY, headers={"authorization": "Bearer k", "x-simulate": "500"})
    with pytest.raises(httpx.TransportError):
        httpx.post(
            url + PATH, json=BODY, headers={"authorization": "Bearer k", "x-simulate": "reset"}
        )
    simulator.wait_idle()
    assert [(r.provider, r.outcome, r.status) for r in simulator.requests] == [
        ("openai", "unauthorized", 401),
        ("", "no_provider", 404),
        ("openai", "500", 500),
        ("openai", "reset", 0),
    ]
    assert simulator.usage() == {}


def test_an_upload_that_is_given_up_is_kept_with_what_came(simulator):
    """The client left in the middle of its body: the half is there, and nothing was answered."""
    whole = post(PATH, BODY, "authorization: Bearer k")
    with connection(simulator) as plug:
        plug.sendall(whole[:-10])
        simulator.wait_for(lambda: bool(simulator.requests))
    simulator.wait_idle()
    [record] = simulator.requests
    assert record.disconnected
    assert record.body == json.dumps(BODY).encode()[:-10]
    assert record.body_at is None
    assert record.answered_at is None


def test_a_repr_shows_no_secret(simulator, gpt):
    """A failing assertion prints records: no credential and no prompt may be in there."""
    gpt.chat.completions.create(**BODY)
    [record] = simulator.requests
    assert "sk-test" not in repr(record)
    assert "hello" not in repr(record)
    assert "sk-right" not in repr(Config((Provider("x", key="sk-right"),)))


def test_usage_sums_up_what_was_billed(simulator, gpt, claude):
    """By provider and model, streams and plain answers alike, and cached tokens apart."""
    spent = [gpt.chat.completions.create(**BODY).usage for _ in range(3)]
    for event in claude.messages.create(**BODY | {"max_tokens": 50}, stream=True):
        if event.type == "message_delta":
            streamed = event.usage
    bill = simulator.usage()["openai"]["m"]
    assert bill.requests == 3
    assert bill.input_tokens == sum(usage.prompt_tokens for usage in spent)
    assert bill.output_tokens == sum(usage.completion_tokens for usage in spent)
    bill = simulator.usage()["claude"]["m"]
    assert (bill.input_tokens, bill.output_tokens) == (
        streamed.input_tokens,
        streamed.output_tokens,
    )


def record_one(recorder, body):
    record = recorder.open(Request("POST", "/", (), b""), "p", "openai", "/", 1)
    recorder.received(record, body)
    recorder.finish(record, disconnected=False)
    return record


def test_the_ring_forgets_the_oldest_by_number_and_by_bytes():
    """Memory is bounded by both, and the last request is always there."""
    recorder = Recorder(most=3, most_bytes=100)
    for number in range(5):
        record_one(recorder, b"%d" % number)
    assert [record.body for record in recorder.requests()] == [b"2", b"3", b"4"]
    record_one(recorder, b"x" * 99)
    assert [len(record.body) for record in recorder.requests()] == [1, 99]
    record_one(recorder, b"y" * 500)
    assert [len(record.body) for record in recorder.requests()] == [500]
    assert recorder.count == 7


def test_a_body_that_comes_after_its_record_was_forgotten_costs_nothing():
    """A slow upload outlives its place in the ring; the count of bytes stays right."""
    recorder = Recorder(most=1, most_bytes=10)
    slow = recorder.open(Request("POST", "/", (), b""), "p", "openai", "/", 1)
    record_one(recorder, b"1234")
    recorder.received(slow, b"x" * 9)
    record_one(recorder, b"12345678")
    assert [record.body for record in recorder.requests()] == [b"12345678"]


def test_recording_can_be_switched_off():
    """For load tests: nothing is kept, and the sums go on."""
    config = Config((Provider("openai"),), record=0)
    with start_in_thread(config) as simulator:
        url = simulator.url("openai") + "/chat/completions"
        httpx.post(url, json=BODY, headers={"authorization": "Bearer k"})
        assert simulator.requests == []
        assert simulator.usage()["openai"]["m"].requests == 1
