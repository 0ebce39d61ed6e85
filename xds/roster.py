"""The nodes that are connected, or were until lately, each as one row; and the rows as JSON.

Pure but for the clocks that are passed in. A node is told by its id: two that are up under one id
are one row, which counts more streams than a node has.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from xds.nack import Nack
from xds.observer import Kind
from xds.placement import Node
from xds.session import Session
from xds.status import ResourceStatus, State, TypeStatus, types, worst
from xds.withhold import Key

KEPT: Final = 900.0
"""Seconds that a node is shown after its last stream has ended."""
_MOST: Final = 1_000

Place = Callable[[str, str], str]
"""Gives the place in the policy that made a resource, by type URL and name; or an empty text."""


@dataclass(frozen=True, slots=True)
class Seated:
    """A stream with its place: ``lane`` is ``stable`` or ``candidate``, ``wave`` counts from 1.

    ``wave`` is 0 where the group's changes come to all nodes at once. ``withheld`` is what its
    group does not send because it was refused.
    """

    session: Session
    node: Node
    group: str
    lane: str = "stable"
    wave: int = 0
    address: str = ""
    identity: str = ""
    withheld: Mapping[Key, Nack] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A node. ``since`` and ``seen`` are seconds since 1970; ``types`` are in ADS order."""

    node: Node
    group: str
    lane: str
    wave: int
    address: str
    identity: str
    protocol: Kind
    streams: int
    connected: bool
    since: float
    seen: float
    state: State
    types: tuple[TypeStatus, ...]


def row(streams: Iterable[Seated], now: float, wall: float) -> Row:
    """Make the row of one node's streams (one at the least); of each type the newest counts.

    ``now`` is the clock of the sessions, ``wall`` the time of day at the same moment.
    """
    newest = sorted(streams, key=lambda one: one.session.opened, reverse=True)
    by_type: dict[str, TypeStatus] = {}
    for one in newest:
        for told in types(one.session, one.withheld):
            by_type.setdefault(told.type_url, told)
    first = newest[0]
    return Row(
        first.node,
        first.group,
        first.lane,
        first.wave,
        first.address,
        first.identity,
        first.session.protocol,
        len(newest),
        connected=True,
        since=wall - (now - newest[-1].session.opened),
        seen=wall - (now - max(one.session.heard for one in newest)),
        state=worst(one.state for one in by_type.values()),
        types=tuple(by_type.values()),
    )


def rows(streams: Iterable[Seated], now: float, wall: float) -> list[Row]:
    """Make the rows of all nodes that are connected, by id."""
    by_node: dict[str, list[Seated]] = {}
    for one in streams:
        by_node.setdefault(one.node.id, []).append(one)
    return [row(found, now, wall) for _, found in sorted(by_node.items())]


class Departed:
    """The rows of nodes that are gone, as they were at the end."""

    def __init__(self, kept: float = KEPT) -> None:
        self._kept = kept
        self._rows: OrderedDict[str, Row] = OrderedDict()

    def left(self, last: Row) -> None:
        """Keep a row; the oldest give way where there are very many."""
        self._rows.pop(last.node.id, None)
        self._rows[last.node.id] = replace(last, connected=False, streams=0)
        while len(self._rows) > _MOST:
            self._rows.popitem(last=False)

    def rows(self, connected: Iterable[str], wall: float) -> list[Row]:
        """Give those that did not come back and are not gone for too long, by id."""
        for node in connected:
            self._rows.pop(node, None)
        for node, one in list(self._rows.items()):
            if one.seen < wall - self._kept:
                del self._rows[node]
        return [one for _, one in sorted(self._rows.items())]


def row_data(one: Row, place: Place) -> dict[str, Any]:
    """Give a row as JSON data, in the shape that docs/operating.md tells."""
    return {
        "id": one.node.id,
        "cluster": one.node.cluster,
        "region": one.node.region,
        "zone": one.node.zone,
        "group": one.group,
        "wave": one.wave or None,
        "serves": one.lane,
        "address": one.address,
        "identity": one.identity or None,
        "agent": one.node.agent,
        "protocol": one.protocol,
        "streams": one.streams,
        "connected": one.connected,
        "since": round(one.since, 3),
        "seen": round(one.seen, 3),
        "state": one.state.value,
        "types": {told.word: _type_data(told, place) for told in one.types},
    }


def _type_data(told: TypeStatus, place: Place) -> dict[str, Any]:
    return {
        "state": told.state.value,
        "version": told.version,
        "refused": [_refused_data(one, place) for one in told.refused],
    }


def _refused_data(one: ResourceStatus, place: Place) -> dict[str, Any]:
    return {
        "resource": one.name,
        "version": one.wanted,
        "error": one.nack.error if one.nack else "",
        "place": place(one.type_url, one.name) or None,
    }
