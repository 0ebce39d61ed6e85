"""A reader that goes along the usage log: reads, hands over, moves its bookmark, gives bytes back.

What it hands a batch to raises an error of its own while its store is away: then the batch is kept
in the log, and handed over again, later and later. Nothing is lost meanwhile but disk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ext_authz.counters.counters import CountersAwayError
from ext_authz.ledger.holes import Holes
from ext_authz.ledger.spool import Batch, Spool
from ext_authz.ledger.store import LedgerAwayError

_LONGEST_WAIT: Final = 5.0
_FIRST_WAIT: Final = 0.05
_DRAIN: Final = 2.0
_AWAKE: Final = 1.0
"""Seconds for which a reader that has found something looks at its quickest."""

_log = logging.getLogger("gatewright.ledger")

Take = Callable[[Batch], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two looks at the log: while there is work, and while there is none."""

    quick: float
    idle: float


@dataclass(frozen=True, slots=True)
class Reader:
    """One of those that read the log: its name, its place, whom it hands batches to."""

    name: str
    spool: Spool
    take: Take
    pace: Pace


async def follow(reader: Reader, holes: Holes, stop: asyncio.Event) -> None:
    """Go along the log until ``stop`` is set, and then to its end, if that takes two seconds."""
    spool, wait, last = reader.spool, _FIRST_WAIT, 0.0
    away = ""
    deadline: float | None = None
    while True:
        if stop.is_set():
            deadline = time.monotonic() + _DRAIN if deadline is None else deadline
            if time.monotonic() > deadline:
                return
        try:
            batch = spool.read()
            if batch is not None:
                await reader.take(batch)
                spool.take(batch)
                if spool.descriptor is not None:
                    holes.passed(reader.name, spool.descriptor, batch.end.offset)
        except (CountersAwayError, LedgerAwayError, OSError) as error:
            reason = str(error) or type(error).__name__
            if reason != away:
                _log.warning("%s: %s; the usage log keeps what comes", reader.name, reason)
            away = reason
            if deadline is not None:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)
            wait = min(wait * 2, _LONGEST_WAIT)
            continue
        if batch is not None:
            if away:
                _log.warning("%s: the store is back", reader.name)
            away, wait, last = "", _FIRST_WAIT, time.monotonic()
            if deadline is None and spool.behind() == 0:
                await asyncio.sleep(reader.pace.quick)
            else:
                await asyncio.sleep(0)
            continue
        if deadline is not None:
            return
        awake = time.monotonic() - last < _AWAKE
        await asyncio.sleep(reader.pace.quick if awake else reader.pace.idle)
