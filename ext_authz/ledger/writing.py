"""Writes the rows of requests that have ended, wherever the rules keep the ledger."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ext_authz.ledger.bookmark import Bookmark, read_bookmark, write_bookmark
from ext_authz.ledger.line import is_told, read_line
from ext_authz.ledger.postgres import PostgresLedger
from ext_authz.ledger.quarantine import Quarantine
from ext_authz.ledger.row import NotARowError, Row, row
from ext_authz.ledger.spool import Batch
from ext_authz.ledger.sqlite import FILE, SqliteLedger
from ext_authz.ledger.store import LedgerAwayError, LedgerStore, RowsRefusedError
from xds.edge.rules import LedgerStore as Kept
from xds.edge.rules import Rules

_DAY: Final = 86_400_000
_AT_ONCE: Final = 2_000
_BETWEEN_PRUNES: Final = 600.0

_log = logging.getLogger("gatewright.ledger")


class Writing:
    """Writes batches of lines as rows, each once; what is no line goes to the quarantine.

    ``written`` is how many rows were new. ``secrets`` gives the store's URL where it is one.
    """

    def __init__(
        self,
        rules: Callable[[], Rules | None],
        secrets: Callable[[str], str | None],
        state: Path,
        quarantine: Quarantine,
    ) -> None:
        self._rules = rules
        self._secrets = secrets
        self._state = state
        self._path = state / "written.json"
        self._quarantine = quarantine
        self._store: LedgerStore | None = None
        self._opened: tuple[str, str] = ("", "")
        self.written = 0

    async def bookmark(self) -> Bookmark | None:
        """Give where to begin: what the store says, or what was noted beside it; the later one."""
        noted = read_bookmark(self._path)
        store = await self._open()
        told = None if store is None else await store.bookmark()
        return noted if told is None else told.further(noted)

    async def take(self, batch: Batch) -> None:
        """Write a batch and note that it is; raises LedgerAwayError and OSError."""
        store = await self._open()
        rules = self._rules()
        rows = self._read(batch, "" if rules is None else rules.gateway)
        if store is not None:
            self.written += await self._write(store, rows, batch.end)
        write_bookmark(self._path, batch.end)

    async def retain(self, stop: asyncio.Event) -> None:
        """Delete rows that are older than the rules keep them, now and then, few at a time."""
        while not stop.is_set():
            try:
                await self._prune(stop)
            except LedgerAwayError as error:
                _log.info("old rows stay for now: %s", error)
            try:
                await asyncio.wait_for(stop.wait(), _BETWEEN_PRUNES)
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Let go of the store."""
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    def _read(self, batch: Batch, gateway: str) -> list[Row]:
        rows = []
        for at, raw in batch.lines:
            line, garbage = read_line(raw)
            if garbage:
                self._quarantine.put(garbage)
            if line is None or not is_told(line):
                continue
            try:
                rows.append(row(line, f"{batch.end.head}:{at}", gateway))
            except NotARowError:
                self._quarantine.put(raw)
        return rows

    async def _write(
        self, store: LedgerStore, rows: Sequence[Row], bookmark: Bookmark | None
    ) -> int:
        """Write rows; of those that a store refuses, all the others."""
        try:
            return await store.write(rows, bookmark)
        except RowsRefusedError as error:
            if len(rows) <= 1:
                _log.warning("a row was refused and is kept in the quarantine: %s", error)
                for one in rows:
                    self._quarantine.put(repr(one).encode())
                return await store.write((), bookmark)
        half = len(rows) // 2
        first = await self._write(store, rows[:half], None)
        return first + await self._write(store, rows[half:], bookmark)

    async def _prune(self, stop: asyncio.Event) -> None:
        rules = self._rules()
        if rules is None or not rules.ledger.retention_days:
            return
        store = await self._open()
        if store is None:
            return
        before = int(time.time() * 1_000) - rules.ledger.retention_days * _DAY
        deleted = 0
        while not stop.is_set():
            count = await store.prune(before, _AT_ONCE)
            deleted += count
            if count < _AT_ONCE:
                break
            await asyncio.sleep(0.05)
        if deleted:
            _log.info("%d rows were older than %d days", deleted, rules.ledger.retention_days)

    async def _open(self) -> LedgerStore | None:
        """Give the store that the rules name, None where they keep no ledger."""
        rules = self._rules()
        if rules is None:
            raise LedgerAwayError("there are no rules yet")
        wanted = (rules.ledger.kind, self._url(rules.ledger))
        if wanted != self._opened:
            await self.close()
        if self._store is None:
            if wanted[0] == "embedded":
                self._store = SqliteLedger(self._state / FILE)
            elif wanted[0] == "postgres":
                self._store = PostgresLedger(wanted[1])
        self._opened = wanted
        return self._store

    def _url(self, kept: Kept) -> str:
        if not kept.secret:
            return kept.url
        url = self._secrets(kept.secret)
        if not url:
            raise LedgerAwayError("the secret that holds the ledger's URL is not there")
        return url.strip()
