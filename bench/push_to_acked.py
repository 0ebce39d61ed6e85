"""From a published change to the last ACK of it, for 1 to 1,000 streams; storms and memory.

The control plane is one process, its clients another, on the same cores: what the clients cost is
in the figures.
"""

from __future__ import annotations

import asyncio
import statistics
import time

from bench.plane_process import PlaneProcess, clusters, plane_process
from bench.xds_clients import Clients
from xds.snapshot import snapshot

STREAMS = (1, 100, 1_000)
RESOURCES = (10, 1_000, 10_000)
EDITS = 7
# "State of the world" sends all clusters for each change of one: beyond this the network is timed.
SOTW_BYTES = 200_000_000


def main() -> None:
    """Print a table for each protocol, then the storm and the memory."""
    for protocol in ("delta", "sotw"):
        print(f"push -> all ACKed, {protocol}: one cluster of N changed ({EDITS} edits)")
        for resources in RESOURCES:
            for streams in STREAMS:
                asyncio.run(_pushes(protocol, streams, resources))


async def _pushes(protocol: str, streams: int, resources: int) -> None:
    size = sum(len(body) for body in _bodies(resources))
    label = f"  {resources:>6} resources, {streams:>5} streams:"
    if protocol == "sotw" and size * streams > SOTW_BYTES:
        print(f"{label} left out: {size * streams / 1e6:.0f} MB to send for each change")
        return
    with plane_process() as plane:
        clients = Clients(plane.address, protocol)
        await _ask(plane, "publish", count=resources)
        empty = (await _ask(plane, "memory"))["resident"]
        clients.connect(streams)
        await _ask(plane, "wait_for_streams", streams=streams)
        await _ask(plane, "push", count=resources, edit=EDITS + 1)
        before = clients.received
        runs = [
            await _ask(plane, "push", count=resources, edit=edit) for edit in range(1, EDITS + 1)
        ]
        received = (clients.received - before) / streams / EDITS
        took = sorted(run["seconds"] for run in runs)
        cpu = statistics.median(run["cpu"] for run in runs)
        memory = await _ask(plane, "memory")
        print(
            f"{label} p50 {1000 * statistics.median(took):.1f} ms, worst {1000 * took[-1]:.1f} ms, "
            f"CPU of the plane {1000 * cpu:.0f} ms, {received:,.0f} B a stream; "
            f"memory {empty:.0f} -> {memory['resident']:.0f} MiB"
        )
        # Of 10,000 each, the clients would have to send half a gigabyte.
        if protocol == "delta" and streams == STREAMS[-1] and resources < RESOURCES[-1]:
            await _storm(plane, clients, streams, resources)
        assert not clients.failures, clients.failures[:3]
        await clients.close()


async def _storm(plane: PlaneProcess, clients: Clients, streams: int, resources: int) -> None:
    """Close all connections, and have them come back at once with all that they have."""
    await clients.close()
    await _ask(plane, "wait_for_streams", streams=0)
    has = {
        one.name: one.version
        for kind in snapshot(clusters(resources, EDITS)).types.values()
        for one in kind.by_name.values()
    }
    clients.received = 0
    began = time.monotonic()
    clients.connect(streams, has)
    back = await _ask(plane, "wait_for_streams", streams=streams)
    memory = await _ask(plane, "memory")
    print(
        f"         all {streams:,} come back at once: {back['at'] - began:.2f} s until served, "
        f"{clients.received / streams:,.0f} B sent to each, CPU of the plane {back['cpu']:.2f} s, "
        f"peak {memory['peak']:.0f} MiB"
    )


async def _ask(plane: PlaneProcess, command: str, **facts: object) -> dict[str, float]:
    return await asyncio.to_thread(plane.ask, command, **facts)


def _bodies(resources: int) -> list[bytes]:
    kinds = snapshot(clusters(resources, 0)).types.values()
    return [one.body for kind in kinds for one in kind.by_name.values()]


if __name__ == "__main__":
    main()
