"""The embedded store: counters in an SQLite file that the processes of one machine share.

What waits in one turn of the event loop shares a transaction. Nothing blocks the loop for long: a
transaction is some 100 microseconds, a file that another process has locked is tried again by
timer, and checkpoints, which wait for the disk, are another thread's. A process that is killed
loses nothing; a machine that loses power loses the last moments and never the file.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ext_authz.counters import book
from ext_authz.counters.counters import Charge, CountersAwayError, Settlement, Verdict
from ext_authz.counters.rows import Rows
from ext_authz.counters.term import Bill, Term, bill_of, term_of

_TOGETHER: Final = 64
"""How many of those that wait go into one transaction, which others wait for."""
_AGAIN_S: Final = 0.0005
"""After how long a locked file is tried again."""
_CHECKPOINT_EVERY: Final = 500
"""After how many transactions the write-ahead log is brought into the file."""


def wall_clock() -> int:
    """The time in ms since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class _Job:
    """What waits for a transaction until ``deadline`` (the loop's time)."""

    work: tuple[str, tuple[Term, ...], int] | Bill
    deadline: float
    done: asyncio.Future[Verdict | None]


class EmbeddedCounters:
    """Counters in a file; `Counters` says what its methods do.

    ``clock`` gives ms since 1970. The file and its folder are made when they are first needed; a
    file that cannot be used now is tried again with the next reservation.
    """

    def __init__(
        self, path: Path, timeout_ms: int = 100, clock: Callable[[], int] = wall_clock
    ) -> None:
        self._path = path
        self._timeout = timeout_ms / 1000
        self._clock = clock
        self._rows: Rows | None = None
        self._jobs: deque[_Job] = deque()
        self._flushing = False
        self._commits = 0
        self._checkpoint: asyncio.Future[None] | None = None

    async def reserve(self, reservation: str, charges: Sequence[Charge], hold_ms: int) -> Verdict:
        """Take all charges or none."""
        verdict = await self._do((reservation, tuple(map(term_of, charges)), int(hold_ms)))
        assert verdict is not None  # noqa: S101 - reservations have one, settlements have none
        return verdict

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Turn holds into what was used."""
        for first in range(0, len(settlements), _TOGETHER):
            part = settlements[first : first + _TOGETHER]
            await asyncio.gather(*(self._do(bill_of(settlement)) for settlement in part))

    async def close(self) -> None:
        """Let go of the file; what still waits fails."""
        while self._jobs:
            _fail(self._jobs.popleft(), "counters are closed")
        if self._checkpoint is not None:
            await self._checkpoint
        self._let_go()

    def _do(self, work: tuple[str, tuple[Term, ...], int] | Bill) -> asyncio.Future[Verdict | None]:
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.time() + self._timeout, loop.create_future())
        self._jobs.append(job)
        if not self._flushing:
            self._flushing = True
            loop.call_soon(self._flush)
        return job.done

    def _flush(self) -> None:
        """Do what waits, or come again where the file is locked."""
        loop = asyncio.get_running_loop()
        self._flushing = False
        jobs = [self._jobs.popleft() for _ in range(min(_TOGETHER, len(self._jobs)))]
        try:
            verdicts = self._transact([job.work for job in jobs])
        except Exception as error:  # noqa: BLE001 - whatever it was, whoever waits must be told
            if _is_locked(error):
                self._wait_for_lock(jobs, loop)
                return
            # Not only what is wrong now: a connection that saw its file replaced never recovers.
            self._let_go()
            for job in jobs:
                _fail(job, f"the counters' file cannot be used: {error}")
        else:
            for job, verdict in zip(jobs, verdicts, strict=True):
                if not job.done.done():
                    job.done.set_result(verdict)
            self._bring_in(loop)
        if self._jobs:
            self._flushing = True
            loop.call_soon(self._flush)

    def _wait_for_lock(self, jobs: Sequence[_Job], loop: asyncio.AbstractEventLoop) -> None:
        self._jobs.extendleft(reversed(jobs))
        while self._jobs and (self._jobs[0].deadline <= loop.time() or self._jobs[0].done.done()):
            _fail(self._jobs.popleft(), "the counters' file is locked")
        if self._jobs:
            self._flushing = True
            loop.call_later(_AGAIN_S, self._flush)

    def _transact(
        self, works: Sequence[tuple[str, tuple[Term, ...], int] | Bill]
    ) -> list[Verdict | None]:
        rows = self._rows
        if rows is None:
            rows = self._rows = Rows(self._path)
        now = self._clock()
        verdicts: list[Verdict | None] = []
        with rows.transaction(now):
            for work in works:
                if isinstance(work, Bill):
                    book.settle(rows, work, now)
                    verdicts.append(None)
                else:
                    verdicts.append(book.reserve(rows, *work, now))
        return verdicts

    def _bring_in(self, loop: asyncio.AbstractEventLoop) -> None:
        self._commits += 1
        if self._commits % _CHECKPOINT_EVERY:
            return
        if self._checkpoint is None or self._checkpoint.done():
            self._checkpoint = loop.run_in_executor(None, Rows.checkpoint, self._path)

    def _let_go(self) -> None:
        if self._rows is not None:
            self._rows.close()
            self._rows = None


def _is_locked(error: Exception) -> bool:
    # The extended codes (BUSY_SNAPSHOT, BUSY_RECOVERY) are busy in the lowest byte, too.
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _fail(job: _Job, reason: str) -> None:
    if not job.done.done():
        job.done.set_exception(CountersAwayError(reason))
