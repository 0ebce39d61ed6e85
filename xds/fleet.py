"""All groups of a policy and their streams: who is served what, and how a change comes to them.

Each policy group has a stable `xds.group.Group`, and beside it one for the candidate while a change
is rolled out. A stream is moved from one to the other without being closed: it is led step by step,
make before break, from what it has. Pure but for the clock that is passed in; `xds.plane` publishes
here, `xds.server` brings the streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xds.group import Group
from xds.identity import Trust, identified
from xds.lane import Build, Kept, Lane, Member
from xds.placement import Code, Refused, node_of
from xds.rollout import Rollout
from xds.secrets import Reference, Resolution, Unresolved
from xds.session import BARRIER
from xds.snapshot import set_version
from xds.wave import GRACE

if TYPE_CHECKING:
    from xds.identity import Peer
    from xds.nack import Nack
    from xds.placement import NodeMessage
    from xds.rollout import Command
    from xds.rollout_event import Event
    from xds.session import Session
    from xds.watch import Verdict, Watch
    from xds.wave import Strategy


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a group's rollout; ``nack`` is the refusal that caused it, if one did."""

    group: str
    event: Event
    nack: Nack | None = None

    def __str__(self) -> str:
        return f"group {self.group}: {self.event}"


class Fleet:
    """Gives every stream its group; a `xds.placement.Placement`.

    ``tell`` hears what happens to rollouts, and must not block. ``trust`` is what is known of
    whoever connects. ``grace`` is for nodes to connect again: see `xds.wave`.
    """

    def __init__(
        self,
        *,
        tell: Callable[[Happened], None],
        trust: Trust = Trust.MACHINE,
        barrier: float = BARRIER,
        grace: float = GRACE,
    ) -> None:
        self.lanes: dict[str, Lane] = {}
        """By the groups' names, in the order in which a node is held against them."""
        self._tell = tell
        self._trust = trust
        self._barrier = barrier
        self._grace = grace
        self._members: dict[Session, Member] = {}
        self._read = Resolution()
        self._ahead: frozenset[bytes] = frozenset()
        self._late: Member | None = None

    @property
    def ready(self) -> bool:
        """Whether there is anything to serve."""
        return any(lane.stable.target is not None for lane in self.lanes.values())

    @property
    def members(self) -> Iterable[Member]:
        """All streams that are placed."""
        return self._members.values()

    @property
    def version(self) -> str:
        """The version of what was published last, over all groups."""
        return fleet_version(lane.build for lane in self.lanes.values())

    @property
    def settled(self) -> bool:
        """Whether there are streams and every one has all that is for it, with no rollout left."""
        if not self._members or any(lane.candidate for lane in self.lanes.values()):
            return False
        # Asked after every answer of every stream: as long as one is behind, look at that one only.
        late = self._late
        if late is None or late.session not in self._members or late.settled:
            self._late = next((one for one in self._members.values() if not one.settled), None)
        return self._late is None

    @property
    def complete(self) -> bool:
        """Whether what is served is the whole of what was published."""
        return all(lane.complete for lane in self.lanes.values())

    @property
    def unresolved(self) -> tuple[Unresolved, ...]:
        """The secrets that could not be read when they were read last."""
        return self._read.unresolved

    def references(self, builds: Iterable[Build] = ()) -> tuple[Reference, ...]:
        """The secrets that are needed for what is served, and for more builds."""
        served = (build for lane in self.lanes.values() for build in lane.builds)
        return tuple(
            {one.name: one for build in (*served, *builds) for one in build.secrets}.values()
        )

    def restore(self, kept: Iterable[Kept], strategy: Strategy | None, now: float) -> None:
        """Take groups that were read from the disk; `refresh` serves them."""
        for one in kept:
            rollout = Rollout(strategy, one.state, now=now, grace=self._grace)
            lane = self._lane(one.stable, rollout)
            lane.restore(one)
            self.lanes[lane.name] = lane

    def kept(self) -> tuple[Kept, ...]:
        """Give what is to outlive a restart."""
        found = (lane.kept() for lane in self.lanes.values())
        return tuple(one for one in found if one is not None)

    def _lane(self, build: Build, rollout: Rollout) -> Lane:
        lane = Lane(build, rollout, Group(barrier=self._barrier), trust=self._trust)
        lane.ahead = self._ahead
        return lane

    def publish(
        self, builds: Iterable[Build], strategy: Strategy | None, read: Resolution, now: float
    ) -> None:
        """Take what the policy says now; ``read`` has the secrets of `references` of the builds.

        Which node is in which group changes at once, what a group is served by its rollout.
        """
        self._read = read
        builds = tuple(builds)
        old = self.lanes
        self.lanes = {}
        for build in builds:
            known = old.get(build.name)
            self.lanes[build.name] = known or self._lane(build, Rollout(grace=self._grace))
        happened = [
            (lane, lane.publish(build, strategy, now))
            for lane, build in zip(self.lanes.values(), builds, strict=True)
        ]
        # A stream needs a target where it is moved to: without one it would be led nowhere.
        changed = [lane.serve(read) for lane in self.lanes.values()]
        for member in tuple(self._members.values()):
            self._place_again(member, now)
        for lane, events in happened:
            self._took(lane, events, now)
            lane.arrange(read, now)
        if any(changed):
            self.steer(now)

    def refresh(self, read: Resolution, now: float) -> bool:
        """Serve everything with these secrets; tell whether anything changed."""
        self._read = read
        changed = [lane.serve(read) for lane in self.lanes.values()]
        for lane in self.lanes.values():
            lane.arrange(read, now)
        if any(changed):
            self.steer(now)
        return any(changed)

    def revoke(self, digests: frozenset[bytes], now: float) -> bool:
        """Have exactly these keys refused ahead of the policy, by every node at once."""
        self._ahead = digests
        for lane in self.lanes.values():
            lane.ahead = digests
        return self.refresh(self._read, now)

    def forgive(self) -> None:
        """Send once more what was refused."""
        for lane in self.lanes.values():
            lane.forgive()

    def tick(self, now: float) -> bool:
        """Do what it is time for; tell whether streams were moved."""
        moved = [self._took(one, one.rollout.tick(now), now) for one in self.lanes.values()]
        return any(moved)

    def due(self) -> float | None:
        """When `tick` is to be called; None for never."""
        times = [lane.rollout.due() for lane in self.lanes.values()]
        return min((time for time in times if time is not None), default=None)

    def command(self, group: str, command: Command, now: float, *, force: bool = False) -> None:
        """Obey an operator; raises KeyError for a group that is not there, and CommandError."""
        lane = self.lanes[group]
        events = lane.rollout.command(command, now, force=force)
        if force:
            # The cause of a refusal may be gone: it is tried once more with the rest.
            lane.forgive()
        self._took(lane, events, now)

    def measured(self, node: str, requests: int, failures: int, now: float) -> bool:
        """Count requests of a node; tell whether streams were moved."""
        moved = [
            self._took(one, one.rollout.measured(node, requests, failures, now), now)
            for one in self.lanes.values()
            if node in one.nodes
        ]
        return any(moved)

    def join(
        self,
        node: NodeMessage,
        peer: Peer,
        protocol: Callable[[str], Watch],
        type_url: str,
        now: float,
    ) -> Session:
        """Place a stream by its first request's node; raises Refused."""
        lane = self._lane_of(node, peer)
        takes = lane.rollout.takes(node.id)
        group = lane.candidate if takes and lane.candidate else lane.stable
        if group.target is None:
            raise Refused(Code.UNAVAILABLE, "there is nothing for this group yet")
        session = group.join(protocol, type_url)
        member = Member(session, node_of(node), node, peer, lane, group)
        self._members[session] = member
        if lane.enter(member):
            self._took(lane, lane.rollout.joined(node.id, now), now)
        return session

    def admit(self, node: NodeMessage, peer: Peer) -> None:
        """Let a client speak for a node that is, or may be, in a group; raises Refused."""
        self._lane_of(node, peer)

    def group_of(self, session: Session) -> str:
        """Name the policy's group that a stream is in."""
        return self._members[session].lane.name

    def refusal(self, session: Session) -> Refused | None:
        """Say whether a stream that was placed must end."""
        member = self._members.get(session)
        return None if member is None else member.refused

    def refuse(self, session: Session, verdict: Verdict, now: float) -> Nack | None:
        """Take a NACK, if the verdict is one; it rolls a change back that brought what it is of."""
        member = self._members[session]
        group, lane = member.group, member.lane
        nack = group.refuse(session, verdict)
        if nack is None:
            return None
        if group is lane.candidate and lane.brought(verdict, nack):
            build = lane.build_of(group)
            events = lane.rollout.nacked(member.node.id, build.version, str(nack), now)
            self._took(lane, events, now, nack)
        self.steer(now)
        return nack

    def settle(self, session: Session, now: float) -> bool:
        """Note what a stream has by now; tell whether streams were moved."""
        member = self._members[session]
        lane = member.lane
        member.group.settle(session)
        if lane.trailing and lane.trim(self._read):
            self.steer(now)
            return True
        if member.group is not lane.candidate or not lane.node_settled(member.node.id):
            return False
        version = lane.build_of(member.group).version
        return self._took(lane, lane.rollout.acked(member.node.id, version, now), now)

    def leave(self, session: Session, now: float) -> bool:
        """Forget a stream; tell whether others were moved for it."""
        member = self._members.pop(session)
        member.group.leave(session)
        if not member.lane.exit(member):
            return False
        return self._took(member.lane, member.lane.rollout.left(member.node.id, now), now)

    def steer(self, now: float) -> None:
        """Lead every stream to what it is to have."""
        for lane in self.lanes.values():
            for group in lane.groups:
                group.steer(now)

    def _lane_of(self, node: NodeMessage, peer: Peer) -> Lane:
        builds = [lane.build for lane in self.lanes.values()]
        return self.lanes[identified(node, peer, builds).name]

    def _place_again(self, member: Member, now: float) -> None:
        """Hold a stream against the policy's groups as they are now."""
        old = member.lane
        try:
            lane = self._lane_of(member.message, member.peer)
        except Refused as refused:
            member.refused = refused
            return
        if lane is old:
            return
        if old.exit(member):
            self._took(old, old.rollout.left(member.node.id, now), now)
        member.lane = lane
        if lane.enter(member):
            self._took(lane, lane.rollout.joined(member.node.id, now), now)

    def _took(
        self, lane: Lane, events: tuple[Event, ...], now: float, nack: Nack | None = None
    ) -> bool:
        """Tell of events, and put the lane's streams where they are to be by now."""
        for event in events:
            self._tell(Happened(lane.name, event, nack))
        return lane.arrange(self._read, now) if lane.stirred else False


def fleet_version(builds: Iterable[Build]) -> str:
    """Give the version of some groups' snapshots; that of the snapshot where there is one."""
    versions = {build.name: build.version for build in builds}
    return next(iter(versions.values())) if len(versions) == 1 else set_version(versions)
