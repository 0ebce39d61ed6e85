"""The edge of `gatewright up`: the services beside its Envoy, started when a policy needs them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from cli import exits
from compiler.guards import needs_edge
from xds.bootstrap import Address
from xds.edge.paths import worker_socket

if TYPE_CHECKING:
    from compiler.plan import Plan

START_DEADLINE: Final = 30.0
_POLL: Final = 0.02


class LocalEdge:
    """An edge that runs from the first policy that needs one on, until the block ends."""

    def __init__(
        self, folder: Path, state: Path, ads: Address, node_id: str, says: IO[Any] | None
    ) -> None:
        self.folder = folder
        """Where it meets its Envoy."""
        self._state = state
        self._ads = ads
        self._node_id = node_id
        self._says = says
        self._process: asyncio.subprocess.Process | None = None

    async def follow(self, plan: Plan) -> None:
        """Start it if the plan needs it and it does not run yet."""
        if self._process is not None or not needs_edge(plan):
            return
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "edge", "--until-eof"),
            *("--ads", str(self._ads), "--node-id", self._node_id),
            *("--folder", str(self.folder), "--state", str(self._state)),
            # However this process ends, the kernel closes its end, and the edge ends too.
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=self._says,
            start_new_session=True,
        )

    async def serving(self, plan: Plan) -> None:
        """Wait until all workers that the plan wants take questions.

        Raises CannotRunError where the edge ends instead, or takes too long.
        """
        process = self._process
        if process is None:
            return
        try:
            async with asyncio.timeout(START_DEADLINE):
                for number in range(plan.edge.workers):
                    socket = self.folder / worker_socket(number)
                    while not await _answers(socket):
                        if process.returncode is not None:
                            raise exits.CannotRunError(
                                f"the edge ended at its start with code {process.returncode}",
                                hint="what it said stands above",
                            )
                        await asyncio.sleep(_POLL)
        except TimeoutError:
            raise exits.CannotRunError("the edge did not come up in time") from None

    async def stop(self) -> None:
        """End it and wait for it."""
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            await self._process.wait()


async def _answers(socket: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def local_edge(
    folder: Path, state: Path, *, ads: Address, node_id: str, says: IO[Any] | None = None
) -> AsyncIterator[LocalEdge]:
    """Have an edge ready to be started until the block ends.

    ``says`` is where it tells what it does; our own stderr unless given.
    """
    await asyncio.to_thread(folder.mkdir, mode=0o700)
    edge = LocalEdge(folder, state, ads, node_id, says)
    try:
        yield edge
    finally:
        await edge.stop()
