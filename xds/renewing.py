"""Renews a control plane's access tokens when it is time; who publishes does not wait for that."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Final

from xds.google_tokens import GoogleTokens

_LOOK: Final = 60.0


class Renewing:
    """Asks for the tokens that are due, and calls ``reread`` to have what came of it served.

    From `start` to `stop`; made on the loop it runs on.
    """

    def __init__(self, tokens: GoogleTokens, reread: Callable[[], Awaitable[None]]) -> None:
        self._tokens = tokens
        self._reread = reread
        self._was_read = asyncio.Event()
        self._asked = asyncio.Event()
        self._stopping = False
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._running = asyncio.create_task(self._run())

    def was_read(self) -> None:
        """Hear that secrets were read: what is due next may be another token now."""
        self._was_read.set()

    async def stop(self) -> None:
        """Wait for the end of what is under way, but for no token server."""
        self._stopping = True
        self._was_read.set()
        self._asked.set()
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        """Not ended by a cancellation: `asyncio.wait_for` of Python 3.11 can lose one."""
        while not self._stopping:
            self._was_read.clear()
            wait = self._tokens.wait()
            with contextlib.suppress(TimeoutError):
                # A machine that slept counts on from where it was: look at the clock now and then.
                await asyncio.wait_for(self._was_read.wait(), wait and min(wait, _LOOK))
                continue
            if wait is None or wait > _LOOK:
                continue
            await self._aside(self._tokens.renew)
            if not self._stopping:
                await self._reread()

    async def _aside(self, work: Callable[[], None]) -> None:
        """Wait for a thread that nobody else waits for: a server may be silent when we stop."""
        loop = asyncio.get_running_loop()
        self._asked.clear()

        def run() -> None:
            try:
                work()
            finally:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(self._asked.set)

        threading.Thread(target=run, name="google-tokens", daemon=True).start()
        await self._asked.wait()
