"""A book whose state is rows of an SQLite file, within one transaction at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ext_authz.counters.book import MARGIN_MS
from ext_authz.counters.shapes import State
from ext_authz.counters.term import Reservation

_SCHEMA: Final = """\
CREATE TABLE IF NOT EXISTS counter (
    name TEXT PRIMARY KEY, gone INTEGER NOT NULL, state BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservation (
    name TEXT PRIMARY KEY, gone INTEGER NOT NULL, due INTEGER, kept BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reservation_due ON reservation (due, name) WHERE due IS NOT NULL;
"""
_FORMAT: Final = 1
"""Of the rows. A file of another format is begun anew: what was counted in it is forgotten."""
_SWEEP_EVERY: Final = 512
"""After how many written rows a stretch of each table is looked through for what is gone.

Cheaper than an index, which each reservation would write to. A stretch is longer than what was
written meanwhile, so that a table grows by little more than it must.
"""
_STRETCH: Final = 4 * _SWEEP_EVERY

_encode = msgspec.msgpack.Encoder().encode
_state = msgspec.msgpack.Decoder(State).decode
_reservation = msgspec.msgpack.Decoder(Reservation).decode


class Rows:
    """An open file. Raises sqlite3.Error; a lock that another process has is told at once."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sqlite3.OperationalError(f"no folder {path.parent}: {error.strerror}") from error
        self._db = sqlite3.connect(path, timeout=0, isolation_level=None, cached_statements=32)
        self._now = 0
        self._written = 0
        # Of one transaction: counters that were read or changed, until when changed ones are kept,
        # and changed reservations with their dues. Many reservations change the same counters.
        self._counters: dict[str, State] = {}
        self._kept: dict[str, int] = {}
        self._reservations: dict[str, tuple[Reservation, int | None]] = {}
        self._none_due = False
        self._swept = {"counter": "", "reservation": ""}
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=0"):
            self._db.execute(f"PRAGMA {pragma}")
        if self._db.execute("PRAGMA user_version").fetchone()[0] == _FORMAT:
            return
        self._db.execute("BEGIN IMMEDIATE")
        with self._ended():
            if self._db.execute("PRAGMA user_version").fetchone()[0] == _FORMAT:
                return
            self._db.execute("DROP TABLE IF EXISTS counter")
            self._db.execute("DROP TABLE IF EXISTS reservation")
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={_FORMAT}")

    @contextmanager
    def transaction(self, now: int) -> Iterator[None]:
        """Let nobody else write until the block ends, and forget all of it where that raises."""
        self._db.execute("BEGIN IMMEDIATE")
        self._now = now
        self._counters.clear()
        self._kept.clear()
        self._reservations.clear()
        self._none_due = False
        with self._ended():
            yield
            self._write()
            if self._written >= _SWEEP_EVERY:
                self._written = 0
                self._sweep()

    @contextmanager
    def _ended(self) -> Iterator[None]:
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def counter(self, name: str) -> State:
        """Read a counter."""
        state = self._counters.get(name)
        if state is None:
            row = self._db.execute("SELECT state FROM counter WHERE name = ?", (name,)).fetchone()
            state = self._counters[name] = _state(row[0]) if row else ()
        return state

    def set_counter(self, name: str, state: State, keep_ms: int) -> None:
        """Change a counter; it is written with the end of the transaction."""
        self._counters[name] = state
        self._kept[name] = self._now + keep_ms

    def reservation(self, name: str) -> Reservation | None:
        """Read a reservation."""
        changed = self._reservations.get(name)
        if changed is not None:
            return changed[0]
        row = self._db.execute("SELECT kept FROM reservation WHERE name = ?", (name,)).fetchone()
        return _reservation(row[0]) if row else None

    def set_reservation(self, name: str, reservation: Reservation, due: int | None) -> None:
        """Change a reservation; it is written with the end of the transaction."""
        self._reservations[name] = (reservation, due)
        if due is not None and due <= self._now:
            self._none_due = False

    def _write(self) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO counter VALUES (?, ?, ?)",
            [(name, gone, _encode(self._counters[name])) for name, gone in self._kept.items()],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO reservation VALUES (?, ?, ?, ?)",
            [
                (name, kept.gone + MARGIN_MS, due, _encode(kept))
                for name, (kept, due) in self._reservations.items()
            ],
        )
        self._written += len(self._kept) + len(self._reservations)
        self._kept.clear()
        self._reservations.clear()

    def due(self, now: int, most: int) -> Sequence[str]:
        """Find holds to give back."""
        if self._none_due:
            return ()
        if self._reservations:
            self._write()  # so that what this transaction has changed is found
        found = self._db.execute(
            "SELECT name FROM reservation WHERE due <= ? ORDER BY due, name LIMIT ?", (now, most)
        )
        names = [row[0] for row in found.fetchall()]
        self._none_due = not names
        return names

    def _sweep(self) -> None:
        for table, begin in self._swept.items():
            rows = self._db.execute(
                f"SELECT name, gone FROM {table} WHERE name > ? ORDER BY name LIMIT ?",  # noqa: S608 - one of two names
                (begin, _STRETCH),
            ).fetchall()
            self._swept[table] = rows[-1][0] if len(rows) == _STRETCH else ""
            self._db.executemany(
                f"DELETE FROM {table} WHERE name = ?",  # noqa: S608 - one of two names
                [(name,) for name, gone in rows if gone <= self._now],
            )

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @staticmethod
    def checkpoint(path: Path) -> None:
        """Bring the write-ahead log into the file; for a thread, as it waits for the disk."""
        try:
            with closing(sqlite3.connect(path, timeout=0)) as db:
                db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error:
            return  # the next one will; until then the log is longer
