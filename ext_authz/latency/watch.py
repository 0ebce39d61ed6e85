"""A worker's task that has `Latencies` learn from the usage log, while a model chooses by them."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from ext_authz.latency.latencies import Latencies
from ext_authz.latency.tail import Tail

PACE: Final = 0.05
"""Seconds between two looks at the log."""
_AT_ONCE: Final = 50
"""Lines that are taken before questions get their turn: less than a millisecond's work."""
_AWAY: Final = 2.0

_log = logging.getLogger("gatewright.edge")


class Watch:
    """Follows the log at ``path`` from its end whenever ``latencies`` are wanted."""

    def __init__(self, path: Path, latencies: Latencies) -> None:
        self._path = path
        self._latencies = latencies
        self._task: asyncio.Task[None] | None = None

    def adjust(self) -> None:
        """Begin to follow the log, or cease to; call it when the models may have changed."""
        if self._latencies.wanted:
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._follow())
        elif self._task is not None:
            self._task.cancel()
            self._task = None

    def close(self) -> None:
        """Cease to follow."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _follow(self) -> None:
        tail = Tail(self._path)
        away = ""
        try:
            while True:
                try:
                    lines = tail.read()
                except OSError as error:
                    tail.close()
                    reason = error.strerror or type(error).__name__
                    if reason != away:
                        _log.warning("%s: %s; nobody knows who answers first", self._path, reason)
                    away = reason
                    await asyncio.sleep(_AWAY)
                    continue
                away = ""
                for number, line in enumerate(lines, start=1):
                    self._latencies.hear(line)
                    if number % _AT_ONCE == 0:
                        await asyncio.sleep(0)
                await asyncio.sleep(PACE)
        finally:
            tail.close()
