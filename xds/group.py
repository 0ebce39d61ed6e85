"""All streams that are served the same snapshot: what it is, what was refused of it, who has it.

Pure: `xds.server` tells it of streams and requests, `xds.plane` of new snapshots. A fleet that
serves several policies has several groups.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from xds.edge.resources import REVOKED
from xds.nack import Nack, blamed, normalise
from xds.order import CLUSTER, ENDPOINT
from xds.session import BARRIER, Session
from xds.snapshot import EMPTY, Snapshot, assemble
from xds.transaction import Step, steps
from xds.watch import Verdict, Watch
from xds.withhold import Key, withhold

_REMEMBERED: Final = 64


class Group:
    """The target of a set of sessions.

    ``target`` is what is served now: the snapshot that was published, without what was refused or
    is blocked. None means that there is nothing to serve yet. A group ``beside`` another one is for
    a change that some of its streams have first: what was refused, and what clients may have, is
    known to both.
    """

    def __init__(self, *, barrier: float = BARRIER, beside: Group | None = None) -> None:
        self.target: Snapshot | None = None
        self.good: Snapshot = EMPTY
        """The newest snapshot that a stream has accepted in whole, or that came from the disk."""
        self.sessions: set[Session] = set()
        self.refused: dict[tuple[str, str, str], Nack] = {}
        """What is not sent again, by type URL, name and version."""
        self.barrier = barrier
        self._published: Snapshot | None = None
        self._blocked: frozenset[Key] = frozenset()
        self._remembered: OrderedDict[str, Snapshot] = OrderedDict()
        if beside is not None:
            self.good = beside.target or EMPTY
            self.refused = beside.refused
            self._remembered = beside.recall
        self._ways: dict[tuple[str, bool], tuple[Step, ...]] = {}

    def publish(self, wanted: Snapshot, blocked: frozenset[Key] = frozenset()) -> bool:
        """Serve a snapshot, but for what is blocked; tell whether the target changed."""
        self._published = wanted
        self._blocked = blocked
        return self._aim()

    def remember(self, snapshot: Snapshot) -> None:
        """Keep a snapshot as known to be good, and to be what a client may have."""
        self.good = snapshot
        self._note(snapshot)

    def refuse(self, session: Session, verdict: Verdict) -> Nack | None:
        """Take a NACK, if the verdict is one.

        After one, every stream has to be steered: what was refused may be in the target, or on
        the way of a stream to another one.
        """
        if verdict.refused is None:
            return None
        type_url = verdict.type_url
        good = {name: one.version for name, one in self.good.of(type_url).by_name.items()}
        named = blamed(verdict.error, verdict.refused, good)
        # Even if nobody is to blame (all of it is good elsewhere), do not go on sending it.
        session.avoid(type_url, named or verdict.refused)
        nack = Nack(
            session.node, type_url, verdict.refused_version, named, normalise(verdict.error)
        )
        session.nacks[type_url] = nack
        # One edge that fails does not keep the others from hearing what is revoked.
        for name, version in named.items() if type_url != REVOKED else ():
            self.refused.setdefault((type_url, name, version), nack)
        self._aim()
        return nack

    def forgive(self) -> bool:
        """Try again what was refused (a port is free now); tell whether the target changed."""
        self.refused.clear()
        for session in self.sessions:
            session.forgive()
        return self._aim()

    def join(self, protocol: Callable[[str], Watch], type_url: str = "") -> Session:
        """Add a stream."""
        session = Session(
            protocol, self._way, self._remembered.get, type_url=type_url, barrier=self.barrier
        )
        self.sessions.add(session)
        return session

    def adopt(self, session: Session, now: float) -> None:
        """Take over a stream from another group, and lead it on from what it has."""
        session.rebind(self._way, self._remembered.get)
        self.sessions.add(session)
        session.steer(now)

    @property
    def recall(self) -> OrderedDict[str, Snapshot]:
        """What clients may have, by the version of its clusters."""
        return self._remembered

    def steer(self, now: float) -> None:
        """Lead every stream to the target of now."""
        for session in self.sessions:
            session.steer(now)

    def leave(self, session: Session) -> None:
        """Forget a stream."""
        self.sessions.discard(session)

    def settle(self, session: Session) -> bool:
        """Note what a stream has; tell whether that made a newer snapshot the good one."""
        if self.target is None or self.good is self.target or session.has != self.target.version:
            return False
        self.good = self.target
        return True

    @property
    def withheld(self) -> dict[Key, Nack]:
        """What of the published snapshot is not sent because a client refused it."""
        published = self._published or EMPTY
        return {
            (url, name): nack
            for (url, name, version), nack in self.refused.items()
            if (one := published.of(url).by_name.get(name)) and one.version == version
        }

    @property
    def settled(self) -> bool:
        """Whether there are streams and every one of them has accepted the whole target."""
        target = self.target
        return (
            target is not None
            and bool(self.sessions)
            and all(session.has == target.version for session in self.sessions)
        )

    @property
    def complete(self) -> bool:
        """Whether the target is the whole of what was published."""
        return self.target is not None and self.target is self._published

    def _aim(self) -> bool:
        if self._published is None:
            return False
        self._ways.clear()
        target = withhold(self._published, self.good, self._held(self._published))
        if self.target is not None and target.version == self.target.version:
            if target is self._published:
                self.target = target
            return False
        self.target = target
        self._note(target)
        return True

    def _held(self, snapshot: Snapshot) -> frozenset[Key]:
        """What of a snapshot is not to be sent."""
        return self._blocked | frozenset(
            (url, name)
            for url, name, version in self.refused
            if (one := snapshot.of(url).by_name.get(name)) and one.version == version
        )

    def _way(self, old: Snapshot, *, sure: bool) -> tuple[Step, ...]:
        """Lay out the steps to the target, once for all streams that stand at the same place."""
        if self.target is None:
            return ()
        key = (old.version, sure)
        if key not in self._ways:
            # What was refused on the way must not be carried on as "still in use".
            start = withhold(old, self.good, self._held(old))
            way = steps(start, self.target, sure=sure)
            for step in way:
                self._note(step.view)
            self._ways[key] = way
        return self._ways[key]

    def _note(self, snapshot: Snapshot) -> None:
        """Remember by the version of its clusters, which a client names first when it connects."""
        version = snapshot.of(CLUSTER).version
        # Listeners and routes are never kept for a client's sake, and are the bulk.
        kept = {url: snapshot.of(url) for url in (CLUSTER, ENDPOINT)}
        self._remembered[version] = assemble(kept)
        self._remembered.move_to_end(version)
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
