"""Runs a control plane on a loop of its own thread, so that tests read from top to bottom."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from xds.bootstrap import Bootstrap, address, bootstrap
from xds.nack import Nack
from xds.plane import ControlPlane, Published
from xds.resource import Resource
from xds.snapshot import snapshot
from xds.wire import to_json

T = TypeVar("T")
DEADLINE = 30.0


class PlaneThread:
    """A running control plane; ``plane`` may be used on its loop only, through `do`."""

    def __init__(self, plane: ControlPlane, loop: asyncio.AbstractEventLoop) -> None:
        self.plane = plane
        self._loop = loop
        self.nacks: list[Nack] = []
        self.published: tuple[Resource, ...] = ()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the plane's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE)

    def publish(self, *resources, secrets=()) -> Published:
        self.published = resources
        return self.do(self.plane.publish(snapshot(resources), secrets))

    def publish_and_wait(self, *resources, secrets=()) -> bool:
        """Publish, and wait until every Envoy has it; False where a part was refused."""
        published = self.publish(*resources, secrets=secrets)
        return self.do(asyncio.wait_for(self.plane.acked(published.version), DEADLINE))

    async def collect_nacks(self) -> None:
        async for nack in self.plane.nacks():
            self.nacks.append(nack)

    def bootstrap(self, protocol, *, node_id="test") -> dict[str, Any]:
        """The bootstrap of an Envoy that subscribes to this plane, with admin left out."""
        wanted = Bootstrap(address(self.plane.address), node_id, "test", protocol)
        return to_json(bootstrap(wanted))


@contextmanager
def running_plane(
    listen="127.0.0.1:0", *, prepare: Callable[[ControlPlane], object] | None = None, **options: Any
) -> Iterator[PlaneThread]:
    """Start a control plane in a thread, and stop it when the block ends.

    ``prepare`` is called on the loop before it starts.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def make() -> ControlPlane:
        plane = ControlPlane(listen, **options)
        if prepare is not None:
            prepare(plane)
        await plane.start()
        return plane

    try:
        made = asyncio.run_coroutine_threadsafe(make(), loop).result(DEADLINE)
        running = PlaneThread(made, loop)
        collecting = asyncio.run_coroutine_threadsafe(running.collect_nacks(), loop)
        try:
            yield running
        finally:
            collecting.cancel()
            running.do(made.stop(grace=1.0))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
