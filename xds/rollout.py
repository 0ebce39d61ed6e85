"""How a change comes to the nodes of one group: wave by wave, or back; pure, on a clock passed in.

A snapshot is known by its version. While a change is under way, the nodes whose `position` is below
the share of the current wave have the candidate, all others have the stable snapshot. A wave is
well when every connected node of it has accepted the candidate and none of those that had it is
missing; once it was well for ``hold``, the next wave begins, and after the last one the candidate
is the stable snapshot. A refusal, too many failing requests, missing nodes, or ``deadline`` take
the candidate back from all of them and quarantine its version: published again it is ignored, until
an operator says otherwise.

Three choices that could have been others:

- A wave that no node of it is connected for is not proven, so it is not passed, and not disproven,
  so it is not rolled back: it waits. ``deadline`` runs from the first node that has the candidate.
- Shares are of the scale of positions. Where the canary's share holds none of the connected nodes,
  the one that stands lowest is the canary alone, so that a fleet of four has one too.
- Nodes come and go all the time in a large fleet, so those that leave with the candidate and do not
  come back count against it only when they are more than a tenth of those that had it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from xds.placement import WHOLE, position
from xds.rollout_event import Event, Kind
from xds.wave import GRACE, Strategy, Wave

_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class State:
    """What must outlive a restart; all of it versions, but for the node ``stand_in``.

    ``waiting`` is what the policy says now, where that is quarantined. ``quarantined`` holds the
    reasons, the oldest first.
    """

    stable: str | None = None
    candidate: str | None = None
    wave: int = 0
    paused: bool = False
    stand_in: str | None = None
    waiting: str | None = None
    quarantined: Mapping[str, str] = field(default_factory=dict)


class Command(StrEnum):
    """What an operator may ask for."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


class CommandError(Exception):
    """A command makes no sense now; the text says why."""


class Rollout:
    """The rollout of one policy group; without a strategy a change is everybody's at once.

    Every method that takes ``now`` (seconds of a clock that does not go back) returns what happened
    by then, in order. `due` tells when to call `tick` though nothing came.
    """

    def __init__(
        self,
        strategy: Strategy | None = None,
        state: State | None = None,
        *,
        now: float = 0.0,
        grace: float = GRACE,
    ) -> None:
        self.strategy = strategy
        self.state = state or State()
        self._grace = grace
        self._nodes: set[str] = set()
        self._wave: Wave | None = None
        if strategy is None:
            self.state = replace(self.state, candidate=None)
        elif self.state.candidate is not None:
            self._wave = Wave(strategy, now, grace=grace)
            self._go(min(self.state.wave, len(strategy.waves) - 1), now)

    @property
    def share(self) -> int:
        """The share of nodes that have the candidate, in basis points; 0 without one."""
        if self._wave is None or self.strategy is None:
            return 0
        return self.strategy.waves[self.state.wave]

    @property
    def waits_for(self) -> str:
        """What keeps the current wave from being passed, for people; empty without a candidate."""
        if self._wave is None:
            return ""
        return "an operator to resume it" if self.state.paused else self._wave.waits_for

    def takes(self, node: str) -> bool:
        """Tell whether a node is served the candidate."""
        return self._wave is not None and (
            position(node) < self.share or node == self.state.stand_in
        )

    def published(self, version: str, strategy: Strategy | None, now: float) -> tuple[Event, ...]:
        """Take what the policy says now, and how careful it is to come to the nodes."""
        state, changed = self.state, strategy != self.strategy
        if version == state.candidate and strategy is not None:
            self.strategy = strategy
            if changed:
                self._go(min(state.wave, len(strategy.waves) - 1), now)
            return self.tick(now)
        # What is taken back was at a wave of the strategy before, and is told by its shares.
        if version == state.stable:
            events = self._drop(Kind.WITHDRAWN, "the policy is the stable one again")
            self.strategy = strategy
            self.state = replace(self.state, waiting=None)
            return events
        if version in state.quarantined:
            events = self._drop(Kind.WITHDRAWN, "what the policy says now is quarantined")
            self.strategy = strategy
            self.state = replace(self.state, waiting=version)
            return (*events, Event(Kind.IGNORED, version, reason=state.quarantined[version]))
        events = self._drop(Kind.WITHDRAWN, "another change took its place")
        self.strategy = strategy
        # Whoever paused the group did not mean one change of it only.
        self.state = replace(self.state, paused=state.paused)
        return (*events, *self._start(version, now))

    def joined(self, node: str, now: float) -> tuple[Event, ...]:
        """A node is connected."""
        self._nodes.add(node)
        self._enlist(node)
        return self.tick(now)

    def left(self, node: str, now: float) -> tuple[Event, ...]:
        """A node is not connected any more."""
        self._nodes.discard(node)
        if self._wave is not None:
            self._wave.left(node)
        return self.tick(now)

    def acked(self, node: str, version: str, now: float) -> tuple[Event, ...]:
        """A node has accepted all of a version."""
        if self._wave is None or version != self.state.candidate or not self.takes(node):
            return ()
        self._wave.accepted(node)
        return self.tick(now)

    def nacked(self, node: str, version: str, reason: str, now: float) -> tuple[Event, ...]:
        """A node has refused something that came with a version."""
        if version != self.state.candidate or not self.takes(node):
            return self.tick(now)
        return self._drop(Kind.ROLLED_BACK, reason)

    def measured(self, node: str, requests: int, failures: int, now: float) -> tuple[Event, ...]:
        """A node has answered so many more requests, of which so many failed."""
        if self._wave is not None:
            self._wave.measured(node, requests, failures)
        return self.tick(now)

    def tick(self, now: float) -> tuple[Event, ...]:
        """Do what it is time for."""
        return tuple(self._steps(now))

    def due(self) -> float | None:
        """The time at which something may happen by itself; None for never."""
        if self._wave is None or self.state.paused or not self._nodes:
            return None
        return self._wave.due()

    def command(self, command: Command, now: float, *, force: bool = False) -> tuple[Event, ...]:
        """Obey an operator; raises CommandError.

        ``promote`` begins the next wave whatever the current one is like; with ``force`` it lifts
        the quarantine of what the policy says now, which begins at the canary once more.
        """
        waiting = self.state.waiting
        if command is Command.PROMOTE and waiting is not None:
            reason = self.state.quarantined.get(waiting, "")
            if not force:
                raise CommandError(f"{waiting[:12]} is quarantined: {reason}; --force lifts that")
            lifted = {v: why for v, why in self.state.quarantined.items() if v != waiting}
            self.state = replace(self.state, quarantined=lifted)
            return self._start(waiting, now)
        if self._wave is None:
            raise CommandError("no change is under way")
        if command is Command.PROMOTE:
            return (self._advance(now), *self.tick(now))
        if command is Command.ROLLBACK:
            return self._drop(Kind.ROLLED_BACK, "an operator said so")
        pause = command is Command.PAUSE
        if pause == self.state.paused:
            raise CommandError("it is paused already" if pause else "it is not paused")
        self.state = replace(self.state, paused=pause)
        if not pause:
            self._go(self.state.wave, now)
        return (self._event(Kind.PAUSED if pause else Kind.RESUMED), *self.tick(now))

    def _start(self, version: str, now: float) -> tuple[Event, ...]:
        state = replace(self.state, wave=0, stand_in=None, waiting=None)
        if self.strategy is None or state.stable is None:
            self.state = replace(state, stable=version, paused=False)
            # Without a strategy there is no rollout to tell of.
            return () if self.strategy is None else (Event(Kind.FINISHED, version),)
        self.state = replace(state, candidate=version)
        self._wave = Wave(self.strategy, now, grace=self._grace)
        self._go(0, now)
        return (self._event(Kind.STARTED), *self.tick(now))

    def _steps(self, now: float) -> Iterator[Event]:
        while (wave := self._wave) is not None:
            wave.look(now)
            if self.state.paused:
                return
            if self._nodes and wave.wants_stand_in(now):
                lowest = min(self._nodes, key=lambda node: (position(node), node))
                self.state = replace(self.state, stand_in=lowest)
                self._enlist(lowest)
                wave.look(now)
            if fault := wave.fault(now):
                yield from self._drop(Kind.ROLLED_BACK, fault)
            elif wave.proven(now):
                yield self._advance(now)
            else:
                return

    def _advance(self, now: float) -> Event:
        """Begin the next wave; after the last one the candidate is the stable snapshot."""
        state = self.state
        if self.strategy is not None and state.wave + 1 < len(self.strategy.waves):
            self._go(state.wave + 1, now)
            return self._event(Kind.ADVANCED)
        event = replace(self._event(Kind.FINISHED), share=WHOLE)
        self._wave = None
        self.state = replace(
            state, stable=state.candidate, candidate=None, wave=0, paused=False, stand_in=None
        )
        return event

    def _go(self, wave: int, now: float) -> None:
        """Enter a wave, with all nodes whose turn it is in it."""
        self.state = replace(self.state, wave=wave)
        if self._wave is None or self.strategy is None:
            return
        for node in self._nodes:
            self._enlist(node)
        self._wave.enter(self.strategy, now)

    def _drop(self, kind: Kind, reason: str) -> tuple[Event, ...]:
        """Take the candidate back from everybody, if there is one."""
        version = self.state.candidate
        if version is None:
            return ()
        event = replace(self._event(kind), reason=reason)
        self._wave = None
        self.state = replace(self.state, candidate=None, wave=0, paused=False, stand_in=None)
        if kind is Kind.ROLLED_BACK:
            known = {**self.state.quarantined, version: reason}
            kept = dict(list(known.items())[-_KEPT:])
            self.state = replace(self.state, waiting=version, quarantined=kept)
        return (event,)

    def _enlist(self, node: str) -> None:
        if self._wave is None:
            return
        if self.takes(node):
            self._wave.has(node)
        else:
            self._wave.drop(node)

    def _event(self, kind: Kind) -> Event:
        return Event(kind, self.state.candidate or "", self.state.wave, self.share)
