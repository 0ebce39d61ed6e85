"""The ledger's process: settles counters and writes rows from the usage log, until it is told.

Two readers go along the log, each at its own pace: what settles is quick, since tenants wait for
their budgets, and does not wait for the ledger's store; what writes takes many rows at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ext_authz.counters.counters import Counters
from ext_authz.ledger.bookmark import START, Bookmark, read_bookmark
from ext_authz.ledger.follow import Pace, Reader, follow
from ext_authz.ledger.holes import Holes
from ext_authz.ledger.quarantine import Quarantine
from ext_authz.ledger.settling import Settling
from ext_authz.ledger.spool import Spool
from ext_authz.ledger.store import LedgerAwayError
from ext_authz.ledger.writing import Writing
from xds.edge.paths import USAGE_LOG
from xds.edge.rules import Rules

BAD: Final = "usage.bad"
"""The file in the state folder that keeps lines of the usage log that are none."""

_SETTLED, _WRITTEN = "settled", "written"
_SETTLES: Final = Pace(quick=0.005, idle=0.02)
_WRITES: Final = Pace(quick=0.1, idle=0.1)
_WAIT: Final = 0.05


async def run_ledger(
    rules: Callable[[], Rules | None],
    folder: Path,
    state: Path,
    secrets: Callable[[str], str | None],
    counters_factory: Callable[[Rules], Counters],
    stop: asyncio.Event,
) -> None:
    """Follow ``folder``/usage.log until ``stop`` is set; ``state`` holds what outlives a process.

    ``rules`` gives the rules as they are now, None while there are none yet (then it waits).
    ``secrets`` gives a secret's value by the name of its SDS secret, None while it is not there.
    ``counters_factory`` opens the counters that the rules name; what it gives is closed here, and
    asked for again when ``rules.counters`` have changed; it may raise CountersAwayError. Nothing is
    raised for a store that is away, a line that is none or a disk that is full: each is told once
    in the log, and retried.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)  # noqa: ASYNC240 - once, and at once
    log = folder / USAGE_LOG
    holes = Holes(frozenset((_SETTLED, _WRITTEN)))
    settling = Settling(rules, counters_factory, state / "settled.json")
    writing = Writing(rules, secrets, state, Quarantine(state / BAD))

    async def settle() -> None:
        while rules() is None and not stop.is_set():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_WAIT)
        spool = Spool(log, read_bookmark(state / "settled.json") or START)
        try:
            await follow(Reader(_SETTLED, spool, settling.take, _SETTLES), holes, stop)
        finally:
            spool.close()
            await settling.close()

    async def write() -> None:
        bookmark = await _begin(writing, stop)
        spool = Spool(log, bookmark or START)
        try:
            await follow(Reader(_WRITTEN, spool, writing.take, _WRITES), holes, stop)
        finally:
            spool.close()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(settle())
            group.create_task(write())
            group.create_task(writing.retain(stop))
    finally:
        await writing.close()


async def _begin(writing: Writing, stop: asyncio.Event) -> Bookmark | None:
    """Ask where to begin until the store knows: rows that it has must not be read for another's."""
    wait = _WAIT
    while not stop.is_set():
        try:
            return await writing.bookmark()
        except LedgerAwayError:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)
            wait = min(wait * 2, 2.0)
    return None
