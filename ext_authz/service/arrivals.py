"""What is served comes anew: who cannot do without something that may be on its way waits a while.

Envoy may have its routes and clusters before its edge does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 0.8
"""Seconds of waiting: less than Envoy waits for us, so that the client is told what is the matter.
"""


class Arrivals:
    """Tells those who wait whenever there is something new."""

    def __init__(self) -> None:
        self._came = asyncio.Event()

    def tell(self) -> None:
        """Wake all who wait now."""
        came, self._came = self._came, asyncio.Event()
        came.set()

    async def until(self, again: Callable[[], T | None]) -> T | None:
        """Call ``again`` with each arrival until it gives something; None when patience ends."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                async with asyncio.timeout(end - time.monotonic()):
                    await self._came.wait()
            except TimeoutError:
                return None
            found = again()
            if found is not None:
                return found
