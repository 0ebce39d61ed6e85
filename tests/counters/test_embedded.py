"""The embedded store: one file for the processes of a machine."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys

import pytest

from ext_authz.counters.counters import CountersAwayError, Settlement
from ext_authz.counters.embedded import EmbeddedCounters
from tests.counters.charges import charge, limit
from xds.edge.limit import Period, Shape, Unit

DAILY = limit(Unit.TOKENS, 100, Period.DAY, Shape.CALENDAR)


def test_what_was_counted_is_there_after_a_restart(tmp_path):
    """Counters and holds are in the file, not in the process."""

    async def scenario():
        first = EmbeddedCounters(tmp_path / "deep" / "counters.db")
        assert (await first.reserve("one", [charge(DAILY, 70)], 60_000)).admitted
        await first.close()
        second = EmbeddedCounters(tmp_path / "deep" / "counters.db")
        assert not (await second.reserve("two", [charge(DAILY, 70)], 60_000)).admitted
        await second.settle([Settlement("one", {Unit.TOKENS: 30})])
        verdict = await second.reserve("two", [charge(DAILY, 70)], 60_000)
        assert verdict.admitted
        assert verdict.standings[0].remaining == 0
        await second.close()

    asyncio.run(scenario())


WORKER = """
import asyncio, pathlib, sys
from ext_authz.counters.embedded import EmbeddedCounters
from tests.counters.charges import charge, limit

async def main():
    counters = EmbeddedCounters(pathlib.Path(sys.argv[1]), timeout_ms=10_000)
    thirty = limit(amount=300, period="hour")
    verdicts = await asyncio.gather(
        *(counters.reserve(f"{sys.argv[2]}-{n}", [charge(thirty)], 1000) for n in range(400))
    )
    await counters.close()
    print(sum(verdict.admitted for verdict in verdicts))

asyncio.run(main())
"""


def test_two_processes_admit_together_what_the_limit_says(tmp_path, repository):
    """800 reservations by two processes of one file: 300 are granted."""
    path = tmp_path / "counters.db"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), name],
            cwd=repository,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    admitted = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    assert sum(admitted) == 300


def test_a_locked_file_is_away_within_the_timeout_and_comes_back(tmp_path):
    """While another process holds the file, the answer is that nothing is known, in time."""

    async def scenario():
        path = tmp_path / "counters.db"
        counters = EmbeddedCounters(path, timeout_ms=100)
        assert (await counters.reserve("one", [charge(DAILY, 1)], 1000)).admitted
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            began = asyncio.get_running_loop().time()
            with pytest.raises(CountersAwayError, match="locked"):
                await counters.reserve("two", [charge(DAILY, 1)], 1000)
            assert asyncio.get_running_loop().time() - began < 1
            waits = asyncio.ensure_future(counters.reserve("three", [charge(DAILY, 1)], 1000))
            await asyncio.sleep(0.01)
            other.execute("ROLLBACK")
        verdict = await waits
        assert verdict.standings[0].remaining == 98
        await counters.close()

    asyncio.run(scenario())


def test_a_file_that_cannot_be_made_is_away_and_made_later(tmp_path):
    """A folder that is in the way is told of, and when it has gone the counters are there."""

    async def scenario():
        path = tmp_path / "counters.db"
        path.mkdir()
        counters = EmbeddedCounters(path)
        with pytest.raises(CountersAwayError):
            await counters.reserve("one", [charge(DAILY, 1)], 1000)
        path.rmdir()
        assert (await counters.reserve("one", [charge(DAILY, 1)], 1000)).admitted
        await counters.close()

    asyncio.run(scenario())


def test_a_full_disk_is_away_and_nothing_of_it_was_taken(tmp_path):
    """A file that may not grow refuses all of a reservation, and goes on when it may again."""

    async def scenario():
        path = tmp_path / "counters.db"
        counters = EmbeddedCounters(path)
        assert (await counters.reserve("one", [charge(DAILY, 1)], 1000)).admitted
        db = counters._rows._db
        db.execute("PRAGMA max_page_count=1")  # SQLite says "database or disk is full" from now on
        more = [limit(amount=10**6, id=f"more/{number}") for number in range(1000)]
        with pytest.raises(CountersAwayError, match="full"):
            await counters.reserve("more", [charge(one, 1) for one in more], 10**6)
        verdict = await counters.reserve("two", [charge(DAILY, 1)], 1000)
        assert verdict.standings[0].remaining == 98
        await counters.close()

    asyncio.run(scenario())


def test_a_row_that_is_not_ours_is_told_of(tmp_path):
    """Whatever is wrong with the file, nobody waits in vain."""

    async def scenario():
        path = tmp_path / "counters.db"
        counters = EmbeddedCounters(path)
        assert (await counters.reserve("one", [charge(DAILY, 1)], 1000)).admitted
        with sqlite3.connect(path) as other:
            other.execute("UPDATE counter SET state = x'ff'")
        with pytest.raises(CountersAwayError):
            await counters.reserve("two", [charge(DAILY, 1)], 1000)
        with sqlite3.connect(path) as other:
            other.execute("DELETE FROM counter")
        assert (await counters.reserve("two", [charge(DAILY, 1)], 1000)).admitted
        await counters.close()

    asyncio.run(scenario())


def test_what_is_gone_is_removed(tmp_path):
    """Counters and reservations that are of no use any more leave the file by themselves."""

    async def scenario():
        now = 1_800_000_000_000
        counters = EmbeddedCounters(tmp_path / "counters.db", clock=lambda: now)
        for _ in range(20):
            now += 200_000
            await asyncio.gather(
                *(
                    counters.reserve(
                        f"{now}-{number}",
                        [charge(limit(amount=5, id=f"client/{now}/{number}"))],
                        1000,
                    )
                    for number in range(400)
                )
            )
        db = counters._rows._db
        for table in ("counter", "reservation"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] < 3 * 400
        await counters.close()

    asyncio.run(scenario())


KILLED = """
import asyncio, pathlib, sys
from ext_authz.counters.embedded import EmbeddedCounters
from tests.counters.charges import charge, limit

async def main():
    counters = EmbeddedCounters(pathlib.Path(sys.argv[1]), timeout_ms=10_000)
    many = limit(amount=10**9, period="month")
    for number in range(10**6):
        await counters.reserve(f"r{number}", [charge(many)], 1000)
        print(number + 1, flush=True)

asyncio.run(main())
"""


def test_a_process_that_is_killed_loses_nothing_that_it_was_told(tmp_path, repository):
    """What was granted before kill -9 is counted, and at most the one under way besides."""
    path = tmp_path / "counters.db"
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], cwd=repository, stdout=subprocess.PIPE, text=True
    )
    for line in worker.stdout:
        if int(line) == 500:
            break
    worker.kill()
    told = max([500, *map(int, worker.stdout.read().split("\n")[:-1])])
    worker.wait()

    async def scenario():
        counters = EmbeddedCounters(path)
        many = limit(amount=10**9, period=Period.MONTH)
        verdict = await counters.reserve("after", [charge(many)], 1000)
        counted = 10**9 - verdict.standings[0].remaining - 1
        assert told <= counted <= told + 1
        await counters.close()

    asyncio.run(scenario())
