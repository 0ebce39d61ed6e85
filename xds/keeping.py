"""Keeps what a control plane serves on the disk; who publishes does not wait for that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from xds.store import DamagedError, Store, Stored

_log = logging.getLogger("gatewright.xds")


class Keeping:
    """Saves what ``served`` gives, None for nothing, in the background; the newest wins.

    ``folder`` None keeps nothing. A disk that fails is told of in the log, and ends nothing.
    """

    def __init__(self, folder: Path | None, served: Callable[[], Stored | None]) -> None:
        self._store = None if folder is None else Store(folder)
        self._served = served
        self._kept: object = None
        self._saving: asyncio.Task[None] | None = None

    async def load(self) -> Stored | None:
        """Read what was kept last; None where nothing was, or where it cannot be used."""
        if self._store is None:
            return None
        try:
            return await asyncio.to_thread(self._store.load)
        except (DamagedError, OSError) as error:
            _log.warning("the stored snapshot is not used: %s", error)
            return None

    def save(self) -> None:
        """Bring what is served now to the disk, soon."""
        if self._store is not None and (self._saving is None or self._saving.done()):
            self._saving = asyncio.create_task(self._save_all(self._store))

    async def stop(self) -> None:
        """Wait for what is under way."""
        if self._saving is not None:
            await self._saving

    async def _save_all(self, store: Store) -> None:
        while (served := self._served()) is not None:
            # A commit that changes no resource is worth storing too: a restart tells which it is.
            if served.key == self._kept:
                break
            self._kept = served.key
            try:
                await asyncio.to_thread(store.save, served)
            except OSError as error:
                _log.warning("the snapshot could not be stored: %s", error)
