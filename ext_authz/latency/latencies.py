"""Chooses the group of targets that is tried first: the one that lately began to answer first.

A small share of requests goes to one of the others, and a group of which nothing is known gets a
few: so what has become faster, or is well again, is found out. Each worker chooses by itself, and
all hear of all requests. No socket, no clock, no chance but what is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ext_authz.latency.sample import Heard, heard, read_line
from ext_authz.latency.speed import HALF_LIFE, UNKNOWN, Speed, answered, failed
from xds.edge.rules import Model

EXPLORED: Final = 0.02
"""The share of requests that goes to another group than the best."""
TRIES: Final = 3
"""How many requests a group gets of which nothing is known, in each half-life, by each worker.

Not more: it is heard of when requests have ended, and it may be down."""

_NOBODY: Final = frozenset[str]()


@dataclass(slots=True, eq=False)
class _Group:
    """What is known of targets that are drawn from together, in whichever models."""

    names: frozenset[str]
    speed: Speed = UNKNOWN
    tries: int = 0
    tried: float = field(default=-math.inf)


class Latencies:
    """The choice; ``clock`` gives seconds since 1970, ``chance`` a number in [0, 1)."""

    def __init__(self, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        self._clock = clock
        self._chance = chance
        self._models: dict[str, tuple[_Group, ...]] = {}
        self._by_target: dict[str, tuple[_Group, ...]] = {}

    @property
    def wanted(self) -> bool:
        """Whether any model chooses by latency."""
        return bool(self._models)

    def take(self, models: Mapping[str, Model]) -> None:
        """Choose for these models from now on; of groups that stay, what was heard stays too."""
        before = {one.names: one for groups in self._models.values() for one in groups}
        self._models = {
            name: tuple(
                before.setdefault(frozenset(names), _Group(frozenset(names)))
                for names in model.latency
            )
            for name, model in models.items()
            if len(model.latency) > 1
        }
        groups = dict.fromkeys(one for groups in self._models.values() for one in groups)
        self._by_target = {
            target: tuple(one for one in groups if target in one.names)
            for one in groups
            for target in one.names
        }

    def first(self, model: str) -> int | None:
        """Give the number, from 0, of the group to try first; None where there is no choice.

        Groups that nobody knows come first, then the one that is fastest; where there is nothing
        to choose by, the order is as it was written.
        """
        groups = self._models.get(model)
        if groups is None:
            return None
        now = self._clock()
        best, least = 0, math.inf
        for number, group in enumerate(groups):
            speed = group.speed
            if now < speed.until:
                if speed.score < least:
                    best, least = number, speed.score
            elif _may_try(group, now):
                return number
        drawn = self._chance()
        if drawn < EXPLORED:
            others = len(groups) - 1
            other = min(int(drawn / EXPLORED * others), others - 1)
            return other if other < best else other + 1
        return best

    def hear(self, raw: bytes) -> None:
        """Learn from a line of the usage log; what is none is passed over."""
        line = read_line(raw)
        if line is None:
            return
        now = self._clock()
        groups = self._models.get(line.model, ())
        number = -1 if line.first is None else line.first
        first = (groups[number],) if 0 <= number < len(groups) else ()
        for one in heard(line, first[0].names if first else _NOBODY, now):
            for group in self._by_target.get(one.target, ()) if one.target else first:
                _learn(group, one, now)


def _may_try(group: _Group, now: float) -> bool:
    """Whether a group of which nothing is known gets this request; then it is counted."""
    if group.tries >= TRIES:
        if now - group.tried < HALF_LIFE:
            return False
        group.tries = 0
    group.tries += 1
    group.tried = now
    return True


def _learn(group: _Group, one: Heard, now: float) -> None:
    speed = group.speed
    if one.ms is None:
        group.speed = failed(speed, one.when, now)
    elif one.left and now < speed.until and one.ms <= speed.score:
        return  # it was not waited for as long as it mostly takes: that tells nothing
    else:
        group.speed = answered(speed, one.ms, one.when, now)
    if now < group.speed.until:
        group.tries = 0
