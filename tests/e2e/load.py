"""Steady requests against a URL while a test changes things, with every answer kept."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import httpx


class Load:
    """Sends ``rate`` requests a second from a thread of its own, each independent of the last."""

    def __init__(self, url: str, rate: float, headers: Mapping[str, str]) -> None:
        self.answers: list[str] = []
        self._headers = headers
        self._url = url
        self._pause = 1 / rate
        self._stop = threading.Event()

    @property
    def failures(self) -> Counter[str]:
        """All answers but 200, and all errors, with how often they came."""
        return Counter(answer for answer in self.answers if not answer.startswith("200 "))

    def wait_for(self, answer: str, count: int = 5, deadline: float = 20.0) -> None:
        """Wait until ``count`` answers in a row were this one."""
        end = time.monotonic() + deadline
        while self.answers[-count:] != [f"200 {answer}"] * count:
            assert time.monotonic() < end, f"{answer!r} did not come: {self.answers[-10:]}"
            time.sleep(0.01)

    def run(self) -> None:
        asyncio.run(self._send_all())

    def stop(self) -> None:
        self._stop.set()

    async def _send_all(self) -> None:
        under_way: set[asyncio.Task[None]] = set()
        async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
            while not self._stop.is_set():
                task = asyncio.create_task(self._send(client))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                await asyncio.sleep(self._pause)
            await asyncio.gather(*under_way)

    async def _send(self, client: httpx.AsyncClient) -> None:
        try:
            response = await client.get(self._url, headers=self._headers)
        except httpx.HTTPError as error:
            self.answers.append(f"{type(error).__name__}: {error}")
        else:
            self.answers.append(f"{response.status_code} {response.text}")


@contextmanager
def load(
    url: str, rate: float = 50.0, headers: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Load]:
    """Send requests until the block ends; the last ones are awaited."""
    running = Load(url, rate, headers)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join()
