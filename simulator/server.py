"""HTTP/1.1 connections over asyncio: the thin shell around the reader and the exchange."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import cast

from simulator import http1
from simulator.exchange import Exchange
from simulator.message import Answer, Chunk, Request, json_answer
from simulator.play import at_once, bill_at_once, play
from simulator.recorder import Recorded

logger = logging.getLogger("simulator")

CUT_GAP = 0.02
"""Seconds between the last byte and a reset: a reader in between must not see both at once, as it
might then drop the bytes."""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_AT_ONCE_BYTES = 64 << 10
_MOST_PIPELINED = 1 << 20
_CONNECTIONS = itertools.count(1)


def answer_safely(exchange: Exchange, request: Request, record: Recorded | None) -> Answer:
    """The exchange's answer; a bug of ours becomes a 500 that says so, and a line in the log."""
    try:
        return exchange.answer(request, record)
    except Exception:
        logger.exception("the simulator failed to answer %s %s", request.method, request.path)
        return json_answer(500, {"error": {"message": "the simulator has a bug; see its log"}})


class Connection(asyncio.Protocol):
    """One connection: reads requests one after another and plays their answers.

    `bound` is the provider whose own port this is, None on the shared one. A client that begins
    with HTTP/2's preface (prior knowledge, RFC 9113, 3.3) is handed to `http2`.
    """

    def __init__(
        self, exchange: Exchange, bound: str | None, open_connections: set[Connection]
    ) -> None:
        self.exchange, self.bound, self._open = exchange, bound, open_connections
        self.number = next(_CONNECTIONS)
        self._reader = http1.Reader()
        self._record: Recorded | None = None
        self._player: asyncio.Task[None] | None = None
        self._first: bytes | None = b""
        self._http2: Callable[[bytes], None] | None = None
        self._on_lost: Callable[[], None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # A cast: uvloop's transports have asyncio's methods, but not its classes.
        self.transport = cast("asyncio.Transport", transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client left: whatever plays stops, and is billed for what was sent."""
        self._open.discard(self)
        self._writable.set()
        if self._on_lost is not None:
            self._on_lost()
        if self._player is not None:
            self._player.cancel()
        elif self._record is not None:
            self._record.body = self._reader.partial_body
            self.exchange.recorder.finish(self._record, disconnected=True)
            self._record = None

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    async def drained(self) -> None:
        """Wait until the client keeps up."""
        await self._writable.wait()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._http2 is not None:
            self._http2(data)
            return
        if self._first is not None:
            data = self._first + data
            if _PREFACE.startswith(data[: len(_PREFACE)]):
                self._first = data
                if len(data) >= len(_PREFACE):
                    self._upgrade(data)
                return
            self._first = None
        self._reader.feed(data)
        if self._player is None:
            self._advance()
        elif self._reader.buffered > _MOST_PIPELINED:
            self.transport.pause_reading()

    def _upgrade(self, data: bytes) -> None:
        # Imported here: only a client that speaks HTTP/2 costs the time to load h2.
        from simulator.http2 import Http2

        http2 = Http2(self)
        self._http2, self._on_lost = http2.receive, http2.lost
        http2.receive(data)

    def _advance(self) -> None:
        """Take the requests that are whole, until one has to be played."""
        while self._player is None and not self.transport.is_closing():
            try:
                event = self._reader.next_event()
            except http1.HttpError as error:
                self._refuse(error)
                return
            if event is None:
                return
            if isinstance(event, http1.Head):
                self._record = self.exchange.open(event.request, self.bound, self.number)
                if event.expects_continue:
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            else:
                self._answer(event)

    def _refuse(self, error: http1.HttpError) -> None:
        answer = json_answer(error.status, {"error": {"message": error.reason}})
        head = http1.encode_head(answer, "1.1", keep_alive=False)
        self.transport.write(head + answer.chunks[0].data)
        self.transport.close()

    def _answer(self, request: Request) -> None:
        record, self._record = self._record, None
        answer = answer_safely(self.exchange, request, record)
        sink = _Sink(self, request, answer, keep_alive=self._reader.keep_alive)
        if at_once(answer, _AT_ONCE_BYTES):
            self.transport.write(sink.whole())
            if record is not None:
                bill_at_once(answer, self.exchange.recorder, record)
            sink.done()
            return
        recorder = self.exchange.recorder if record is not None else None
        self._player = asyncio.get_running_loop().create_task(play(answer, sink, recorder, record))
        self._player.add_done_callback(partial(self._played, record))

    def _played(self, record: Recorded | None, task: asyncio.Task[None]) -> None:
        self._player = None
        if record is not None:
            # Only where it was cancelled before its first step is there still something to do.
            self.exchange.recorder.finish(record, disconnected=True)
        if task.cancelled():
            return
        if task.exception() is not None:
            logger.error("an answer could not be played", exc_info=task.exception())
            self.transport.abort()
            return
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self._advance()

    def stop(self) -> None:
        """Break the connection off; `connection_lost` then ends what plays."""
        self.transport.abort()


class _Sink:
    """Where one HTTP/1.1 answer goes."""

    def __init__(
        self, to: Connection, request: Request, answer: Answer, *, keep_alive: bool
    ) -> None:
        self._to, self._answer, self._version = to, answer, request.version
        self._has_body = http1.has_body(request.method, answer)
        # With HTTP/1.0 a body without a length ends where the connection does.
        ends_by_close = answer.content_length is None and request.version == "1.0"
        self._keep_alive = keep_alive and not ends_by_close

    def _head(self) -> bytes:
        return http1.encode_head(self._answer, self._version, keep_alive=self._keep_alive)

    def _data(self, chunks: list[Chunk] | tuple[Chunk, ...]) -> bytes:
        if not self._has_body:
            return b""
        encode = http1.encode_data
        return b"".join([encode(chunk.data, self._answer, self._version) for chunk in chunks])

    def _end(self) -> bytes:
        return http1.encode_end(self._answer, self._version) if self._has_body else b""

    def whole(self) -> bytes:
        """Everything at once."""
        return self._head() + self._data(self._answer.chunks) + self._end()

    def start(self, answer: Answer) -> None:  # noqa: ARG002 - it is the answer this sink was made for
        self._to.transport.write(self._head())

    async def send(self, chunks: list[Chunk], sent: Callable[[list[Chunk]], None]) -> None:
        self._to.transport.write(self._data(chunks))
        sent(chunks)
        # Gives way to others even where nothing has to be waited for.
        await asyncio.sleep(0)
        await self._to.drained()

    async def complete(self) -> None:
        self._to.transport.write(self._end())
        self.done()

    def done(self) -> None:
        """The answer is over; close unless another request may follow."""
        if not self._keep_alive:
            self._to.transport.close()

    async def reset(self) -> None:
        await reset(self._to.transport)

    async def close(self) -> None:
        self._to.transport.close()


async def reset(transport: asyncio.Transport) -> None:
    """Reset a connection (TCP RST), after what was written has reached the other side."""
    plug: socket.socket | None = transport.get_extra_info("socket")
    if plug is not None:
        deadline = asyncio.get_running_loop().time() + 1
        while _unsent(transport, plug) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - the kernel gives no event for it
            await asyncio.sleep(0.001)
        await asyncio.sleep(CUT_GAP)
        if not transport.is_closing():
            # Lingering for no time makes closing a reset (socket(7)).
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _unsent(transport: asyncio.Transport, plug: socket.socket) -> int:
    """Bytes that the other side has not acknowledged; where that cannot be asked, those of ours."""
    waiting = transport.get_write_buffer_size()
    if waiting or sys.platform != "linux":
        return waiting
    import fcntl
    import termios

    raw = fcntl.ioctl(plug.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    return int.from_bytes(raw, sys.byteorder)
