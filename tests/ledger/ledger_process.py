"""Runs the ledger's process for a test that kills it: `python -m ... FOLDER STATE KIND URL`.

What it settles is appended to `settled.log` in the state folder, one reservation a line.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import uvloop

from ext_authz.counters.counters import Settlement
from ext_authz.ledger.run import run_ledger
from xds.edge.rules import LedgerStore, Rules


class FileCounters:
    """Notes each settlement in a file, in one write, as a store would in one step."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def reserve(self, *_: Any) -> Any:
        raise AssertionError("a ledger reserves nothing")

    async def settle(self, settlements: Iterable[Settlement]) -> None:
        os.write(self._file, "".join(f"{one.reservation}\n" for one in settlements).encode())

    async def close(self) -> None:
        os.close(self._file)


async def main(folder: Path, state: Path, kind: str, url: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    rules = Rules(gateway="test", ledger=LedgerStore(kind=kind, secret="url" if url else ""))
    await run_ledger(
        lambda: rules,
        folder,
        state,
        lambda _name: url,
        lambda _rules: FileCounters(state / "settled.log"),
        stop,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
