"""A worker's task: it learns from the log while a model chooses by latency, and not else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ext_authz.latency.latencies import TRIES, Latencies
from ext_authz.latency.watch import PACE, Watch
from tests.latency.simulated import A, B, line, model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "usage.log"


@pytest.fixture
def latencies():
    return Latencies(time.time, lambda: 0.5)


def append(path: Path, *answers: tuple[str, int]) -> None:
    with path.open("ab", buffering=0) as file:
        for target, ms in answers:
            file.write(line(target, ms, time.time() - ms / 1_000) + b"\n")


async def so(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def settled(latencies: Latencies, wanted: int) -> None:
    """Wait until one is chosen again and again, so that it is no trial."""
    await so(lambda: all(latencies.first("fast") == wanted for _ in range(2 * TRIES + 1)))


def open_files(path: Path) -> list[Path]:
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(one.readlink())
    return [one for one in found if one == path]


def test_it_learns_from_a_log_that_comes_and_is_rotated(path, latencies):
    """From the first line on, whichever file it is in."""

    async def run() -> None:
        latencies.take({"fast": model(A, B)})
        watch = Watch(path, latencies)
        watch.adjust()
        watch.adjust()
        await asyncio.sleep(2 * PACE)
        append(path, (A, 300), (B, 100))
        await settled(latencies, 1)
        path.rename(path.with_name("usage.log.1"))
        append(path, *[(B, 900)] * 8)
        await settled(latencies, 0)
        watch.close()

    asyncio.run(run())


def test_nothing_is_read_while_nobody_asks_for_it(path, latencies):
    """Before a model chooses so, and after the last one has ceased to."""

    async def run() -> None:
        append(path, (A, 300), (B, 100))
        watch = Watch(path, latencies)
        watch.adjust()
        await asyncio.sleep(2 * PACE)
        assert not open_files(path)
        latencies.take({"fast": model(A, B)})
        watch.adjust()
        await settled(latencies, 1)
        assert open_files(path)
        latencies.take({"fast": model()})
        watch.adjust()
        await so(lambda: not open_files(path))
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_a_log_that_cannot_be_read_is_told_of(tmp_path, latencies, caplog):
    """A folder, say; requests go on by the written order."""

    async def run() -> None:
        latencies.take({"fast": model(A, B)})
        watch = Watch(tmp_path, latencies)
        watch.adjust()
        await so(lambda: "nobody knows who answers first" in caplog.text)
        watch.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert latencies.first("fast") == 0
