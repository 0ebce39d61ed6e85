"""A provider for tests: it keeps every request byte for byte, and answers what a test tells it to.

It is a plain socket server, so that a test may also say what no HTTP server would: nothing at all,
half an answer, a connection that breaks.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it arrived: header names as sent, in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, content type and body; `chunks` are sent one by one as a chunked body instead."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    chunks: Iterable[bytes] | None = None


class Hang:
    """Say nothing until the client goes away."""


class Reset:
    """Break the connection (RST) when the request has been read."""


Behaviour = Answer | type[Hang] | type[Reset]


@dataclass(slots=True)
class Upstream:
    """A listening provider; `behave` gives the behaviour for each request, and may be replaced."""

    server: socket.socket
    behave: Callable[[Recorded], Behaviour]
    requests: list[Recorded] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    open: set[socket.socket] = field(default_factory=set)

    @property
    def port(self) -> int:
        return int(self.server.getsockname()[1])

    def answer(self, behaviour: Behaviour) -> None:
        """Give this behaviour from now on."""
        self.behave = lambda _request: behaviour

    def serve(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open.add(connection)
            threading.Thread(target=self._connection, args=(connection,), daemon=True).start()

    def _connection(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        try:
            while (request := _read(reader)) is not None:
                self.requests.append(request)
                if not self._respond(connection, self.behave(request)):
                    return
        except OSError:
            pass
        finally:
            self.open.discard(connection)
            reader.close()
            connection.close()

    def _respond(self, connection: socket.socket, behaviour: Behaviour) -> bool:
        if behaviour is Hang:
            self.stopped.wait(30)
            return False
        if behaviour is Reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        assert isinstance(behaviour, Answer)
        head = [
            f"HTTP/1.1 {behaviour.status} X",
            f"content-type: {behaviour.content_type}",
            *(f"{name}: {value}" for name, value in behaviour.headers),
        ]
        if behaviour.chunks is None:
            head.append(f"content-length: {len(behaviour.body)}")
            connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + behaviour.body)
            return True
        head.append("transfer-encoding: chunked")
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
        for chunk in behaviour.chunks:
            if chunk:
                connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        connection.sendall(b"0\r\n\r\n")
        return True

    def stop(self) -> None:
        self.stopped.set()
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)  # wakes the accept; closing alone does not
        self.server.close()
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _read(reader: Any) -> Recorded | None:
    line = reader.readline()
    if not line:
        return None
    method, path, _ = line.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while (raw := reader.readline().rstrip(b"\r\n")) != b"":
        name, _, value = raw.decode("latin-1").partition(":")
        name = name.lower()
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(reader.readline(), 16):
            body += reader.read(size)
            reader.readline()
        reader.readline()
    else:
        body = reader.read(int(headers.get("content-length", "0")))
    return Recorded(method, path, headers, body)


@contextmanager
def upstream(behaviour: Behaviour | None = None) -> Iterator[Upstream]:
    """Run a provider on an ephemeral port until the block ends."""
    server = socket.create_server(("127.0.0.1", 0))
    found = Upstream(server, lambda _request: behaviour or chat())
    thread = threading.Thread(target=found.serve, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.stop()
        thread.join(5)


def chat(content: str = "hello", *, prompt: int = 12, completion: int = 5) -> Answer:
    """An OpenAI chat completion."""
    return Answer(
        body=json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "served-2024",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": content},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {
                    "prompt_tokens": prompt,
                    "completion_tokens": completion,
                    "total_tokens": prompt + completion,
                    "prompt_tokens_details": {"cached_tokens": 4},
                },
            }
        ).encode()
    )


def message(text: str = "hello", *, fresh: int = 10, read: int = 3, output: int = 6) -> Answer:
    """An Anthropic message."""
    return Answer(
        body=json.dumps(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-served",
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {
                    "input_tokens": fresh,
                    "cache_read_input_tokens": read,
                    "cache_creation_input_tokens": 2,
                    "output_tokens": output,
                },
            }
        ).encode()
    )


def openai_error(status: int, message: str, code: str | None = None) -> Answer:
    """An error in OpenAI's schema."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Answer(status, json.dumps({"error": error}).encode())


def anthropic_error(status: int, kind: str, message: str) -> Answer:
    """An error in Anthropic's schema."""
    body = {"type": "error", "error": {"type": kind, "message": message}}
    return Answer(status, json.dumps(body).encode())


def sse(*events: Any, done: bool = True) -> list[bytes]:
    """Chunks of an OpenAI stream, one for each event."""
    chunks = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    return [*chunks, b"data: [DONE]\n\n"] if done else chunks


def chat_chunk(content: str | None, *, usage: Any = None, finish: str | None = None) -> Any:
    """A chunk of an OpenAI chat stream; without content its choices are empty."""
    choices = []
    if content is not None:
        choices = [{"index": 0, "delta": {"content": content}, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "served-2024",
        "choices": choices,
        "usage": usage,
    }


def anthropic_stream(*, fresh: int = 10, output: int = 6) -> list[bytes]:
    """Chunks of an Anthropic stream."""
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-served",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": fresh,
                    "cache_read_input_tokens": 3,
                    "cache_creation_input_tokens": 0,
                    "output_tokens": 1,
                },
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "hello"},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": output},
        },
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
