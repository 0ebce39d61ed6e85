"""The Envoy of `gatewright up`: started under the warden, asked through its admin interface."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from cli import exits, warden
from xds.bootstrap import Address, Bootstrap, bootstrap
from xds.wire import to_json

START_DEADLINE: Final = 60.0
_POLL: Final = 0.02


class LocalEnvoy:
    """A running Envoy; it ends with this process, however that ends."""

    def __init__(self, warden_process: asyncio.subprocess.Process, folder: Path) -> None:
        self._warden = warden_process
        self._admin_file = folder / "admin"
        self.admin = ""
        """The admin interface, ``http://127.0.0.1:N``, once `listening` has returned."""

    async def listening(self) -> None:
        """Wait for the admin interface; raises CannotRunError if Envoy ends before."""
        while not self.admin:
            text = self._admin_file.read_text("ascii") if self._admin_file.exists() else ""
            if text:
                self.admin = f"http://{text}"
            elif self._warden.returncode is not None:
                raise exits.CannotRunError(
                    f"Envoy ended at its start with code {self._warden.returncode}",
                    hint="what it said stands above",
                )
            else:
                await asyncio.sleep(_POLL)

    async def live(self) -> None:
        """Wait until Envoy has its first configuration and answers on its listeners."""
        while not await asyncio.to_thread(self._ready):  # noqa: ASYNC110 - another process is asked
            await asyncio.sleep(_POLL)

    async def ports(self) -> dict[str, int]:
        """The port that each listener is bound to, by name."""
        statuses = json.loads(await asyncio.to_thread(self._get, "/listeners?format=json"))
        return {
            one["name"]: one["local_address"]["socket_address"]["port_value"]
            for one in statuses.get("listener_statuses", [])
            # Listeners inside of Envoy have no socket.
            if "socket_address" in one["local_address"]
        }

    async def ended(self) -> None:
        """Wait for the end, which nobody asked for: raises CannotRunError then."""
        code = await self._warden.wait()
        raise exits.CannotRunError(f"Envoy ended by itself with code {code}")

    async def stop(self) -> None:
        """End Envoy and wait for it; the warden gives it its grace."""
        if self._warden.stdin is not None:
            self._warden.stdin.close()
        await self._warden.wait()

    def _ready(self) -> bool:
        try:
            return self._get("/ready").strip() == "LIVE"
        except (URLError, OSError):  # 503 while it waits for its configuration
            return False

    def _get(self, path: str) -> str:
        with urlopen(self.admin + path, timeout=10) as answer:  # noqa: S310 - our own admin's URL
            text: str = answer.read().decode()
        return text


@asynccontextmanager
async def local_envoy(
    binary: Path,
    folder: Path,
    *,
    ads: Address,
    admin: Address,
    node_id: str,
    arguments: tuple[str, ...] = (),
    access_log: IO[Any] | None = None,
) -> AsyncIterator[LocalEnvoy]:
    """Run Envoy, subscribed to ``ads``, until the block ends; ``folder`` goes with it.

    ``access_log`` is where its stdout goes, to which it logs requests; our own unless given.
    """
    wanted = Bootstrap(ads=ads, node_id=node_id, cluster="gatewright", admin=admin)
    config = _written(folder / "envoy.json", to_json(bootstrap(wanted)))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", warden.__file__, str(folder), "--", str(binary)),
        *("-c", str(config), "--admin-address-path", str(folder / "admin")),
        *("--disable-hot-restart", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=access_log,
        # The terminal's Ctrl-C is for us: Envoy still serves while we say good-bye.
        start_new_session=True,
    )
    envoy = LocalEnvoy(process, folder)
    try:
        yield envoy
    finally:
        await envoy.stop()


def _written(path: Path, data: dict[str, Any]) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path
