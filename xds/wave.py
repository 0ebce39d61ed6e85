"""How the nodes fare that have a change before all others have it; pure, with a clock passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GRACE: Final = 10.0
"""Seconds that a node may take to connect again, and that the canary's nodes have to show up."""
ENOUGH: Final = 20
"""Requests on which a wave may be judged before its hold is over."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """How careful to be; ``waves`` are shares in basis points, the last is all; times in seconds.

    ``max_errors`` is the share of a wave's requests that may fail, in basis points; None: any.
    """

    waves: tuple[int, ...]
    hold: float
    deadline: float
    max_errors: int | None = None


class Wave:
    """The nodes that have the candidate by now, connected or not.

    `look` is called whenever something changed, and before any of the verdicts.
    """

    def __init__(self, strategy: Strategy, entered: float, *, grace: float = GRACE) -> None:
        self.exposed: set[str] = set()
        """Every node that ever was served the candidate."""
        self._strategy = strategy
        self._grace = grace
        self._members: set[str] = set()
        self._unready: set[str] = set()
        self._away: set[str] = set()
        self._accepted: set[str] = set()
        self._requests = self._failures = 0
        self._entered = entered
        self._began: float | None = None
        self._well: float | None = None
        self._lost: float | None = None

    def enter(self, strategy: Strategy, now: float) -> None:
        """Begin the time of a wave anew: the next one, or one that was paused."""
        self._strategy = strategy
        self._entered = now
        self._began = now if self.exposed else None
        self._well = self._lost = None
        self._requests = self._failures = 0

    def has(self, node: str) -> None:
        """Note that a connected node is served the candidate."""
        self.exposed.add(node)
        self._away.discard(node)
        self._members.add(node)
        # One that comes back with it does not have to prove that once more.
        if node not in self._accepted:
            self._unready.add(node)

    def accepted(self, node: str) -> None:
        """Note that a node has accepted all of the candidate."""
        self._accepted.add(node)
        self._unready.discard(node)

    def drop(self, node: str) -> None:
        """Note that a connected node is not served the candidate any more."""
        self._members.discard(node)
        self._unready.discard(node)
        self._accepted.discard(node)
        self.exposed.discard(node)

    def left(self, node: str) -> None:
        """Note that a node is not connected any more."""
        if node in self._members:
            self._members.discard(node)
            self._unready.discard(node)
            self._away.add(node)

    def measured(self, node: str, requests: int, failures: int) -> None:
        """Count requests of a node that has accepted the candidate."""
        if node in self._accepted:
            self._requests += requests
            self._failures += failures

    def look(self, now: float) -> None:
        """Note since when things are as they are."""
        if self._began is None and self.exposed:
            self._began = now
        # More than a tenth: in a large fleet nodes come and go all the time.
        lost = len(self._away) * 10 > len(self.exposed)
        self._lost = (now if self._lost is None else self._lost) if lost else None
        # A node that comes later does not begin the hold anew: in a large fleet one always does.
        begun = self._well is not None or not self._unready
        well = bool(self._members) and begun and not lost
        self._well = (now if self._well is None else self._well) if well else None

    def proven(self, now: float) -> bool:
        """Tell whether the wave was well for long enough."""
        return (
            self._well is not None and now >= self._well + self._strategy.hold and not self._unready
        )

    def fault(self, now: float) -> str:
        """Say why the candidate has to be taken back; empty where it has not."""
        if self._failing(now):
            return f"{self._failures} of {self._requests} requests failed"
        if self.proven(now):
            return ""
        if self._lost is not None and now >= self._lost + self._patience:
            return self.waits_for
        if self._began is not None and now >= self._began + self._strategy.deadline:
            return f"not through after {self._strategy.deadline:.0f} s: {self.waits_for}"
        return ""

    def wants_stand_in(self, now: float) -> bool:
        """Tell whether nobody whose turn it is has shown up."""
        return not self.exposed and now >= self._entered + self._late

    @property
    def waits_for(self) -> str:
        """What keeps the wave from being passed, for people."""
        if self._unready:
            some = ", ".join(sorted(self._unready)[:3])
            return f"{len(self._unready)} of {len(self._members)} nodes have not taken it ({some})"
        if self._lost is not None:
            some = ", ".join(sorted(self._away)[:3])
            return f"{len(self._away)} of {len(self.exposed)} nodes that had it are gone ({some})"
        return "the hold to pass" if self._members else "a node whose turn it is to connect"

    def due(self) -> float | None:
        """The next time at which a verdict may change by itself; None for never."""
        times = [] if self.exposed else [self._entered + self._late]
        if self._began is not None:
            times.append(self._began + self._strategy.deadline)
        if self._well is not None and not self._unready:
            times.append(self._well + self._strategy.hold)
        if self._lost is not None:
            times.append(self._lost + self._patience)
        return min(times, default=None)

    @property
    def _late(self) -> float:
        return min(self._strategy.hold, self._grace)

    @property
    def _patience(self) -> float:
        return max(self._strategy.hold, self._grace)

    def _failing(self, now: float) -> bool:
        allowed = self._strategy.max_errors
        if allowed is None or self._failures * 10_000 <= allowed * self._requests:
            return False
        return self._requests >= ENOUGH or self.proven(now)
