"""One group of a policy: what it is served, its change under way, and its streams."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xds.edge.resources import KEYS, REVOKED
from xds.group import Group
from xds.identity import may_have_secrets
from xds.order import SECRET
from xds.revocation import active, lost, revoked_in, revoked_resources
from xds.rollout import Rollout, State
from xds.secrets import Reference, Resolution
from xds.snapshot import Resources, Snapshot, collect, encoded, layered
from xds.withhold import Key, unresolved

if TYPE_CHECKING:
    from xds.identity import Peer, Trust
    from xds.nack import Nack
    from xds.node_match import NodeMatch
    from xds.placement import Node, NodeMessage, Refused
    from xds.rollout_event import Event
    from xds.session import Session
    from xds.watch import Verdict
    from xds.wave import Strategy


@dataclass(frozen=True, slots=True)
class Build:
    """What the nodes of a policy group are served, and which nodes these are.

    ``identity`` are globs of the names in client certificates whose holders may be in the group.
    ``published`` is the version that the snapshot was published under, where that is not its own:
    on disk, what was refused of it is replaced by its last good version.
    """

    name: str
    nodes: NodeMatch
    snapshot: Snapshot
    secrets: tuple[Reference, ...] = ()
    identity: tuple[str, ...] = ()
    published: str = ""

    @property
    def version(self) -> str:
        """The version, which is the same on every replica: secrets take no part in it."""
        return self.published or self.snapshot.version


@dataclass(frozen=True, slots=True)
class Kept:
    """A group as it outlives a restart."""

    stable: Build
    candidate: Build | None
    state: State


@dataclass(eq=False, slots=True)
class Member:
    """A stream and its place; ``message`` is the node as it came, ``refused`` says it must end."""

    session: Session
    node: Node
    message: NodeMessage
    peer: Peer
    lane: Lane
    group: Group
    refused: Refused | None = None

    @property
    def settled(self) -> bool:
        """Whether it has accepted all that is for it."""
        target = self.group.target
        return target is not None and self.session.has == target.version


class Lane:
    """The stable group of a policy group, and the candidate beside it while there is one."""

    def __init__(self, build: Build, rollout: Rollout, stable: Group, *, trust: Trust) -> None:
        self.build = build
        """What the policy says now, served or not."""
        self.rollout = rollout
        self.stable = stable
        self.candidate: Group | None = None
        self.nodes: dict[str, set[Member]] = {}
        """The streams of each connected node, by its id."""
        self.held: frozenset[Key] = frozenset()
        """What of the newest waits for its secrets, by type URL and name."""
        self.ahead: frozenset[bytes] = frozenset()
        """The digests of keys that are revoked ahead of the policy; `serve` does what follows."""
        self.trailing = False
        """Whether streams are told to refuse keys that none of them has any more: see `trim`."""
        self._restored: frozenset[bytes] = frozenset()
        self._trust = trust
        self._arranged: State | None = None
        self._stable_build = build
        self._candidate_build = build

    @property
    def name(self) -> str:
        """The group's name."""
        return self.build.name

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups that there are now."""
        return (self.stable,) if self.candidate is None else (self.stable, self.candidate)

    @property
    def builds(self) -> tuple[Build, ...]:
        """All builds that may be served: the stable one, the candidate, the policy's."""
        return self._stable_build, self._candidate_build, self.build

    @property
    def complete(self) -> bool:
        """Whether what the policy says now is served to all, and nothing of it is withheld."""
        return (
            self.candidate is None
            and self.stable.complete
            and self._stable_build.version == self.build.version
        )

    def build_of(self, group: Group) -> Build:
        """Give what one of the groups serves."""
        return self._candidate_build if group is self.candidate else self._stable_build

    def restore(self, kept: Kept) -> None:
        """Take what was on the disk; good before it is served, for it may be live in an Envoy."""
        self._stable_build = kept.stable
        self._candidate_build = kept.candidate or kept.stable
        self.stable.remember(kept.stable.snapshot)
        # The policy that dropped these may be compiled only in a moment.
        self._restored = revoked_in(kept.stable.snapshot) - self.ahead

    def kept(self) -> Kept | None:
        """Give what is to outlive a restart; None before anything was served."""
        state = self.rollout.state
        stable = _served(self._stable_build, self.build, self.stable)
        if stable is None or state.stable is None:
            return None
        candidate = None
        if self.candidate is not None:
            candidate = _served(self._candidate_build, self.build, self.candidate)
        return Kept(stable, candidate, state)

    def publish(self, build: Build, strategy: Strategy | None, now: float) -> tuple[Event, ...]:
        """Take what the policy says now; `serve` and `arrange` do what follows."""
        self.build = build
        self._restored = frozenset()
        if self._stable_build.version == build.version:
            self._stable_build = build
        if self._candidate_build.version == build.version:
            self._candidate_build = build
        events = self.rollout.published(build.version, strategy, now)
        state = self.rollout.state
        if state.candidate is None and state.stable == build.version:
            self._stable_build = build
        return events

    def serve(self, read: Resolution) -> bool:
        """Serve the builds with these secrets; tell whether anything changed."""
        changed = [self._serve(group, read) for group in self.groups]
        return any(changed)

    def trim(self, read: Resolution) -> bool:
        """Refuse ahead only what is to be, once all streams have newer keys; tell of a change."""
        if not self.trailing or self.candidate is not None or not self.stable.settled:
            return False
        return self._serve(self.stable, read)

    def forgive(self) -> None:
        """Send once more what was refused."""
        for group in self.groups:
            group.forgive()

    @property
    def stirred(self) -> bool:
        """Whether `arrange` has something to do: the rollout is not where it was then."""
        return self.rollout.state is not self._arranged

    def arrange(self, read: Resolution, now: float) -> bool:
        """Have the groups that the rollout's state asks for, and every stream in the right one."""
        state = self._arranged = self.rollout.state
        before = self.groups
        ended = None
        if self.candidate is not None and state.candidate != self._candidate_build.version:
            ended, self.candidate = self.candidate, None
            if state.stable == self._candidate_build.version:
                self.stable, self._stable_build = ended, self._candidate_build
        if state.candidate is not None and self.candidate is None:
            self.candidate = Group(barrier=self.stable.barrier, beside=self.stable)
            if self._candidate_build.version != state.candidate:
                self._candidate_build = self.build
            self._serve(self.candidate, read)
        changed = False
        if ended is not None or before != self.groups:
            # What was refused on the way may not be led on as "still in use": lay out ways anew.
            changed = self._serve(self.stable, read)
        moved = [self._put(member, now) for node in self.nodes.values() for member in node]
        if changed:
            self.stable.steer(now)
        return changed or any(moved)

    def enter(self, member: Member) -> bool:
        """Take a stream in; tell whether it is its node's first."""
        streams = self.nodes.setdefault(member.node.id, set())
        streams.add(member)
        return len(streams) == 1

    def exit(self, member: Member) -> bool:
        """Let a stream go; tell whether it was its node's last."""
        streams = self.nodes[member.node.id]
        streams.discard(member)
        if streams:
            return False
        del self.nodes[member.node.id]
        return True

    def node_settled(self, node: str) -> bool:
        """Tell whether all streams of a node have accepted all that is for them."""
        return all(member.settled for member in self.nodes[node])

    def brought(self, verdict: Verdict, nack: Nack) -> bool:
        """Tell whether something that was refused is not in the stable snapshot too."""
        target = self.stable.target
        known = {} if target is None else target.of(nack.type_url).by_name
        refused = nack.resources or verdict.refused or {}
        return any(
            name not in known or known[name].version != version for name, version in refused.items()
        )

    def _put(self, member: Member, now: float) -> bool:
        """Move a stream to the group that its node is for."""
        takes = self.rollout.takes(member.node.id)
        group = self.candidate if takes and self.candidate is not None else self.stable
        if member.group is group:
            return False
        member.group.leave(member.session)
        member.group = group
        group.adopt(member.session, now)
        return True

    def _serve(self, group: Group, read: Resolution) -> bool:
        build = self.build_of(group)
        needed = {one.name for one in build.secrets}
        # Where anybody may be such a node, what needs a secret waits as if that were missing.
        given = needed if may_have_secrets(build.identity, self._trust) else set[str]()
        missing = (needed - given) | (read.missing & needed)
        held = unresolved(build.snapshot, missing) if missing else frozenset()
        if build is self.build:
            self.held = held
        secrets = _secrets(build.snapshot, read, given)
        types = {SECRET: secrets, REVOKED: revoked_resources(self._revoked(group, build))}
        return group.publish(layered(build.snapshot, types), held)

    def _revoked(self, group: Group, build: Build) -> frozenset[bytes]:
        """Tell what the streams of a group are to refuse, whatever their keys say.

        What the policy dropped counts in every wave: a revocation does not wait for a rollout. And
        what the keys have lost by now is refused until every stream has accepted these keys: they
        come in several messages, and an answer to an older one may be late.
        """
        keys = build.snapshot.of(KEYS)
        needed = self.ahead | self._restored | lost(keys, self.build.snapshot.of(KEYS))
        before = group.target or self.stable.target
        done = revoked_in(before) - needed
        done -= active(done, keys)
        if before is not None:
            done |= lost(before.of(KEYS), keys)
        self.trailing = bool(done) and (
            self.candidate is not None
            or not group.settled
            or any(member.group is not group for node in self.nodes.values() for member in node)
            or before is None
            or before.of(KEYS).version != keys.version
        )
        return needed | done if self.trailing else needed


def _served(build: Build, policy: Build, group: Group) -> Build | None:
    """Give a build as it is served, under the version it was published under."""
    if group.target is None:
        return None
    return replace(
        build,
        snapshot=group.target,
        published=build.version,
        nodes=policy.nodes,
        identity=policy.identity,
    )


def _secrets(snapshot: Snapshot, read: Resolution, names: Collection[str]) -> Resources:
    named = {one.name: encoded(one) for one in read.resources if one.name in names}
    return collect({**snapshot.of(SECRET).by_name, **named})
