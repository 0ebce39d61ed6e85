"""10,000 routes: what one edit costs on the wire of a real Envoy, and the plane's memory.

The bytes are those that Envoy counts on its connection to the control plane. The memory is that of
a control plane that has compiled the policy itself and serves the routes to 1,000 more streams.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.plane_process import plane_process
from bench.policies import hosts_policy
from bench.xds_clients import Clients
from tests.e2e.envoy_process import EnvoyProcess, running
from xds.bootstrap import Bootstrap, address, bootstrap
from xds.shards import table_in_parts
from xds.wire import to_json

ROUTES = 10_000
HOSTS = 1_000
STREAMS = 1_000
EDITS = 3


def main() -> None:
    """Print the bytes of an edit by each protocol, and the memory."""
    print(f"{ROUTES:,} routes of {HOSTS:,} hosts, one of them changed")
    for protocol in ("delta", "sotw"):
        _wire(protocol)
    asyncio.run(_memory())


def _wire(protocol: str) -> None:
    with tempfile.TemporaryDirectory() as folder, plane_process() as plane:
        policy = Path(folder) / "gateway.yaml"
        policy.write_text(hosts_policy(ROUTES, HOSTS), encoding="utf-8")
        plane.ask("publish", policy=str(policy))
        kind: Any = protocol
        made = to_json(bootstrap(Bootstrap(address(plane.address), "edge", "edge", kind)))
        with running(made, log_level="error") as envoy:
            plane.ask("wait_for_streams", streams=1)
            start = _settled(envoy)
            took = []
            for edit in range(1, EDITS + 1):
                policy.write_text(hosts_policy(ROUTES, HOSTS, edit=edit), encoding="utf-8")
                took.append(plane.ask("push", policy=str(policy))["seconds"])
            spent = (_settled(envoy) - start) / EDITS
        print(
            f"  {protocol}: {start:,} B at the start, {spent:,.0f} B an edit, "
            f"{1000 * sorted(took)[EDITS // 2]:.0f} ms from push to ACK"
        )


async def _memory() -> None:
    with tempfile.TemporaryDirectory() as folder, plane_process() as plane:
        policy = Path(folder) / "gateway.yaml"
        policy.write_text(hosts_policy(ROUTES, HOSTS), encoding="utf-8")
        await asyncio.to_thread(plane.ask, "publish", policy=str(policy))
        compiled = await asyncio.to_thread(plane.ask, "memory")
        clients = Clients(plane.address, "delta", tables=(table_in_parts("public"),))
        clients.connect(STREAMS)
        await asyncio.to_thread(plane.ask, "wait_for_streams", streams=STREAMS)
        policy.write_text(hosts_policy(ROUTES, HOSTS, edit=1), encoding="utf-8")
        push = await asyncio.to_thread(plane.ask, "push", policy=str(policy))
        memory = await asyncio.to_thread(plane.ask, "memory")
        print(
            f"  {STREAMS:,} streams: {compiled['resident']:.0f} MiB once compiled, "
            f"{memory['resident']:.0f} MiB with the streams, {memory['peak']:.0f} MiB at the most; "
            f"one route changed, all ACKed in {1000 * push['seconds']:.0f} ms"
        )
        assert not clients.failures, clients.failures[:3]
        await clients.close()


def _received(envoy: EnvoyProcess) -> int:
    return sum(envoy.stats("control-plane.upstream_cx_rx_bytes_total$").values())


def _settled(envoy: EnvoyProcess) -> int:
    """Envoy adds to its counters at intervals: wait until two readings agree."""
    last, now = -1, _received(envoy)
    while last != now:
        time.sleep(1)
        last, now = now, _received(envoy)
    return now


if __name__ == "__main__":
    main()
