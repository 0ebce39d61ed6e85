"""Revocations that do not wait for the policy: an operator's, told to every node at once.

They are what a control plane knows and its policy does not say: drift. It is shown, it is kept over
a restart, and it ends by itself when a policy is published that no longer has the keys.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from xds.edge.resources import KEYS
from xds.revocation import Revocation, active, digests_of
from xds.revoked_file import RevokedFile

if TYPE_CHECKING:
    from xds.fleet import Fleet

_log = logging.getLogger("gatewright.xds")


class UnknownKeyError(LookupError):
    """No policy that is served has a key of that id, or none was revoked ahead of it."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """What became of a command: ``kept`` says whether a restart knows of it."""

    revocation: Revocation
    kept: bool


class RevokedAhead:
    """The revocations ahead of one control plane's policy.

    ``moved`` is called when nodes are served something else. ``state`` is the folder of what
    outlives a restart, or None.
    """

    def __init__(
        self,
        fleet: Fleet,
        moved: Callable[[], None],
        state: Path | None,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._fleet = fleet
        self._moved = moved
        self._file = RevokedFile(state) if state is not None else None
        self._clock = clock
        self._wall = wall
        self._revocations: tuple[Revocation, ...] = ()
        self._writing = asyncio.Lock()
        self._saving: asyncio.Task[bool] | None = None

    @property
    def revocations(self) -> tuple[Revocation, ...]:
        """What is revoked ahead of the policy now, the oldest first."""
        return self._revocations

    async def restore(self) -> None:
        """Take what is on the disk; before the fleet restores its groups. Raises OSError."""
        if self._file is not None:
            self._revocations = await asyncio.to_thread(self._file.load)
            self._serve()

    async def revoke(self, key_id: str) -> Revoked:
        """Have a key refused by every node, by all its digests; raises UnknownKeyError.

        All that is served counts: the policy's keys, and those of an older one in a rollout.
        """
        builds = [one for lane in self._fleet.lanes.values() for one in lane.builds]
        tables = {keys.version: keys for one in builds if (keys := one.snapshot.of(KEYS)).by_name}
        found = await asyncio.to_thread(
            lambda: frozenset[bytes]().union(*(digests_of(key_id, one) for one in tables.values()))
        )
        known = next((one for one in self._revocations if one.id == key_id), None)
        if not found and known is None:
            raise UnknownKeyError(key_id)
        if known is None:
            revocation = Revocation(key_id, self._wall(), found)
            self._revocations = (*self._revocations, revocation)
        else:
            revocation = replace(known, digests=known.digests | found)
            self._revocations = tuple(
                revocation if one is known else one for one in self._revocations
            )
        return await self._changed(revocation)

    async def undo(self, key_id: str) -> Revoked:
        """Leave a key to the policy again; raises UnknownKeyError."""
        known = next((one for one in self._revocations if one.id == key_id), None)
        if known is None:
            raise UnknownKeyError(key_id)
        self._revocations = tuple(one for one in self._revocations if one is not known)
        return await self._changed(known)

    def published(self) -> None:
        """Let go of what the policy no longer has: it says so itself now."""
        if not self._revocations:
            return
        policies = [lane.build.snapshot.of(KEYS) for lane in self._fleet.lanes.values()]
        left = []
        for one in self._revocations:
            still = frozenset[bytes]().union(*(active(one.digests, keys) for keys in policies))
            if still:
                left.append(replace(one, digests=still))
        if tuple(left) != self._revocations:
            self._revocations = tuple(left)
            self._serve()
            self._saving = asyncio.create_task(self._save())

    async def stop(self) -> None:
        """Wait for what is being written."""
        if self._saving is not None:
            await self._saving

    def _serve(self) -> None:
        digests = frozenset[bytes]().union(*(one.digests for one in self._revocations))
        self._fleet.revoke(digests, self._clock())

    async def _changed(self, revocation: Revocation) -> Revoked:
        """Tell the nodes first: a slow disk is no reason to let a stolen key through."""
        self._serve()
        self._moved()
        return Revoked(revocation, await self._save())

    async def _save(self) -> bool:
        if self._file is None:
            return False
        async with self._writing:
            try:
                await asyncio.to_thread(self._file.save, self._revocations)
            except OSError as error:
                _log.warning("the revocations could not be stored: %s", error)
                return False
        return True
