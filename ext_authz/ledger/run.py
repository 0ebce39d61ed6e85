"""The ledger's process: settles counters and writes rows from the usage log, until it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from ext_authz.counters.counters import Counters
from xds.edge.rules import Rules


async def run_ledger(
    rules: Callable[[], Rules | None],
    folder: Path,
    state: Path,
    secrets: Callable[[str], str | None],
    counters_factory: Callable[[Rules], Counters],
    stop: asyncio.Event,
) -> None:
    """Follow ``folder``/usage.log until ``stop`` is set; ``state`` holds what outlives a process.

    ``rules`` gives the rules as they are now, None while there are none yet (then it waits).
    ``secrets`` gives a secret's value by the name of its SDS secret, None while it is not there.
    ``counters_factory`` opens the counters that the rules name; what it gives is closed here, and
    asked for again when ``rules.counters`` have changed. Nothing is raised for a store that is
    away, a line that is none or a disk that is full: each is told once in the log, and retried.
    """
    await stop.wait()
    raise NotImplementedError(rules, folder, state, secrets, counters_factory)
