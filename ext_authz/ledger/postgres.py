"""The ledger of a fleet: a table in PostgreSQL that many edges write to.

A batch is one statement. The bookmark stays with the edge, on its own disk: rows that are written
twice because it was not are there once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from msgspec.structs import astuple

from ext_authz.ledger.bookmark import Bookmark
from ext_authz.ledger.columns import ARRAYS, COLUMNS, TABLE, quoted, steps
from ext_authz.ledger.row import Row
from ext_authz.ledger.store import LedgerAwayError, RowsRefusedError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_TIMEOUT: Final = 30.0
_LOCK: Final = 0x6761_7465_6C65_6467  # "gateledg": who migrates
_VERSION: Final = f"{TABLE}_version"
_TAKEN: Final = f"SELECT version FROM {_VERSION}"  # noqa: S608 - names of our own
_FORGET: Final = f"DELETE FROM {_VERSION}"  # noqa: S608
_TAKE: Final = f"INSERT INTO {_VERSION} VALUES (%s)"  # noqa: S608
_NAMES: Final = ", ".join(map(quoted, COLUMNS))
_INSERT: Final = (
    f"INSERT INTO {TABLE} ({_NAMES}) "  # noqa: S608 - names of our own
    f"SELECT * FROM unnest({', '.join(f'%s::{ARRAYS[name]}' for name in COLUMNS)}) "
    "ON CONFLICT DO NOTHING"
)
_PRUNE: Final = (
    f"DELETE FROM {TABLE} WHERE ctid = ANY(ARRAY"  # noqa: S608 - names of our own
    f'(SELECT ctid FROM {TABLE} WHERE "time" < %s ORDER BY "time" LIMIT %s))'
)
T = TypeVar("T")


class PostgresLedger:
    """A ledger at a URL; it connects when it is needed, and again after every failure."""

    def __init__(self, url: str, timeout: float = _TIMEOUT) -> None:
        self._url = url
        self._timeout = timeout
        self._connection: AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()

    async def bookmark(self) -> Bookmark | None:
        """Give none: it is the edge's own."""
        return None

    async def write(self, rows: Sequence[Row], bookmark: Bookmark | None) -> int:  # noqa: ARG002 - the edge keeps it
        """Write all rows, or none."""
        if not rows:
            return 0
        # One order for all who write, so that two who write the same rows do not wait in a ring.
        ordered = sorted(rows, key=lambda row: row.id)
        columns = [list(values) for values in zip(*map(astuple, ordered), strict=True)]

        async def insert(connection: AsyncConnection[Any]) -> int:
            return (await connection.execute(_INSERT, columns)).rowcount

        return await self._run(insert)

    async def prune(self, before: int, most: int) -> int:
        """Delete old rows."""

        async def delete(connection: AsyncConnection[Any]) -> int:
            return (await connection.execute(_PRUNE, (before, most))).rowcount

        return await self._run(delete)

    async def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _run(self, work: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
        try:
            import psycopg
        except ImportError:
            raise LedgerAwayError(
                "psycopg is not installed: pip install 'gatewright[postgres]'"
            ) from None
        try:
            async with self._lock, asyncio.timeout(self._timeout):
                if self._connection is None:
                    self._connection = await _connect(self._url)
                return await work(self._connection)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise RowsRefusedError(type(error).__name__) from None
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self._forget()
            raise LedgerAwayError(reason(error, self._url)) from None
        except BaseException:
            await self._forget()
            raise

    async def _forget(self) -> None:
        """Drop a connection whose state nobody knows, without a word to the other side."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()


async def _connect(url: str) -> AsyncConnection[Any]:
    import psycopg

    connection: AsyncConnection[Any] = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        connect_timeout=5,
        application_name="gatewright ledger",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
    try:
        await _migrate(connection)
    except BaseException:
        connection.pgconn.finish()
        raise
    return connection


async def _migrate(connection: AsyncConnection[Any]) -> None:
    wanted = steps("postgres")
    if await _taken(connection) == len(wanted):
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        await connection.execute(f"CREATE TABLE IF NOT EXISTS {_VERSION} (version int NOT NULL)")
        taken = await _taken(connection)
        if taken > len(wanted):
            raise LedgerAwayError("the ledger's tables were made by a newer Gatewright")
        for step in wanted[taken:]:
            for statement in step:
                await connection.execute(statement.encode())
        await connection.execute(_FORGET)
        await connection.execute(_TAKE, (len(wanted),))


async def _taken(connection: AsyncConnection[Any]) -> int:
    there = await (await connection.execute("SELECT to_regclass(%s)", (_VERSION,))).fetchone()
    if there is None or there[0] is None:
        return 0
    found = await (await connection.execute(_TAKEN)).fetchone()
    return 0 if found is None else int(found[0])


def reason(error: BaseException, url: str) -> str:
    """Say why, in one line and without what the URL may hold."""
    import psycopg

    if isinstance(error, TimeoutError):
        return "PostgreSQL does not answer"
    if not isinstance(error, psycopg.OperationalError):
        # Errors of the conninfo quote it, password and all.
        state = getattr(error, "sqlstate", None)
        return f"PostgreSQL: {type(error).__name__}" + (f" ({state})" if state else "")
    text = " ".join(str(error).split())
    try:
        password = urlsplit(url).password
    except ValueError:
        return "PostgreSQL: the URL is none"
    if password:
        text = text.replace(password, "***")
    return f"PostgreSQL: {text[:300]}"
