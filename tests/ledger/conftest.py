"""A real PostgreSQL for the ledger's tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(slots=True)
class Postgres:
    """A server of its own; `url` names a fresh database in it."""

    folder: Path
    base: str
    count: int = 0

    def database(self) -> str:
        """Make an empty database, and give its URL."""
        import psycopg

        self.count += 1
        name = f"ledger{self.count}"
        with psycopg.connect(self.base, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.base.replace("/postgres?", f"/{name}?")

    def stop(self) -> None:
        """Take the server away, in the middle of whatever it does."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Bring it back at the same place."""
        self._control("start", "-o", f'-h "" -k {self.folder}', "-l", str(self.folder / "log"))

    def _control(self, *arguments: str) -> None:
        from pgserver._commands import POSTGRES_BIN_PATH

        subprocess.run(
            [str(POSTGRES_BIN_PATH / "pg_ctl"), "-D", str(self.folder), "-w", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=30,
            user="pgserver" if os.geteuid() == 0 else None,
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a session; it listens on a Unix socket alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no XDG_RUNTIME_DIR
        from pgserver.postgres_server import get_server
    # Short, for a socket's path is, and below no folder that its own user may not pass.
    folder = Path(tempfile.mkdtemp(prefix="gwpg"))
    server = get_server(folder, cleanup_mode=None)
    made = Postgres(folder, server.get_uri())
    try:
        yield made
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.stop()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
