"""HTTP/1.1 as it is read and framed; an independent peer (h11) judges every answer."""

from __future__ import annotations

import itertools
import json

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import http1
from simulator.config import Config, Provider
from simulator.exchange import Exchange
from simulator.message import Request, json_answer
from tests.simulator.wire import connection, post, read_until

PATH = "/openai/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
KEY = "authorization: Bearer k"


def read_all(*pieces: bytes) -> list[Request]:
    reader = http1.Reader()
    found = []
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next_event()) is not None:
            if isinstance(event, Request):
                found.append(event)
    return found


WHOLE = post("/a?b=c", b"hello") + (
    b"PUT /chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"5;name=value\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: 1\r\n\r\n"
    b"GET http://host/absolute?q HTTP/1.1\r\nHost: x\r\n\r\n"
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_requests_are_the_same_however_the_bytes_are_cut(cuts):
    """Lengths, chunks and pipelining, from any pieces that a network makes of them."""
    marks = [0, *sorted(cuts), len(WHOLE)]
    pieces = [WHOLE[start:end] for start, end in itertools.pairwise(marks)]
    requests = read_all(*pieces)
    assert [(r.method, r.path, r.query, r.body) for r in requests] == [
        ("POST", "/a", "b=c", b"hello"),
        ("PUT", "/chunks", "", b"hello world"),
        ("GET", "/absolute", "q", b""),
    ]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /\r\nHost: a\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\nX: y\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: " + "y" * 70_000 + "\r\n", 431),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(head, status):
    """A gateway that lets such a request through would be caught by the status."""
    with pytest.raises(http1.HttpError) as caught:
        read_all(head.encode() + b"\r\n")
    assert caught.value.status == status


@pytest.mark.parametrize("line", [b"x", b"-1", b"5 5", b"", b"1" * 20])
def test_a_malformed_chunk_is_refused(line):
    """Its size, or what stands after it."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(http1.HttpError):
        read_all(head + line + b"\r\nhello\r\n0\r\n\r\n")
    with pytest.raises(http1.HttpError):
        read_all(head + b"5\r\nhello!\r\n0\r\n\r\n")


def answer_bytes(raw: bytes) -> bytes:
    """What the server would write for these bytes, without sockets; a bug would raise here."""
    exchange = Exchange(Config((Provider("openai", "openai"), Provider("claude", "anthropic"),
                                Provider("plain", "echo"))))  # fmt: skip
    reader = http1.Reader()
    reader.feed(raw)
    written = b""
    record = None
    try:
        while (event := reader.next_event()) is not None:
            if isinstance(event, http1.Head):
                record = exchange.open(event.request, None, 1)
                continue
            answer = exchange.answer(event, record)
            written += http1.encode_head(answer, event.version, keep_alive=reader.keep_alive)
            if http1.has_body(event.method, answer):
                pieces = [http1.encode_data(c.data, answer, event.version) for c in answer.chunks]
                written += b"".join(pieces) + http1.encode_end(answer, event.version)
    except http1.HttpError as error:
        refusal = http1.encode_head(json_answer(error.status, {}), "1.1", keep_alive=False)
        judge(refusal + b"{}", "GET")
    return written


def judge(written: bytes, method: str) -> tuple[int, bytes]:
    """Status and body of one answer, as h11 reads it; it raises for what is no HTTP."""
    peer = h11.Connection(h11.CLIENT)
    peer.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(written)
    status, body = 0, b""
    while True:
        event = peer.next_event()
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert peer.trailing_data[0] == b""
            return status, body
        else:
            pytest.fail(f"h11 finds {event!r} in {written!r}")


TARGETS = st.sampled_from(
    [
        PATH,
        "/openai/v1/completions",
        "/openai/v1/embeddings",
        "/openai/v1/models/x",
        "/claude/v1/messages",
        "/claude/v1/messages/count_tokens",
        "/plain/any?thing=1",
        "/_simulator/openai/scenario",
        "/_simulator/requests?last=2",
        "/",
        "*",
        "http:///",
        "/%zz//..",
    ]
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
HEADERS = [KEY, "anthropic-version: 2023-06-01", "content-type: application/json"]


@given(st.binary(max_size=300))
def test_any_bytes_are_answered_or_refused(raw):
    """Whatever comes first on a connection: no failure but the one that HTTP has a status for."""
    answer_bytes(raw)
    answer_bytes(b"GET / HTTP/1.1\r\nHost: x\r\n" + raw + b"\r\n\r\n")


@given(METHODS, TARGETS, st.binary(max_size=200))
def test_any_body_gets_a_valid_answer(method, target, content):
    """Bytes that are no JSON, at every endpoint: a whole HTTP answer with JSON in it."""
    raw = post(target, content, *HEADERS).replace(b"POST", method.encode(), 1)
    status, body = judge(answer_bytes(raw), method)
    assert 200 <= status < 600
    assert method == "HEAD" or json.loads(body)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["role", "content", "type", "text", "name", "function", "parameters",
                         "tool_calls", "tool_call_id", "id", "tool_use_id", "input_schema",
                         "schema", "json_schema", "format", "cache_control", "budget_tokens"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "robot"])
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_use", "tool_result", "image"])},
    optional={"text": VALUES, "id": VALUES, "tool_use_id": VALUES, "input": VALUES},
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": ROLES, "content": st.text() | st.lists(BLOCKS, max_size=3) | VALUES},
        optional={"tool_calls": VALUES, "tool_call_id": VALUES},
    ),
    max_size=4,
)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {"name": st.text(max_size=5)},
        optional={
            "type": st.sampled_from(["function", "custom"]),
            "function": st.fixed_dictionaries({"name": st.text(max_size=5), "parameters": VALUES}),
            "input_schema": st.fixed_dictionaries({"type": st.just("object")}) | VALUES,
        },
    ),
    max_size=3,
)
REQUESTS = st.fixed_dictionaries(
    {"model": st.sampled_from(["m", "o4-mini"]) | VALUES, "messages": MESSAGES | VALUES},
    optional={
        "max_tokens": st.integers(-1, 2000) | VALUES,
        "stream": st.booleans() | VALUES,
        "stream_options": st.just({"include_usage": True}) | VALUES,
        "n": st.integers(0, 3),
        "stop": VALUES,
        "stop_sequences": VALUES,
        "tools": TOOLS | VALUES,
        "tool_choice": st.sampled_from(["auto", "none", "required", {"type": "any"}]) | VALUES,
        "thinking": st.just({"type": "enabled", "budget_tokens": 1024}) | VALUES,
        "response_format": st.just({"type": "json_object"}) | VALUES,
        "output_config": VALUES,
        "system": VALUES,
        "temperature": VALUES,
        "logprobs": st.booleans(),
        "reasoning_effort": VALUES,
        "prompt": VALUES,
        "input": VALUES,
        "dimensions": st.integers(-1, 50),
        "encoding_format": VALUES,
    },
)


@settings(max_examples=150)
@given(TARGETS, REQUESTS)
def test_any_json_request_gets_a_valid_answer(target, request):
    """Members of every type at every endpoint: right, or refused with JSON; never a failure."""
    status, body = judge(answer_bytes(post(target, json.dumps(request).encode(), *HEADERS)), "POST")
    assert status in {200, 400, 404, 405}
    for line in body.decode().split("\n\n") if body.startswith((b"data:", b"event:")) else [body]:
        data = line.rpartition("data: ")[2] if isinstance(line, str) else line
        assert not data or data == "[DONE]" or json.loads(data)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b'{"model": 1e999}'])
def test_hostile_json_is_refused(content):
    """Nesting without end, and numbers that are none."""
    for target in (PATH, "/claude/v1/messages"):
        status, body = judge(answer_bytes(post(target, content, *HEADERS)), "POST")
        assert (status, "error" in json.loads(body)) == (400, True)


def test_a_connection_is_kept_and_requests_may_be_pipelined(simulator):
    """Two requests in one write: two answers, in order, on the same connection."""
    with connection(simulator) as plug:
        plug.sendall(post(PATH, BODY | {"stream": True}, KEY, "x-simulate: slow:0.02"))
        plug.sendall(post("/plain/second", b"2"))
        text = read_until(plug, b'"path":"/second"')
    assert text.index(b"[DONE]") < text.index(b'"/second"')
    assert len({record.connection for record in simulator.requests}) == 1


def test_a_client_that_asks_for_it_gets_100_continue_and_then_close(simulator):
    """Expect and Connection, as curl sends them for large bodies."""
    whole = post("/plain/x", b"hello", "Expect: 100-continue", "Connection: close")
    with connection(simulator) as plug:
        plug.sendall(whole[:-5])
        assert read_until(plug, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue\r\n")
        plug.sendall(b"hello")
        text = read_until(plug, b'"body":"hello"')
        assert b"connection: close" in text
        while plug.recv(4096):
            pass


def test_http_1_0_gets_a_stream_that_ends_with_the_connection(simulator):
    """No chunks there: old clients read to the end."""
    whole = post(PATH, BODY | {"stream": True}, KEY).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with connection(simulator) as plug:
        plug.sendall(whole)
        text = read_until(plug, b"[DONE]\n\n")
        assert plug.recv(4096) == b""
    assert b"transfer-encoding" not in text
    assert b"\r\n\r\ndata: {" in text


def test_no_http_gets_400_and_a_close(simulator):
    """A TLS client on a plain port, for example."""
    with connection(simulator) as plug:
        plug.sendall(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        assert read_until(plug, b"malformed").startswith(b"HTTP/1.1 400 Bad Request\r\n")
