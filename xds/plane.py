"""The control plane of one policy, to run in process: `serve` and `up` are built on it.

plane = ControlPlane("127.0.0.1:0", reader=SecretReader(root, os.environ), state=folder)
await plane.start()
await plane.publish(snapshot(lowered.resources), lowered.secrets)
accepted = await plane.acked(version)
await plane.stop()
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc

from xds.admission import DEFAULT, Limits
from xds.ahead import RevokedAhead
from xds.bootstrap import address
from xds.convergence import Convergence
from xds.fleet import Fleet, Happened
from xds.google_tokens import GoogleTokens
from xds.identity import Trust, trust_of
from xds.keeping import Keeping
from xds.lane import Build
from xds.listening import MAX_AGE
from xds.nack import Nack
from xds.node_match import NodeMatch
from xds.observer import Observer
from xds.observers import Observers
from xds.renewing import Renewing
from xds.rollout import Command
from xds.secrets import Reference, Resolution, SecretReader, Unresolved
from xds.server import XdsServer
from xds.session import BARRIER
from xds.snapshot import Snapshot
from xds.store import Stored
from xds.wave import GRACE, Strategy

T = TypeVar("T")

_log = logging.getLogger("gatewright.xds")
_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a snapshot: ``held`` are (type URL, name) of what waits for its secrets."""

    version: str
    unresolved: tuple[Unresolved, ...] = ()
    held: frozenset[tuple[str, str]] = frozenset()
    revision: str = ""


class ControlPlane:
    """Serves a policy's snapshots to any number of Envoys.

    Made on the loop it runs on. ``listen`` is ``host:port`` or ``unix:/path``; ``address`` is
    what was bound, once it is started. ``state`` is the folder of what outlives a restart, or None.
    ``trust`` is what is known of whoever connects (by default what the address tells), by
    ``credentials`` if there are any, else in the clear. ``limits`` are those of `xds.admission`,
    and ``max_age`` that of a connection, in seconds.
    ``grace`` is the time that nodes have to connect again before a rollout misses them.
    """

    def __init__(
        self,
        listen: str,
        *,
        reader: SecretReader | None = None,
        state: Path | None = None,
        trust: Trust | None = None,
        credentials: grpc.ServerCredentials | None = None,
        limits: Limits = DEFAULT,
        max_age: float = MAX_AGE,
        barrier: float = BARRIER,
        grace: float = GRACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = listen
        if trust is None:
            trust = trust_of(address(listen).host, client_ca=False)
        self.revision = ""
        """The state of its source that the published snapshot was made of: a commit, or empty."""
        self.fleet = Fleet(tell=self._happened, trust=trust, barrier=barrier, grace=grace)
        self.ahead = RevokedAhead(self.fleet, self._moved, state, clock=clock)
        """The keys that are revoked ahead of the policy."""
        self._server = XdsServer(
            self.fleet,
            on_nack=self._nacked,
            on_progress=self._progress,
            trust=trust,
            credentials=credentials,
            limits=limits,
            max_age=max_age,
            clock=clock,
        )
        self._observer: Observer = Observers()
        self._convergence = Convergence()
        self._clock = clock
        self._reader = reader or SecretReader(Path(), os.environ)
        self._keeping = Keeping(state, self._kept)
        self._strategy: Strategy | None = None
        self._nacks: asyncio.Queue[Nack] = asyncio.Queue(_KEPT)
        self._events: asyncio.Queue[Happened] = asyncio.Queue(_KEPT)
        self._waiting: set[asyncio.Event] = set()
        self._publishing = asyncio.Lock()
        self._stirred = asyncio.Event()
        self._stopping = False
        self._ticking: asyncio.Task[None] | None = None
        self._renewals: asyncio.Queue[Published] = asyncio.Queue(_KEPT)
        self._renewing = Renewing(self._reader.tokens, self._renewed)

    def attend(self, observer: Observer, services: Iterable[grpc.GenericRpcHandler] = ()) -> None:
        """Have an observer hear of streams, and more services served beside; before `start`."""
        self._observer = observer
        self._server.attend(observer, services)

    async def start(self) -> str | None:
        """Bind, and serve what was served last if that is on the disk; return its version.

        Raises OSError where the address cannot be had, or what was revoked ahead of the policy
        cannot be read. Without a snapshot, streams get
        UNAVAILABLE until the first `publish`.
        """
        await self.ahead.restore()
        restored = await self._restore()
        self.address = await self._server.start(self.address)
        self._ticking = asyncio.create_task(self._tick())
        self._renewing.start()
        return restored

    async def publish(
        self, snapshot: Snapshot, secrets: Iterable[Reference] = (), *, revision: str = ""
    ) -> Published:
        """Serve one snapshot and the secrets it refers to, to all nodes at once."""
        build = Build("default", NodeMatch(), snapshot, tuple(secrets))
        return await self.publish_fleet((build,), revision=revision)

    async def publish_fleet(
        self, builds: Iterable[Build], rollout: Strategy | None = None, *, revision: str = ""
    ) -> Published:
        """Serve each group its snapshot and the secrets that this refers to.

        ``builds`` stand in the order in which a node is held against them. With ``rollout`` a
        change comes to a group's nodes wave by wave; without, to all of them at once. A listener or
        cluster whose secret cannot be read keeps its last good version. ``revision`` names the
        state of the source that it was made of, for people.
        """
        async with self._publishing:
            builds = tuple(builds)
            read = await self._read(self.fleet.references(builds))
            self.revision, self._strategy = revision, rollout
            self.fleet.publish(builds, rollout, read, self._clock())
            self.ahead.published()
            return self._served(read)

    async def reread_secrets(self) -> Published | None:
        """Read every secret again and serve what changed; None before the first publish."""
        async with self._publishing:
            if not self.fleet.lanes:
                return None
            read = await self._read(self.fleet.references())
            self.fleet.refresh(read, self._clock())
            return self._served(read)

    def retry(self) -> None:
        """Send once more what Envoys refused: the cause may be gone, for instance a port in use."""
        self.fleet.forgive()
        self._server.target_changed()

    def command(self, group: str, command: Command, *, force: bool = False) -> None:
        """Obey an operator; raises KeyError for a group that is not there, and CommandError."""
        self.fleet.command(group, command, self._clock(), force=force)
        self._moved()

    def measured(self, node: str, requests: int, failures: int) -> None:
        """Count a node's requests, by which a wave is judged."""
        if self.fleet.measured(node, requests, failures, self._clock()):
            self._moved()

    async def acked(self, version: str) -> bool:
        """Wait until every connected stream has accepted the newest snapshot, one at the least.

        True if that is the whole of ``version`` (a `Published.version`); False if a newer one took
        its place, it was rolled back, or part of it was refused or waits for a secret.
        """
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            while True:
                if self.fleet.lanes and self.fleet.version != version:
                    return False
                if self.fleet.settled:
                    return self.fleet.complete
                await woken.wait()
                woken.clear()
        finally:
            self._waiting.discard(woken)

    async def nacks(self) -> AsyncIterator[Nack]:
        """Give each refusal as it comes, without end."""
        while True:
            yield await self._nacks.get()

    async def happened(self) -> AsyncIterator[Happened]:
        """Give each event of a rollout as it comes, without end."""
        while True:
            yield await self._events.get()

    async def renewals(self) -> AsyncIterator[Published]:
        """Give what was published whenever a token's renewal changed which secrets there are not.

        Without end. ``Published.unresolved`` says what is wrong, or that nothing is any longer.
        """
        while True:
            yield await self._renewals.get()

    @property
    def tokens(self) -> GoogleTokens:
        """The access tokens of Google service accounts."""
        return self._reader.tokens

    @property
    def stopping(self) -> bool:
        """Whether its streams are being closed: nobody new is served."""
        return self._stopping

    @property
    def streams(self) -> int:
        """How many streams are connected."""
        return len(tuple(self.fleet.members))

    def secret_files(self) -> frozenset[Path]:
        """The files that the secrets served now lie in, for a watcher."""
        return self._reader.files(self.fleet.references())

    async def stop(self, grace: float = 5.0) -> None:
        """Close the streams, wait for the state to be on disk, and stop."""
        self._stopping = True
        self._stirred.set()
        if self._ticking is not None:
            await self._ticking
        await self._renewing.stop()
        await self._server.stop(grace)
        await self._keeping.stop()
        await self.ahead.stop()

    async def _read(self, references: Iterable[Reference]) -> Resolution:
        read = await asyncio.to_thread(self._reader.read, references)
        self._renewing.was_read()
        return read

    def _served(self, read: Resolution) -> Published:
        lanes = self.fleet.lanes.values()
        self._convergence.published(lanes, self._clock())
        self._moved()
        held = frozenset(key for lane in lanes for key in lane.held)
        return Published(self.fleet.version, read.unresolved, held, self.revision)

    def _moved(self) -> None:
        """Do what follows when streams are, or may be, served something else."""
        self._server.wake()
        self._keeping.save()
        self._progress()

    async def _tick(self) -> None:
        """Call the fleet when it is time for something.

        Not ended by a cancellation: `asyncio.wait_for` of Python 3.11 can lose one.
        """
        while not self._stopping:
            self._stirred.clear()
            if self.fleet.tick(self._clock()):
                self._moved()
            due = self.fleet.due()
            wait = None if due is None else max(due - self._clock(), 0.001)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stirred.wait(), wait)

    async def _renewed(self) -> None:
        """Serve the tokens that were asked for anew, and tell what is otherwise than before."""
        before = self.fleet.unresolved
        published = await self.reread_secrets()
        if published is not None and published.unresolved != before:
            _put(self._renewals, published)

    async def _restore(self) -> str | None:
        stored = await self._keeping.load()
        if stored is None:
            return None
        self.revision, self._strategy = stored.revision, stored.strategy
        self.fleet.restore(stored.groups, stored.strategy, self._clock())
        self.fleet.refresh(await self._read(self.fleet.references()), self._clock())
        return self.fleet.version

    def _kept(self) -> Stored | None:
        groups = self.fleet.kept()
        return Stored(groups, self._strategy, self.revision) if groups else None

    def _nacked(self, nack: Nack) -> None:
        _log.warning("%s", nack, extra={"node": nack.node})
        _put(self._nacks, nack)
        self._keeping.save()

    def _happened(self, happened: Happened) -> None:
        _put(self._events, happened)
        self._keeping.save()

    def _progress(self) -> None:
        self._stirred.set()
        for group, seconds in self._convergence.look(self.fleet.lanes.values(), self._clock()):
            self._observer.converged(group, seconds)
        for woken in self._waiting:
            woken.set()


def _put(queue: asyncio.Queue[T], item: T) -> None:
    """Add to a queue; where nobody takes from it, the oldest goes."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(item)
