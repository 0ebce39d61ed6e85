"""What a running control plane does until it is told to stop; `serve` and `up` share it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from cli.narrate import Narrator
    from cli.reload import Reloader
    from xds.plane import ControlPlane

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Signals:
    """``stop`` is set by SIGTERM and SIGINT, ``again`` by SIGHUP."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    again: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def signals() -> AsyncIterator[Signals]:
    """Turn the process's signals into events while the block runs."""
    caught = Signals()
    loop = asyncio.get_running_loop()
    handlers = (
        (signal.SIGTERM, caught.stop),
        (signal.SIGINT, caught.stop),
        (signal.SIGHUP, caught.again),
    )
    for number, event in handlers:
        loop.add_signal_handler(number, event.set)
    try:
        yield caught
    finally:
        for number, _ in handlers:
            loop.remove_signal_handler(number)


async def unless_stopped(caught: Signals, work: Awaitable[T]) -> T | None:
    """Give what some work gives, or None as soon as ``stop`` is set: the work is given up then."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(caught.stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stopped.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)


async def attend(
    caught: Signals,
    reloader: Reloader,
    plane: ControlPlane,
    narrator: Narrator,
    *others: Awaitable[object],
) -> None:
    """Follow the source, tell refusals and obey signals, until ``stop`` is set or another ends."""

    async def tell_refusals() -> None:
        async for nack in plane.nacks():
            narrator.diagnostics(reloader.explain(nack), reloader.live)

    async def tell_rollouts() -> None:
        async for happened in plane.happened():
            narrator.rollout(happened)

    async def obey_sighup() -> None:
        while True:
            await caught.again.wait()
            caught.again.clear()
            plane.retry()
            await reloader.load()

    works = (
        tell_refusals(),
        tell_rollouts(),
        obey_sighup(),
        reloader.follow(caught.stop),
        reloader.follow_secrets(caught.stop),
        reloader.follow_renewals(),
        caught.stop.wait(),
        *others,
    )
    tasks = [asyncio.ensure_future(work) for work in works]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()
