"""A load client: keep-alive HTTP/1.1 connections that send one request after another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """What came back: counts by status; 0 is a connection that broke or a bad answer."""

    statuses: dict[int, int]

    def add(self, status: int) -> None:
        """Count one answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1

    @property
    def total(self) -> int:
        """How many requests were answered or broke."""
        return sum(self.statuses.values())


async def drive(port: int, request: bytes, *, connections: int, requests: int) -> Tally:
    """Send ``requests`` copies of ``request`` to 127.0.0.1:port over that many connections.

    Answers must carry a content-length or come in chunks, as those of keep-alive connections do.
    """
    tally = Tally({})
    left = requests

    async def one() -> None:
        nonlocal left
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left > 0:
            left -= 1
            writer.write(request)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                await _pass_body(reader, head)
            except (asyncio.IncompleteReadError, ConnectionError):
                tally.add(0)
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                continue
            tally.add(int(head[9:12]))
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return tally


async def _pass_body(reader: asyncio.StreamReader, head: bytes) -> None:
    lower = head.lower()
    if b"transfer-encoding: chunked" not in lower:
        await reader.readexactly(_length(lower))
        return
    size = 1
    while size:
        size = int(await reader.readuntil(b"\r\n"), 16)
        await reader.readexactly(size + 2)


def _length(lower: bytes) -> int:
    at = lower.find(b"content-length:")
    if at < 0:
        raise ConnectionError("an answer without content-length")
    return int(lower[at + 15 : lower.index(b"\r\n", at)])


def post(path: str, body: bytes) -> bytes:
    """Write one JSON POST as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer client\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
