"""A control plane in a process of its own, driven line by line: JSON commands in, answers out.

Times are taken here, where a change is published and where the last ACK of it is read, so that no
clock of a client matters. Run by the other measurements: `python -m bench.plane_process`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.main import collect_rarely
from xds.plane import ControlPlane
from xds.resource import Resource
from xds.resource import resource as made
from xds.schema import envoy
from xds.snapshot import Snapshot, snapshot

ANSWER_WITHIN = 180.0


class PlaneProcess:
    """The other side's handle: `ask` sends a command and gives its answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address: str = self._answer()["address"]

    def ask(self, command: str, **facts: Any) -> dict[str, Any]:
        """Send a command: publish, push, wait_for_streams or memory; see `_Served`."""
        assert self._process.stdin is not None
        print(json.dumps({"command": command, **facts}), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the control plane ended before it answered")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def plane_process() -> Iterator[PlaneProcess]:
    """Run a control plane until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.plane_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield PlaneProcess(process)
        finally:
            process.terminate()
            process.wait(20)


def clusters(count: int, edit: int) -> list[Resource]:
    """Make that many clusters; another ``edit`` changes the first one only."""
    return [_cluster(n, edit if n == 0 else 0) for n in range(count)]


def _cluster(n: int, edit: int) -> Resource:
    kinds = envoy.config.cluster.v3.Cluster
    message = kinds(name=f"service/{n:05}", type=kinds.STATIC)
    message.connect_timeout.seconds = 5 + edit
    message.load_assignment.cluster_name = message.name
    endpoint = message.load_assignment.endpoints.add().lb_endpoints.add().endpoint
    endpoint.address.socket_address.address = "192.0.2.1"
    endpoint.address.socket_address.port_value = 8080
    return made(message)


class _Served:
    """The commands, by their names."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._version = ""

    async def publish(self, *, count: int = 0, policy: str = "", edit: int = 0) -> dict[str, Any]:
        """Serve so many clusters, or a policy file."""
        await self._publish(_snapshot(count, policy, edit))
        return {}

    async def push(self, *, count: int = 0, policy: str = "", edit: int = 0) -> dict[str, Any]:
        """Publish, and give the seconds until every stream had accepted it, and of CPU."""
        wanted = _snapshot(count, policy, edit)
        spent, began = time.process_time(), time.perf_counter()
        await self._publish(wanted)
        await self._plane.acked(self._version)
        return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - spent}

    async def wait_for_streams(self, *, streams: int) -> dict[str, Any]:
        """Wait until so many streams are connected, and all of them have everything."""
        spent = time.process_time()
        while self._plane.streams != streams:  # noqa: ASYNC110 - it tells nobody of streams
            await asyncio.sleep(0.005)
        if streams:
            await self._plane.acked(self._version)
        return {"at": time.monotonic(), "cpu": time.process_time() - spent}

    async def memory(self) -> dict[str, Any]:
        """Give the memory in MiB: what is resident now, and the most that ever was."""
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])  # noqa: ASYNC240 - no disk
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"resident": pages * resource.getpagesize() / 2**20, "peak": peak}

    async def _publish(self, wanted: Snapshot) -> None:
        self._version = (await self._plane.publish(wanted)).version


def _snapshot(count: int, policy: str, edit: int) -> Snapshot:
    if not policy:
        return snapshot(clusters(count, edit))
    from compiler.pipeline import compile_path

    return compile_path(Path(policy)).fleet[0].snapshot


async def _run() -> None:
    plane = ControlPlane("127.0.0.1:0")
    await plane.start()
    served = _Served(plane)
    print(json.dumps({"address": plane.address}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        facts = json.loads(line)
        command = getattr(served, facts.pop("command"))
        async with asyncio.timeout(ANSWER_WITHIN):
            print(json.dumps(await command(**facts)), flush=True)
    await plane.stop(0.1)


if __name__ == "__main__":
    collect_rarely()
    asyncio.run(_run())
