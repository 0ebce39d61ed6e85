"""Services that answer with what they were asked: one thread for them all.

A request may say what becomes of each attempt at it: `x-script: 503,reset,ok`, by its `x-id`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial


@contextmanager
def echoing(names: Sequence[str]) -> Iterator[dict[str, int]]:
    """Run a service for each name until the block ends; gives their ports."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    asked: Counter[str] = Counter()

    async def start() -> dict[str, int]:
        ports = {}
        for name in names:
            server = await loop.create_server(partial(_Echo, name, asked), "127.0.0.1", 0)
            ports[name] = server.sockets[0].getsockname()[1]
        return ports

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class _Echo(asyncio.Protocol):
    """One connection; requests have a content-length or no body."""

    def __init__(self, name: str, asked: Counter[str]) -> None:
        self._name = name
        self._asked = asked
        self._data = b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, rest = self._data.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = [(k.lower(), v.strip()) for k, _, v in (x.partition(":") for x in lines)]
            length = int(dict(headers).get("content-length", 0))
            if len(rest) < length:
                return
            self._data = rest[length:]
            method, path, _ = first.split(" ", 2)
            said = dict(headers)
            status, attempt = b"200 OK", 1
            if "x-script" in said:
                words = said["x-script"].split(",")
                self._asked[said["x-id"]] += 1
                attempt = self._asked[said["x-id"]]
                word = words[min(attempt, len(words)) - 1]
                if word == "reset":
                    self._transport.abort()
                    return
                status = word.encode() + b" Said"
            told = json.dumps(
                {
                    "to": self._name,
                    "method": method,
                    "path": path,
                    "headers": headers,
                    "attempt": attempt,
                }
            ).encode()
            answer = b"HTTP/1.1 %s\r\nx-echo: %d\r\ncontent-length: %d\r\n\r\n"
            answer %= (status, attempt, len(told))
            self._transport.write(answer + (b"" if method == "HEAD" else told))
