"""The control plane of one policy, to run in process: `serve` and `up` are built on it.

plane = ControlPlane("127.0.0.1:0", reader=SecretReader(root, os.environ), state=folder)
await plane.start()
await plane.publish(snapshot(lowered.resources), lowered.secrets)
accepted = await plane.acked(version)
await plane.stop()
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from xds.group import Group
from xds.nack import Nack
from xds.order import SECRET
from xds.secrets import Reference, Resolution, SecretReader, Unresolved
from xds.server import XdsServer
from xds.session import BARRIER
from xds.snapshot import Snapshot, collect, encoded, layered
from xds.store import DamagedError, Store
from xds.withhold import unresolved

_log = logging.getLogger("gatewright.xds")
_KEPT_NACKS = 1_000


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a snapshot: ``held`` are (type URL, name) of what waits for its secrets."""

    version: str
    unresolved: tuple[Unresolved, ...] = ()
    held: frozenset[tuple[str, str]] = frozenset()
    revision: str = ""


class ControlPlane:
    """Serves one policy's snapshots to any number of Envoys.

    Made on the loop it runs on. ``listen`` is ``host:port`` or ``unix:/path``; ``address`` is
    what was bound, once it is started. ``state`` is the folder of the last good snapshot, or None.
    """

    def __init__(
        self,
        listen: str,
        *,
        reader: SecretReader | None = None,
        state: Path | None = None,
        barrier: float = BARRIER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = listen
        self.revision = ""
        """The state of its source that the published snapshot was made of: a commit, or empty."""
        self._group = Group(barrier=barrier)
        self._server = XdsServer(
            self._group, on_nack=self._nacked, on_progress=self._progress, clock=clock
        )
        self._reader = reader or SecretReader(Path(), os.environ)
        self._store = Store(state) if state is not None else None
        self._stored = ("", "")
        self._published: Snapshot | None = None
        self._references: tuple[Reference, ...] = ()
        self._nacks: asyncio.Queue[Nack] = asyncio.Queue(_KEPT_NACKS)
        self._waiting: set[asyncio.Event] = set()
        self._publishing = asyncio.Lock()
        self._saving: asyncio.Task[None] | None = None

    async def start(self) -> str | None:
        """Bind, and serve the last good snapshot if there is one; return its published version.

        Raises OSError where the address cannot be had. Without a snapshot, streams get
        UNAVAILABLE until the first `publish`.
        """
        restored = await self._restore()
        self.address = await self._server.start(self.address)
        return restored

    async def publish(
        self, snapshot: Snapshot, secrets: Iterable[Reference] = (), *, revision: str = ""
    ) -> Published:
        """Serve a snapshot and the secrets it refers to; streams follow step by step.

        A listener or cluster whose secret cannot be read keeps its last good version.
        ``revision`` names the state of the source that it was made of, for people.
        """
        async with self._publishing:
            self._published = snapshot
            self.revision = revision
            self._references = tuple(secrets)
            return await self._serve()

    async def reread_secrets(self) -> Published | None:
        """Read every secret again and serve what changed; None before the first publish."""
        async with self._publishing:
            return None if self._published is None else await self._serve()

    def retry(self) -> None:
        """Send once more what Envoys refused: the cause may be gone, for instance a port in use."""
        self._group.forgive()
        self._server.target_changed()

    async def acked(self, version: str) -> bool:
        """Wait until every connected stream has accepted the newest snapshot, one at the least.

        True if that is the whole of ``version`` (a `Snapshot.version` that was published); False
        if a newer one took its place, or part of it was refused or waits for a secret.
        """
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            while True:
                if self._published is not None and self._published.version != version:
                    return False
                if self._published is not None and self._group.settled:
                    return self._group.complete
                await woken.wait()
                woken.clear()
        finally:
            self._waiting.discard(woken)

    async def nacks(self) -> AsyncIterator[Nack]:
        """Give each refusal as it comes, without end."""
        while True:
            yield await self._nacks.get()

    @property
    def streams(self) -> int:
        """How many streams are connected."""
        return len(self._group.sessions)

    def secret_files(self) -> frozenset[Path]:
        """The files that the secrets served now lie in, for a watcher."""
        return self._reader.files(self._references)

    async def stop(self, grace: float = 5.0) -> None:
        """Close the streams, wait for the state to be on disk, and stop."""
        await self._server.stop(grace)
        if self._saving is not None:
            await self._saving

    async def _serve(self) -> Published:
        published = self._published
        assert published is not None  # noqa: S101 - both callers have looked
        read = await asyncio.to_thread(self._reader.read, self._references)
        held = unresolved(published, read.missing) if read.missing else frozenset()
        if self._group.publish(_with_secrets(published, read), held):
            self._server.target_changed()
        self._save()
        self._progress()
        return Published(published.version, read.unresolved, held, self.revision)

    async def _restore(self) -> str | None:
        if self._store is None:
            return None
        try:
            stored = await asyncio.to_thread(self._store.load)
        except (DamagedError, OSError) as error:
            _log.warning("the stored snapshot is not used: %s", error)
            return None
        if stored is None:
            return None
        # Good before it is published: what waits for a secret here may be live in an Envoy.
        self._group.remember(stored.snapshot)
        await self.publish(stored.snapshot, stored.secrets, revision=stored.revision)
        return stored.published

    def _save(self) -> None:
        """Bring the target to the disk in the background; the newest one wins."""
        if self._store is not None and (self._saving is None or self._saving.done()):
            self._saving = asyncio.create_task(self._save_all(self._store))

    async def _save_all(self, store: Store) -> None:
        while (target := self._group.target) is not None:
            # A commit that changes no resource is worth storing too: a restart tells which it is.
            wanted = (target.version, self.revision)
            if wanted == self._stored:
                break
            self._stored = wanted
            published = self._published.version if self._published else ""
            try:
                await asyncio.to_thread(
                    store.save, target, self._references, published, self.revision
                )
            except OSError as error:
                _log.warning("the snapshot could not be stored: %s", error)

    def _nacked(self, nack: Nack) -> None:
        _log.warning("%s", nack, extra={"node": nack.node})
        if self._nacks.full():
            self._nacks.get_nowait()
        self._nacks.put_nowait(nack)
        self._save()

    def _progress(self) -> None:
        for woken in self._waiting:
            woken.set()


def _with_secrets(snapshot: Snapshot, read: Resolution) -> Snapshot:
    named = {one.name: encoded(one) for one in read.resources}
    return layered(snapshot, {SECRET: collect({**snapshot.of(SECRET).by_name, **named})})
