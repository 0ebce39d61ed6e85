"""Keeps a line to a Redis or Valkey open, and says at once when there is none.

Away is a server that cannot be reached, does not answer in time, or may not write (a replica, one
that loads, one that is full). While it is, one probe at a time looks for it, at growing intervals;
its first success ends that. A connection that merely ended is made again before anybody is told.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Final

import hiredis

from ext_authz.counters.counters import CountersAwayError
from ext_authz.counters.line import Address, Line, LineCutError, open_line

_PAUSE_S: Final = (0.02, 0.5)
"""Before the second probe, and at most between two."""
_CONNECT_S: Final = 2.0
"""For a probe: longer than a reservation may take, so that a far server is found at all."""
_HOPS: Final = 4
_SERVER_IS_AWAY: Final = frozenset(
    {"READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "NOAUTH", "OOM", "MISCONF"}
)
"""Answers that tell of the server, and not of what was asked of it."""


class Connector:
    """``line`` is there while the server is; otherwise `wait` waits for it, or tells why not."""

    def __init__(self, address: Address, timeout: float, probe: str) -> None:
        self.line: Line | None = None
        self._address = address
        self._timeout = timeout
        self._probe = probe
        self._away = ""
        self._seeking: asyncio.Task[None] | None = None
        self._found: asyncio.Event = asyncio.Event()
        self._closed = False

    async def wait(self) -> Line:
        """Wait for the line that is being made; raises CountersAwayError, at once if away."""
        if self._closed:
            raise CountersAwayError("the counters are closed")
        self._seek()
        if not self._away:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._found.wait()
            except TimeoutError:
                self._away = "no connection in time"
        if self.line is None:
            raise CountersAwayError(f"the counters' store: {self._away or 'no connection'}")
        return self.line

    def refused(self, line: Line, code: str) -> None:
        """Take note of an error that the server answered with."""
        if code in _SERVER_IS_AWAY:
            self._away = f"answered {code}"
            line.cut(LineCutError(self._away))

    async def close(self) -> None:
        """Cut the line and stop looking."""
        self._closed = True
        if self._seeking is not None:
            self._seeking.cancel()
            await asyncio.gather(self._seeking, return_exceptions=True)
        if self.line is not None:
            self.line.cut(LineCutError("closed"))

    def _seek(self) -> None:
        if self._seeking is None and not self._closed:
            self._found.clear()
            self._seeking = asyncio.get_running_loop().create_task(self._until_found())

    def _lost(self, error: LineCutError) -> None:
        self.line = None
        if error.stalled:
            self._away = str(error)
        self._seek()

    async def _until_found(self) -> None:
        pause, longest = _PAUSE_S
        try:
            while True:
                try:
                    async with asyncio.timeout(_CONNECT_S):
                        self.line = await self._connect(self._address, _HOPS)
                except (OSError, TimeoutError, ValueError) as error:
                    # None of them, of a host name, of TLS or of an answer, repeats a password.
                    self._away = str(error) or "no connection in time"
                else:
                    self._away = ""
                    return
                self._found.set()  # whoever waits is told now, not when the server is back
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
                pause = min(pause * 2, longest)
        finally:
            self._seeking = None
            self._found.set()

    async def _connect(self, address: Address, hops: int) -> Line:
        """Connect, say who we are, and see that we may write; raises OSError and TimeoutError."""
        line = await open_line(address, _CONNECT_S)
        try:
            moved = await _introduce(line, address, self._probe)
        except BaseException:
            line.cut(LineCutError("no connection"))
            raise
        if moved:
            line.cut(LineCutError("moved"))
            if not hops:
                raise ConnectionError("sends us from node to node")
            host, _, port = moved.rpartition(":")
            there = replace(address, host=host or address.host, port=int(port))
            return await self._connect(there, hops - 1)
        if line.is_cut:
            raise ConnectionError("the connection was lost")
        line.expect_within(self._timeout)
        line.on_cut = self._lost
        return line


async def _introduce(line: Line, address: Address, probe: str) -> str:
    """Say who we are, and write something; gives the node that lets us, where it is another."""
    if address.password:
        who = (address.user, address.password) if address.user else (address.password,)
        await _expect(line, "AUTH", *who)
    if address.database:
        await _expect(line, "SELECT", address.database)
    return await _expect(line, "SET", probe, "1", "PX", 1000)


async def _expect(line: Line, *command: str | int) -> str:
    """Ask for what must be granted; gives the address of the node that does, if another."""
    reply = await line.ask(*command)
    if not isinstance(reply, hiredis.ReplyError):
        return ""
    code, *rest = str(reply).split(" ")
    if code == "MOVED" and len(rest) == 2:
        return rest[1]
    # Only the code: what follows may repeat what was sent.
    raise ConnectionError(f"answered {code}")
