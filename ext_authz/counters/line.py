"""One connection to a Redis or Valkey on which commands are pipelined by themselves.

What is asked in one turn of the event loop goes out in one write, and nobody waits for another's
answer to ask. The protocol (RESP2) is hiredis's business. A server that lets anybody wait for
longer than the timeout has stalled: all who wait are told, and the line is cut.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import hiredis

_MORE: Final = object()
"""What the reader gives where a reply is not complete yet."""
_GRACE_S: Final = 0.002
"""For answers that have come by the deadline, and that the event loop has not read yet."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and what it asks for; the password shows in no repr."""

    host: str
    port: int
    path: str = ""
    """Of a Unix socket; host and port are of no use then."""
    database: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


class LineCutError(ConnectionError):
    """The line is cut; what was asked may have been done. ``stalled``: no answer came in time."""

    def __init__(self, reason: str, *, stalled: bool = False) -> None:
        super().__init__(reason)
        self.stalled = stalled


class Line(asyncio.Protocol):
    """A connection; make one with `open_line`.

    ``timeout`` is for one answer, in seconds; ``on_cut`` is called when the line is cut, once.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self.on_cut: Callable[[LineCutError], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._waiting: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cut: LineCutError | None = None

    def ask(self, *command: str | bytes | int) -> asyncio.Future[Any]:
        """Send a command; its future has the reply (a ReplyError, too) or raises LineCutError."""
        answer = self._loop.create_future()
        if self._cut is not None:
            answer.set_exception(self._cut)
            return answer
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(hiredis.pack_command(command))  # type: ignore[arg-type] # list or tuple
        self._waiting.append((self._loop.time() + self._timeout, answer))
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout, self._look)
        return answer

    def _send(self) -> None:
        if self._transport is not None and self._cut is None:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _look(self, late: asyncio.Future[Any] | None = None) -> None:
        """See whether the first in the queue has waited for too long; the others came later."""
        self._timer = None
        if not self._waiting:
            return
        deadline, first = self._waiting[0]
        left = deadline - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        elif first is not late:
            # If the loop was late, and not the server, the answer is there and will be read now.
            self._timer = self._loop.call_later(_GRACE_S, self._look, first)
        else:
            reason = f"no answer within {self._timeout * 1000:.0f} ms"
            self.cut(LineCutError(reason, stalled=True))

    def cut(self, error: LineCutError) -> None:
        """End the line; whoever waits is told."""
        if self._cut is not None:
            return
        self._cut = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()
        self._unsent.clear()
        while self._waiting:
            answer = self._waiting.popleft()[1]
            if not answer.done():
                answer.set_exception(error)
        if self.on_cut is not None:
            self.on_cut(error)

    def expect_within(self, timeout: float) -> None:
        """Change the timeout; nothing is waited for at the moment."""
        self._timeout = timeout
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def is_cut(self) -> bool:
        """Whether it is of no use any more."""
        return self._cut is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has no such base

    def data_received(self, data: bytes) -> None:
        """Give each reply to who is first in the queue."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _MORE:
                if not self._waiting:
                    raise hiredis.ProtocolError  # noqa: TRY301 - as if the reader had found it
                answer = self._waiting.popleft()[1]
                if not answer.done():
                    answer.set_result(reply)
        except hiredis.ProtocolError:
            self.cut(LineCutError("no Redis protocol"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Tell all who wait."""
        self.cut(LineCutError("the connection was lost"))


async def open_line(address: Address, answer_in: float) -> Line:
    """Connect; raises OSError (TLS errors are, too). Who one is has not been said yet.

    ``answer_in`` is the line's timeout in seconds.
    """
    loop = asyncio.get_running_loop()

    def make() -> Line:
        return Line(answer_in)

    if address.path:
        _, line = await loop.create_unix_connection(make, address.path)
    else:
        _, line = await loop.create_connection(make, address.host, address.port, ssl=address.tls)
    return line
