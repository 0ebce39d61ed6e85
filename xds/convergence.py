"""How long a change takes until every connected node has it; pure, with a clock passed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xds.lane import Lane


class Convergence:
    """The groups that have yet to come to rest, and since when.

    Of changes that follow each other before that, the first one's time counts.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def published(self, lanes: Iterable[Lane], now: float) -> None:
        """Note that there is something new, for the groups that are not at rest with it."""
        for lane in lanes:
            if not _at_rest(lane):
                self._since.setdefault(lane.name, now)

    def look(self, lanes: Iterable[Lane], now: float) -> Iterator[tuple[str, float]]:
        """Give the groups that have come to rest, and after how many seconds."""
        if not self._since:
            return
        there = {lane.name: lane for lane in lanes}
        for name, since in list(self._since.items()):
            lane = there.get(name)
            if lane is not None and not _at_rest(lane):
                continue
            del self._since[name]
            # Where nobody is left there is nothing to tell.
            if lane is not None and lane.nodes:
                yield name, now - since


def _at_rest(lane: Lane) -> bool:
    """Tell whether no node is behind; this ends at the first that is, mostly at once."""
    return lane.candidate is None and all(
        member.settled for members in lane.nodes.values() for member in members
    )
