"""HTTP/2 connections without TLS, by prior knowledge, over the h2 library."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from simulator import http1
from simulator.message import Answer, Chunk, Headers, Request
from simulator.play import play
from simulator.recorder import Recorded

if TYPE_CHECKING:
    from simulator.server import Connection

logger = logging.getLogger("simulator")


@dataclass(slots=True)
class _Stream:
    """One request of a connection and the answer that plays to it."""

    request: Request
    record: Recorded | None
    body: bytearray = field(default_factory=bytearray)
    player: asyncio.Task[None] | None = None
    window: asyncio.Event = field(default_factory=asyncio.Event)


class Http2:
    """The HTTP/2 side of a connection: many requests at a time, each answer a task of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._h2.initiate_connection()
        self._streams: dict[int, _Stream] = {}

    def receive(self, data: bytes) -> None:
        """Bytes came, from the preface on."""
        try:
            for event in self._h2.receive_data(data):
                match event:
                    case RequestReceived():
                        self._open(event)
                    case DataReceived():
                        self._data(event)
                    case StreamEnded(stream_id=number) if number in self._streams:
                        self._answer(number)
                    case StreamReset(stream_id=number) if number is not None:
                        self._gone(number)
                    case WindowUpdated():
                        for stream in self._streams.values():
                            stream.window.set()
        except ProtocolError:
            # h2 has the GOAWAY ready that says what was wrong.
            self.flush()
            self._connection.transport.close()
            return
        self.flush()

    def flush(self) -> None:
        """Write what h2 has to say."""
        if data := self._h2.data_to_send():
            self._connection.transport.write(data)

    def lost(self) -> None:
        """The client left."""
        for number in list(self._streams):
            self._gone(number)

    def _open(self, event: RequestReceived) -> None:
        request = _request(event.headers)
        exchange = self._connection.exchange
        record = exchange.open(request, self._connection.bound, self._connection.number)
        self._streams[event.stream_id] = _Stream(request, record)

    def _data(self, event: DataReceived) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        stream.body += event.data
        if len(stream.body) > http1.MOST_BODY_BYTES:
            self._h2.reset_stream(event.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)
            self._gone(event.stream_id)
        elif event.flow_controlled_length:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _answer(self, number: int) -> None:
        from simulator.server import answer_safely

        stream = self._streams[number]
        head = stream.request
        request = Request(head.method, head.target, head.headers, bytes(stream.body), head.version)
        exchange = self._connection.exchange
        answer = answer_safely(exchange, request, stream.record)
        sink = _Sink(self, number, stream, answer, http1.has_body(head.method, answer))
        recorder = exchange.recorder if stream.record is not None else None
        stream.player = asyncio.get_running_loop().create_task(
            play(answer, sink, recorder, stream.record)
        )
        stream.player.add_done_callback(partial(self._played, number, stream.record))

    def _played(self, number: int, record: Recorded | None, task: asyncio.Task[None]) -> None:
        self._streams.pop(number, None)
        if record is not None:
            self._connection.exchange.recorder.finish(record, disconnected=True)
        if not task.cancelled() and task.exception() is not None:
            logger.error("an answer could not be played", exc_info=task.exception())
            self._connection.transport.abort()

    def _gone(self, number: int) -> None:
        """The client gave up on one request, or on all."""
        stream = self._streams.pop(number, None)
        if stream is None:
            return
        if stream.player is not None:
            stream.player.cancel()
        elif stream.record is not None:
            stream.record.body = bytes(stream.body)
            self._connection.exchange.recorder.finish(stream.record, disconnected=True)

    # What a sink does

    def send_head(self, number: int, answer: Answer, *, end: bool) -> None:
        """Send the headers of an answer."""
        headers = [(b":status", b"%d" % answer.status), *answer.headers]
        if answer.content_length is not None:
            headers.append((b"content-length", b"%d" % answer.content_length))
        self._h2.send_headers(number, headers, end_stream=end)
        self.flush()

    async def send_data(self, number: int, stream: _Stream, data: bytes) -> None:
        """Send a piece of a body, as the client's windows let it."""
        view = memoryview(data)
        while view:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                stream.window.clear()
                await stream.window.wait()
                continue
            self._h2.send_data(number, bytes(view[:room]))
            view = view[room:]
            self.flush()

    async def drained(self) -> None:
        """Wait until the client reads what was written."""
        await self._connection.drained()

    def end(self, number: int) -> None:
        """End an answer."""
        self._h2.end_stream(number)
        self.flush()

    def reset(self, number: int) -> None:
        """Break one answer off."""
        self._h2.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
        self.flush()

    def close(self) -> None:
        """Close the whole connection."""
        self._connection.transport.close()


class _Sink:
    """Where one HTTP/2 answer goes."""

    def __init__(
        self, to: Http2, number: int, stream: _Stream, answer: Answer, has_body: bool
    ) -> None:
        self._to, self._number, self._stream = to, number, stream
        self._has_body = has_body and bool(answer.chunks or answer.content_length != 0)

    def start(self, answer: Answer) -> None:
        self._to.send_head(self._number, answer, end=not self._has_body)

    async def send(self, chunks: list[Chunk], sent: Callable[[list[Chunk]], None]) -> None:
        for chunk in chunks:
            if self._has_body and chunk.data:
                await self._to.send_data(self._number, self._stream, chunk.data)
            sent([chunk])
        await asyncio.sleep(0)
        await self._to.drained()

    async def complete(self) -> None:
        if self._has_body:
            self._to.end(self._number)

    async def reset(self) -> None:
        # Frames on one connection arrive in order: nothing has to be waited for.
        self._to.reset(self._number)

    async def close(self) -> None:
        self._to.close()


def _request(fields: list[tuple[bytes, bytes]]) -> Request:
    """The request of an HTTP/2 header block; `:authority` stands as `host`, as in HTTP/1.1."""
    pseudo = {name: value for name, value in fields if name.startswith(b":")}
    headers: Headers = tuple(pair for pair in fields if not pair[0].startswith(b":"))
    names = {name for name, _ in headers}
    if b":authority" in pseudo and b"host" not in names:
        headers = ((b"host", pseudo[b":authority"]), *headers)
    method = pseudo.get(b":method", b"GET").decode("latin-1")
    target = pseudo.get(b":path", b"/").decode("latin-1")
    return Request(method, target, headers, b"", "2")
