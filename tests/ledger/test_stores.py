"""Both stores keep the same promises: SQLite on one machine, PostgreSQL for a fleet."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from msgspec.structs import replace

from ext_authz.ledger.bookmark import Bookmark
from ext_authz.ledger.postgres import PostgresLedger, reason
from ext_authz.ledger.quarantine import Quarantine
from ext_authz.ledger.row import row
from ext_authz.ledger.sqlite import SqliteLedger
from ext_authz.ledger.store import LedgerAwayError, RowsRefusedError
from ext_authz.ledger.writing import Writing
from tests.ledger.lines import numbered
from xds.edge.rules import LedgerStore, Rules

ROWS = [row(numbered(number), "x", "g") for number in range(500)]


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    """Makes ledgers of one place, each time a new one."""
    if request.param == "sqlite":
        return lambda: SqliteLedger(tmp_path / "ledger.sqlite")
    url = request.getfixturevalue("postgres").database()
    return lambda: PostgresLedger(url)


def run(work):
    return asyncio.run(work)


def test_a_row_is_there_once_however_often_it_is_written(store):
    """In one batch, in two, and by another process."""

    async def write():
        one, two = store(), store()
        counts = [
            await one.write([*ROWS[:10], *ROWS[:5]], Bookmark("a", 10)),
            await one.write(ROWS[5:20], Bookmark("a", 20)),
            await two.write(ROWS, Bookmark("a", 30)),
            await two.write((), Bookmark("a", 31)),
        ]
        await one.close()
        await two.close()
        return counts

    assert run(write()) == [10, 10, 480, 0]


def test_old_rows_are_deleted_a_few_at_a_time(store):
    """The oldest first; what is new enough stays."""
    old = [replace(one, time=one.time - 1_000_000) for one in ROWS[:100]]

    async def prune():
        one = store()
        await one.write([*old, *ROWS[100:]], None)
        before = ROWS[0].time
        counts = [await one.prune(before, 60) for _ in range(3)]
        await one.close()
        return counts

    assert run(prune()) == [60, 40, 0]


def test_a_bookmark_is_written_with_its_rows(tmp_path):
    """SQLite has both in one step, so that neither is ahead of the other."""

    async def write():
        one = SqliteLedger(tmp_path / "ledger.sqlite")
        assert await one.bookmark() is None
        await one.write(ROWS[:3], Bookmark("a", 7, ("b", "c")))
        await one.close()
        two = SqliteLedger(tmp_path / "ledger.sqlite")
        found = await two.bookmark()
        await two.close()
        return found

    assert run(write()) == Bookmark("a", 7, ("b", "c"))


def test_a_file_that_is_no_database_is_away_and_told(tmp_path):
    """It is not replaced: it may be somebody's."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(LedgerAwayError, match=r"ledger\.sqlite: file is not a database"):
        run(SqliteLedger(path).write(ROWS[:1], None))


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path, postgres):
    """Whoever went back to an older version is told."""
    path = tmp_path / "ledger.sqlite"
    run(SqliteLedger(path).write(ROWS[:1], None))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerAwayError, match="newer Gatewright"):
        run(SqliteLedger(path).write(ROWS[:1], None))

    import psycopg

    url = postgres.database()
    run(PostgresLedger(url).write(ROWS[:1], None))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE gatewright_ledger_version SET version = 99")
    with pytest.raises(LedgerAwayError, match="newer Gatewright"):
        run(PostgresLedger(url).write(ROWS[:1], None))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:canary-password@127.0.0.1:1/ledger",
        "postgresql://user:canary-password@127.0.0.1:1/ledger?nonsense=canary-password",
        "postgresql://user:canary-password@[::1/ledger",
        "canary-password",
    ],
)
def test_no_password_is_in_an_error(url):
    """Neither in the message nor in the chain of errors behind it."""
    with pytest.raises(LedgerAwayError) as caught:
        run(PostgresLedger(url).write(ROWS[:1], None))
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert "canary" not in repr(PostgresLedger(url))
    assert "canary" not in reason(ValueError("canary-password"), url)


class Picky:
    """A store that takes no row of one tenant."""

    def __init__(self) -> None:
        self.rows: list = []
        self.bookmark_ = None

    async def write(self, rows, bookmark):
        if any(one.tenant == "tenant-1" for one in rows):
            raise RowsRefusedError("no")
        self.rows += rows
        self.bookmark_ = bookmark or self.bookmark_
        return len(rows)


def test_a_row_that_is_refused_holds_up_no_other(tmp_path):
    """It is kept apart, and the bookmark goes on."""
    writing = Writing(lambda: None, lambda _: None, tmp_path, Quarantine(tmp_path / "bad"))
    picky = Picky()
    written = run(writing._write(picky, ROWS[:50], Bookmark("a", 9)))
    wanted = [one for one in ROWS[:50] if one.tenant != "tenant-1"]
    assert picky.rows == wanted
    assert written == len(wanted)
    assert picky.bookmark_ == Bookmark("a", 9)
    assert len((tmp_path / "bad").read_text().splitlines()) == 50 - len(wanted)


def test_a_ledger_that_moves_takes_no_row_along_twice(tmp_path, postgres):
    """From SQLite to PostgreSQL: reading goes on where the old one's bookmark was."""
    url = postgres.database()
    rules = Rules(gateway="g", ledger=LedgerStore(kind="embedded"))

    async def move():
        nonlocal rules
        writing = Writing(lambda: rules, lambda _: url, tmp_path, Quarantine(tmp_path / "bad"))
        from ext_authz.ledger.spool import Batch

        await writing.take(Batch((), Bookmark("a", 9)))
        rules = Rules(gateway="g", ledger=LedgerStore(kind="postgres", secret="x"))
        found = await writing.bookmark()
        await writing.close()
        return found

    assert run(move()) == Bookmark("a", 9)


def test_retention_deletes_what_is_older(tmp_path):
    """`retention: 400d` is counted from now, whatever the rules said when rows were written."""
    rules = Rules(gateway="g", ledger=LedgerStore(kind="embedded", retention_days=400))

    async def retain():
        writing = Writing(lambda: rules, lambda _: None, tmp_path, Quarantine(tmp_path / "bad"))
        store = await writing._open()
        ancient = [replace(one, time=one.time - 500 * 86_400_000_000) for one in ROWS[:7]]
        import time

        now = int(time.time() * 1000)
        await store.write(ancient, None)
        await store.write([replace(ROWS[8], time=now)], None)
        await writing._prune(asyncio.Event())
        left = await store.prune(now + 1, 100)
        await writing.close()
        return left

    assert run(retain()) == 1
