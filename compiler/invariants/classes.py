"""Classes: parts that an invariant cannot tell apart are one, whatever else they differ in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from compiler.invariants.callers import Caller
from compiler.invariants.doors import Door
from compiler.invariants.ends import End
from compiler.invariants.invariant import Invariant, Word
from compiler.invariants.slots import SLOTS, SOME, Part, Slot


@dataclass(frozen=True, slots=True)
class Sight:
    """What an invariant looks at: the slots that it reads, and in each the values it speaks of.

    None is all of them.
    """

    spoken: tuple[tuple[Slot, frozenset[str] | None], ...]

    def of(self, part: Part) -> Seen:
        """Give what is seen of a part."""
        return tuple(
            [
                (slot, part[slot] if values is None else part[slot] & values)
                for slot, values in self.spoken
                if slot in part
            ]
        )


Seen = tuple[tuple[Slot, frozenset[str]], ...]
"""A part as an invariant sees it."""


def sight_of(invariant: Invariant) -> Sight:
    """Find out what an invariant looks at."""
    spoken: dict[Slot, set[str]] = {}
    for condition in invariant.conditions:
        for word, values in condition.asked:
            for slot in SLOTS[word]:
                spoken.setdefault(slot, {SOME}).update(values)
    return Sight(
        tuple(
            (slot, None if slot is Word.EGRESS else frozenset(values))
            for slot, values in spoken.items()
        )
    )


M = TypeVar("M", Door, Caller)
K = TypeVar("K")


@dataclass(slots=True)
class Alike(Generic[M]):
    """Members that look alike and have the same ``models``; ``routes`` has those of all of them."""

    models: int
    routes: int = 0
    members: list[M] = field(default_factory=list)


Doors = Alike[Door]
Callers = Alike[Caller]

DoorSeen = tuple[Seen, bool]
"""What is seen of a door, and whether it leads to models."""


def classes_of_doors(doors: Iterable[Door], sight: Sight) -> Mapping[DoorSeen, tuple[Doors, ...]]:
    """Put doors together, by what is seen of them."""
    return _alike(((sight.of(one.part), one.serves), one, 1 << one.place) for one in doors)


def classes_of_callers(
    callers: Iterable[Caller], sight: Sight
) -> Mapping[Seen, tuple[Callers, ...]]:
    """Put callers together, by what is seen of them."""
    return _alike((sight.of(one.part), one, one.routes) for one in callers)


def _alike(looked_at: Iterable[tuple[K, M, int]]) -> Mapping[K, tuple[Alike[M], ...]]:
    """Put together what looks alike, each with the bits of its routes."""
    found: defaultdict[K, dict[int, Alike[M]]] = defaultdict(dict)
    for seen, member, routes in looked_at:
        alike = found[seen]
        one = alike.get(member.models)
        if one is None:
            one = alike[member.models] = Alike(member.models)
        one.routes |= routes
        one.members.append(member)
    return {seen: tuple(alike.values()) for seen, alike in found.items()}


def classes_of_ends(ends: Iterable[End], sight: Sight) -> Mapping[Seen, int]:
    """Give the bits of the models that have an end of each look."""
    found: defaultdict[Seen, int] = defaultdict(int)
    for end in ends:
        found[sight.of(end.part)] |= 1 << end.number
    return found
