"""Starts, kills and stops the ledger's process, and asks what it has written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.usage_source import Source
from ext_authz.ledger.columns import COLUMNS
from ext_authz.ledger.query import Narrowed, rows
from ext_authz.ledger.row import Row

REPOSITORY = Path(__file__).parents[2]


@dataclass(slots=True, eq=False)
class LedgerProcess:
    """The ledger of one edge: `folder` is where its Envoy writes."""

    folder: Path
    source: Source
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def log(self) -> Path:
        return self.folder / "usage.log"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    def start(self) -> None:
        url = self.source.place if self.source.dialect == "postgres" else ""
        kind = "postgres" if url else "embedded"
        with (self.folder / "said").open("ab") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.ledger.ledger_process"),
                    *(str(self.folder), str(self.state), kind, url),
                ],
                cwd=REPOSITORY,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def append(self, data: bytes) -> None:
        file = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, data)
        finally:
            os.close(file)

    def rows(self) -> list[Row]:
        """All rows of the store, another edge's too."""
        try:
            found = list(self.source.ask(rows(Narrowed(), self.source.dialect)))
        except Exception:  # noqa: BLE001 - it is not there yet, or away
            return []
        return [Row(**dict(zip(COLUMNS, one, strict=True))) for one in found]

    def settled(self) -> list[str]:
        path = self.state / "settled.log"
        return path.read_text().split() if path.exists() else []

    def wait(self, there: Callable[[LedgerProcess], Any], what: str, seconds: float = 60) -> None:
        """Poll until it holds."""
        deadline = time.monotonic() + seconds
        while not there(self):
            assert time.monotonic() < deadline, f"{what}\n{self.said}"
            time.sleep(0.02)


@contextmanager
def ledger(folder: Path, url: str = "") -> Iterator[LedgerProcess]:
    """Run a ledger in a folder until the block ends; without a URL, into SQLite."""
    folder.mkdir(exist_ok=True)
    (folder / "state").mkdir()
    place = url or str(folder / "state" / "ledger.sqlite")
    made = LedgerProcess(folder, Source("postgres" if url else "sqlite", place))
    made.start()
    try:
        yield made
    finally:
        made.end()
