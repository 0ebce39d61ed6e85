"""HTTP/2 without TLS, by prior knowledge: the same answers, many at a time."""

from __future__ import annotations

import contextlib
import json
import socket

import h2.config
import h2.connection
import h2.events
import pytest

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


class Client:
    """A small HTTP/2 client over the h2 library."""

    def __init__(self, port: int) -> None:
        self.plug = socket.create_connection(("127.0.0.1", port), timeout=10)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()
        self.statuses: dict[int, str] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: dict[int, str] = {}

    def flush(self):
        self.plug.sendall(self.h2.data_to_send())

    def post(self, path, body, *headers):
        stream = self.h2.get_next_available_stream_id()
        fields = [
            (":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "there"),
        ]  # fmt: skip
        self.h2.send_headers(stream, [*fields, ("authorization", "Bearer k"), *headers])
        self.h2.send_data(stream, json.dumps(body).encode(), end_stream=True)
        self.flush()
        return stream

    def run(self, until):
        while not until():
            data = self.plug.recv(65536)
            if not data:
                return
            for event in self.h2.receive_data(data):
                stream = getattr(event, "stream_id", 0)
                if isinstance(event, h2.events.ResponseReceived):
                    self.statuses[stream] = dict(event.headers)[":status"]
                    self.bodies[stream] = b""
                elif isinstance(event, h2.events.DataReceived):
                    self.bodies[stream] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended[stream] = "ended"
                elif isinstance(event, h2.events.StreamReset):
                    self.ended[stream] = "reset"
            self.flush()


@pytest.fixture
def client(simulator):
    client = Client(simulator.port)
    yield client
    client.plug.close()


def test_answers_come_side_by_side(simulator, client):
    """A slow stream does not hold up the plain answer that was asked for after it."""
    slow = client.post(
        "/openai/v1/chat/completions", BODY | {"stream": True}, ("x-simulate", "slow:0.2")
    )
    quick = client.post("/plain/here?x=1", {"a": 1})
    client.run(lambda: len(client.ended) == 2)
    assert list(client.ended) == [quick, slow]
    assert client.statuses == {slow: "200", quick: "200"}
    assert client.bodies[slow].endswith(b"data: [DONE]\n\n")
    seen = json.loads(client.bodies[quick])
    assert (seen["host"], seen["path"], seen["query"]) == ("there", "/here", "x=1")
    assert seen["version"] == "2"
    assert json.loads(seen["body"]) == {"a": 1}
    assert {record.version for record in simulator.requests} == {"2"}


def test_a_body_larger_than_the_windows_arrives_whole(client):
    """Flow control: the answer goes on as the client makes room."""
    stream = client.post("/openai/v1/chat/completions", BODY, ("x-simulate", "huge:400000"))
    client.run(lambda: stream in client.ended)
    answer = json.loads(client.bodies[stream])
    assert len(answer["choices"][0]["message"]["content"]) == 400_000


def test_a_cut_resets_one_stream_and_leaves_the_others(client):
    """RST_STREAM after three tokens; the connection lives."""
    body = BODY | {"stream": True}
    broken = client.post("/openai/v1/chat/completions", body, ("x-simulate", "cut:3"))
    client.run(lambda: broken in client.ended)
    assert client.ended[broken] == "reset"
    assert client.bodies[broken].count(b"data: ") == 4
    fine = client.post("/openai/v1/chat/completions", body)
    client.run(lambda: fine in client.ended)
    assert client.ended[fine] == "ended"


def test_a_client_that_resets_its_stream_is_billed_for_what_it_got(simulator, client):
    """One request is given up, on a connection that stays."""
    body = BODY | {"stream": True}
    stream = client.post("/openai/v1/chat/completions", body, ("x-simulate", "stall:3"))
    client.run(lambda: client.bodies.get(stream, b"").count(b"data: ") == 4)
    client.h2.reset_stream(stream)
    client.flush()
    simulator.wait_idle()
    [record] = simulator.requests
    assert (record.billed.output_tokens, record.disconnected) == (3, True)


def test_no_http_2_is_a_goaway(client):
    """Data that belongs to no request ends the connection."""
    client.plug.sendall(b"\0\0\1\0\0\0\0\0\0x")
    # What the client still had to say may meet a closed socket: the end is a reset then.
    with contextlib.suppress(ConnectionError):
        client.run(lambda: False)
        assert client.plug.recv(10) == b""
    with pytest.raises(ConnectionError):
        send_for_ever(client.plug)


def send_for_ever(plug: socket.socket) -> None:
    while True:
        plug.sendall(b"\0" * 9)
