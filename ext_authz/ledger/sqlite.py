"""The ledger of one machine: a SQLite file, whose rows and bookmark are written in one step."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from msgspec.structs import astuple

from ext_authz.ledger.bookmark import Bookmark
from ext_authz.ledger.columns import COLUMNS, TABLE, quoted, steps
from ext_authz.ledger.row import Row
from ext_authz.ledger.store import LedgerAwayError, RowsRefusedError

FILE: Final = "ledger.sqlite"
"""The file's name in the edge's state folder."""

_INSERT: Final = (
    f"INSERT OR IGNORE INTO {TABLE} ({', '.join(map(quoted, COLUMNS))}) "  # noqa: S608 - names of our own
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)
_PRUNE: Final = (
    f"DELETE FROM {TABLE} WHERE rowid IN "  # noqa: S608 - names of our own
    f'(SELECT rowid FROM {TABLE} WHERE "time" < ? ORDER BY "time" LIMIT ?)'
)
T = TypeVar("T")


class SqliteLedger:
    """A ledger in a file, in WAL mode: who reads it does not wait, and is not waited for.

    SQLite's calls run in a thread of their own, so that nothing else waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = asyncio.Lock()

    async def bookmark(self) -> Bookmark | None:
        """Give what was written with the last rows."""
        return await self._run(_bookmark)

    async def write(self, rows: Sequence[Row], bookmark: Bookmark | None) -> int:
        """Write all rows and the bookmark, or nothing."""
        return await self._run(lambda connection: _write(connection, rows, bookmark))

    async def prune(self, before: int, most: int) -> int:
        """Delete old rows; their pages are used again."""
        return await self._run(
            lambda connection: connection.execute(_PRUNE, (before, most)).rowcount
        )

    async def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(connection.close)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        async with self._lock:
            return await asyncio.to_thread(self._now, work)

    def _now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = connect(self._path)
            with self._connection as connection:
                return work(connection)
        except (sqlite3.DataError, sqlite3.IntegrityError, OverflowError) as error:
            raise RowsRefusedError(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            raise LedgerAwayError(f"{self._path}: {error}") from error


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, make it if it is not there, and take the steps that it lacks.

    Raises sqlite3.Error, and for a file of a newer Gatewright sqlite3.NotSupportedError.
    """
    connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
    try:
        path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk when it returns: what it holds is punched out of the log after it.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    wanted = steps("sqlite")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        (taken,) = connection.execute("PRAGMA user_version").fetchone()
        if taken > len(wanted):
            raise sqlite3.NotSupportedError("it was written by a newer Gatewright")
        if not taken:
            connection.execute(
                "CREATE TABLE gatewright_bookmark (one INTEGER PRIMARY KEY CHECK (one = 1), "
                "head TEXT NOT NULL, at INTEGER NOT NULL, done TEXT NOT NULL)"
            )
        for step in wanted[taken:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(wanted)}")


def _bookmark(connection: sqlite3.Connection) -> Bookmark | None:
    found = connection.execute("SELECT head, at, done FROM gatewright_bookmark").fetchone()
    if found is None:
        return None
    head, at, done = found
    return Bookmark(head, at, tuple(done.split()))


def _write(connection: sqlite3.Connection, rows: Sequence[Row], bookmark: Bookmark | None) -> int:
    before = connection.total_changes
    connection.executemany(_INSERT, [astuple(row) for row in rows])
    new = connection.total_changes - before
    if bookmark is not None:
        connection.execute(
            "INSERT OR REPLACE INTO gatewright_bookmark VALUES (1, ?, ?, ?)",
            (bookmark.head, bookmark.offset, " ".join(bookmark.done)),
        )
    return new
