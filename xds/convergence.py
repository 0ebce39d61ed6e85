"""How long a change takes until every connected node has it; pure, with a clock passed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xds.lane import Lane, Member


@dataclass(slots=True)
class _Wait:
    since: float
    left: list[Member] | None
    """Streams that were not seen at rest yet; None while a rollout moves them to and fro."""


class Convergence:
    """The groups that have yet to come to rest, and since when.

    Of changes that follow each other before that, the first one's time counts. `look` is called
    after each answer of each stream, so all of its calls together look at a stream about once.
    """

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def published(self, lanes: Iterable[Lane], now: float) -> None:
        """Note that there is something new, for the groups that are not at rest with it."""
        for lane in lanes:
            behind = [one for one in _members(lane) if not one.settled]
            if behind or lane.candidate is not None:
                wait = self._waits.setdefault(lane.name, _Wait(now, None))
                wait.left = behind if lane.candidate is None else None

    def look(self, lanes: Iterable[Lane], now: float) -> Iterator[tuple[str, float]]:
        """Give the groups that have come to rest, and after how many seconds."""
        if not self._waits:
            return
        there = {lane.name: lane for lane in lanes}
        for name, wait in list(self._waits.items()):
            lane = there.get(name)
            if lane is not None and not _at_rest(lane, wait):
                continue
            del self._waits[name]
            # Where nobody is left there is nothing to tell.
            if lane is not None and lane.nodes:
                yield name, now - wait.since


def _at_rest(lane: Lane, wait: _Wait) -> bool:
    if lane.candidate is not None:
        wait.left = None
        return False
    if wait.left is None:
        wait.left = list(_members(lane))
    while wait.left:
        member = wait.left[-1]
        if not member.settled and member in lane.nodes.get(member.node.id, ()):
            return False
        wait.left.pop()
    return True


def _members(lane: Lane) -> Iterator[Member]:
    for members in lane.nodes.values():
        yield from members
