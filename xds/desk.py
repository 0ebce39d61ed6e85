"""What an operator sees of a running control plane, and what its rollouts are told to do.

Gathers facts where they are: streams and rollouts from the fleet, counts from the metrics, requests
from the load reports. Everything here runs on the loop that serves streams.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from xds.ahead import UnknownKeyError
from xds.csds import Viewed
from xds.load import Load, LoadWindow
from xds.metrics import Facts, Metrics, Served
from xds.observer import Stream, short
from xds.observers import Silent
from xds.operator_http import RefusedCommandError
from xds.placement import WHOLE, position
from xds.rollout import Command, CommandError
from xds.roster import Departed, Place, Row, Seated, row, row_data, rows
from xds.status import State

if TYPE_CHECKING:
    from xds.lane import Lane, Member
    from xds.nack import Nack
    from xds.plane import ControlPlane
    from xds.withhold import Key

STRAGGLING: Final = 30.0
"""Seconds after which a node that is still behind is counted as a straggler."""

FORMAT: Final = 1
"""The shape of the status; it grows, and this changes only when something goes or means another."""


class ControlDesk(Silent):
    """The `xds.operator_http.Desk` of a control plane, and an observer that notes who leaves.

    ``place`` tells which line of the policy made a resource.
    """

    def __init__(
        self,
        plane: ControlPlane,
        metrics: Metrics,
        *,
        place: Place,
        build: str = "",
        load: LoadWindow | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._plane = plane
        self._metrics = metrics
        self._place = place
        self._build = build
        self._load = load or LoadWindow()
        self._clock = clock
        self._wall = wall
        self._departed = Departed()
        self._published_at: float | None = None
        self._wrong: Mapping[str, Any] | None = None

    def published(self) -> None:
        """Note the time of a publication: what the policy's source says now is right."""
        self._published_at = self._wall()
        self._wrong = None

    def failed(self, revision: str, errors: Iterable[tuple[str, str]]) -> None:
        """Note that what the policy's source says now is wrong; ``errors`` are (place, message)."""
        self._wrong = {
            "at": self._wall(),
            "revision": revision or None,
            "errors": [{"place": place or None, "message": text} for place, text in errors],
        }

    def closed(self, stream: Stream) -> None:
        """Keep the row of a node whose last stream ends; called while it is still there."""
        # A new policy may have put it into another group than it was opened in.
        for lane in self._plane.fleet.lanes.values():
            members = lane.nodes.get(stream.node, ())
            if len(members) == 1:
                seated = [self._seated(one, one.group.withheld) for one in members]
                self._departed.left(row(seated, self._clock(), self._wall()))

    def reported(self, node: str, clusters: Mapping[str, Load]) -> None:
        """Take a load report: metrics count it, and a rollout judges the node by it."""
        for name, load in clusters.items():
            self._metrics.reported(name, load)
        requests = sum(one.requests for one in clusters.values())
        self._plane.measured(node, requests, sum(one.errors for one in clusters.values()))

    def known_clusters(self) -> frozenset[str]:
        """Names of the clusters that the policy makes, of any group."""
        from xds.order import CLUSTER

        lanes = self._plane.fleet.lanes.values()
        return frozenset(
            name
            for lane in lanes
            for group in lane.groups
            if group.target is not None
            for name in group.target.of(CLUSTER).by_name
        )

    def views(self) -> Iterator[Viewed]:
        """Give every stream as CSDS shows it."""
        for member, seated in self._all():
            yield Viewed(member.message, seated)

    async def not_ready(self) -> str:
        """Say why nothing is served; empty where something is."""
        if self._plane.stopping:
            return "shutting down"
        return "" if self._plane.fleet.ready else "no policy has been compiled yet"

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """Give the exposition and its content type."""
        return self._metrics.exposition(self._facts(), accept)

    async def status(self) -> Mapping[str, Any]:
        """Give the whole status, in the shape that docs/operating.md tells."""
        fleet = self._plane.fleet
        connected, gone = self._rows()
        return {
            "format": FORMAT,
            "build": self._build,
            "ready": fleet.ready,
            "version": fleet.version if fleet.ready else None,
            "revision": self._plane.revision or None,
            "published": self._published_at,
            "wrong": self._wrong,
            "complete": fleet.ready and fleet.complete,
            "groups": [self._group_data(lane, connected) for lane in fleet.lanes.values()],
            "secrets": [
                {"source": one.source, "reason": one.reason, "kept": one.kept}
                for one in fleet.unresolved
            ],
            "revoked": [
                {"id": one.id, "since": one.since, "digests": len(one.digests)}
                for one in self._plane.ahead.revocations
            ],
            "nodes": [row_data(one, self._place) for one in (*connected, *gone)],
        }

    async def rollout(self) -> Mapping[str, Any]:
        """Give the state of each group's rollout."""
        return {"groups": [rollout_data(lane) for lane in self._plane.fleet.lanes.values()]}

    async def command(self, group: str, verb: str, *, force: bool) -> Mapping[str, Any]:
        """Obey, and give the group's rollout after it; raises RefusedCommandError."""
        if verb not in {one.value for one in Command}:
            raise RefusedCommandError(f"there is no command {verb!r}", 404)
        try:
            self._plane.command(group, Command(verb), force=force)
        except KeyError:
            raise RefusedCommandError(f"there is no group {group!r}", 404) from None
        except CommandError as error:
            raise RefusedCommandError(str(error)) from None
        return rollout_data(self._plane.fleet.lanes[group])

    async def revoke(self, key_id: str, *, undo: bool) -> Mapping[str, Any]:
        """Revoke a key ahead of the policy, or leave it to the policy again.

        Raises RefusedCommandError.
        """
        ahead = self._plane.ahead
        try:
            done = await (ahead.undo(key_id) if undo else ahead.revoke(key_id))
        except UnknownKeyError:
            raise RefusedCommandError(
                f"{key_id!r} is not revoked ahead of the policy"
                if undo
                else f"the policy that is served has no key {key_id!r}",
                404,
            ) from None
        one = done.revocation
        return {"id": one.id, "since": one.since, "digests": len(one.digests), "kept": done.kept}

    def _all(self) -> Iterator[tuple[Member, Seated]]:
        withheld: dict[int, Mapping[Key, Nack]] = {}
        for member in self._plane.fleet.members:
            key = id(member.group)
            if key not in withheld:
                withheld[key] = member.group.withheld
            yield member, self._seated(member, withheld[key])

    def _seated(self, member: Member, withheld: Mapping[Key, Nack]) -> Seated:
        lane = member.lane
        return Seated(
            member.session,
            member.node,
            lane.name,
            "candidate" if member.group is lane.candidate else "stable",
            _wave(lane, member.node.id),
            member.peer.address,
            ", ".join((*member.peer.uris, *member.peer.names)),
            withheld,
        )

    def _rows(self) -> tuple[list[Row], list[Row]]:
        wall = self._wall()
        connected = rows((seated for _, seated in self._all()), self._clock(), wall)
        return connected, self._departed.rows((one.node.id for one in connected), wall)

    def _group_data(self, lane: Lane, connected: list[Row]) -> dict[str, Any]:
        mine = [one for one in connected if one.group == lane.name]
        refused = {key: nack for group in lane.groups for key, nack in group.withheld.items()}
        return {
            "name": lane.name,
            "version": lane.build.version,
            "complete": lane.complete,
            "nodes": len(mine),
            "synced": sum(one.state is State.SYNCED for one in mine),
            "rollout": rollout_data(lane),
            "refused": [
                {
                    "type": short(url),
                    "resource": name,
                    "version": nack.resources.get(name, ""),
                    "error": nack.error,
                    "node": nack.node,
                    "place": self._place(url, name) or None,
                }
                for (url, name), nack in sorted(refused.items(), key=lambda item: item[0])
            ],
            "held": [{"type": short(url), "resource": name} for url, name in sorted(lane.held)],
        }

    def _facts(self) -> Facts:
        fleet = self._plane.fleet
        now = self._clock()
        nodes: dict[tuple[str, str], int] = {}
        for one in self._rows()[0]:
            key = (one.group, one.state.value)
            nodes[key] = nodes.get(key, 0) + 1
        stragglers = dict.fromkeys(fleet.lanes, 0)
        for lane in fleet.lanes.values():
            stragglers[lane.name] = sum(
                any(_lags(one, now) for one in members) for members in lane.nodes.values()
            )
        lanes = fleet.lanes.values()
        return Facts(
            build=self._build,
            served=tuple(
                Served(lane.name, lane.build.version, self._plane.revision) for lane in lanes
            ),
            nodes=nodes,
            stragglers=stragglers,
            unresolved=len(fleet.unresolved),
            quarantined=sum(len(group.withheld) for lane in lanes for group in lane.groups),
            revoked=len(self._plane.ahead.revocations),
            rollouts={lane.name: _state(lane) for lane in lanes},
            waves={lane.name: lane.rollout.share / WHOLE for lane in lanes},
            under_way={name: one.in_progress for name, one in self._load.by_cluster(now).items()},
            tokens=self._plane.tokens.renewed,
            no_tokens=self._plane.tokens.failed,
        )


def rollout_data(lane: Lane) -> dict[str, Any]:
    """Give a group's rollout as JSON data; ``wave`` counts from 1, shares are from 0 to 1."""
    rollout = lane.rollout
    state, strategy = rollout.state, rollout.strategy
    return {
        "name": lane.name,
        "state": _state(lane),
        "stable": state.stable,
        "candidate": state.candidate,
        "wave": state.wave + 1 if state.candidate is not None else None,
        "waves": [share / WHOLE for share in strategy.waves] if strategy else [],
        "share": rollout.share / WHOLE,
        "waits_for": rollout.waits_for,
        "waiting": state.waiting,
        "quarantined": dict(state.quarantined),
    }


def _state(lane: Lane) -> str:
    state = lane.rollout.state
    if state.candidate is not None:
        return "paused" if state.paused else "rolling"
    return "quarantined" if state.waiting is not None else "idle"


def _wave(lane: Lane, node: str) -> int:
    """Tell in which wave a node's turn is, from 1; 0 where there are none."""
    strategy = lane.rollout.strategy
    if strategy is None:
        return 0
    if node == lane.rollout.state.stand_in:
        return 1
    place = position(node)
    return next(n for n, share in enumerate(strategy.waves, 1) if place < share)


def _lags(member: Member, now: float) -> bool:
    return not member.settled and now - member.session.behind > STRAGGLING
