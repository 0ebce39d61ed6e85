"""The search for what violates an invariant: classes of doors against classes of callers and ends.

Whether a class of callers has a way to a class of ends behind a class of doors is a question to
three whole numbers: the product of routes, callers, models and targets is never made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from compiler.invariants.callers import Caller, callers_of
from compiler.invariants.classes import (
    Callers,
    Doors,
    Seen,
    classes_of_callers,
    classes_of_doors,
    classes_of_ends,
    sight_of,
)
from compiler.invariants.doors import Door, doors_of
from compiler.invariants.ends import NOWHERE, End, ends_of
from compiler.invariants.invariant import Condition, Invariant
from compiler.invariants.slots import had
from compiler.plan import Plan

ANY = -1
"""All bits: of ends where there are no models."""

NOWHERE_SEEN: Seen = ()
"""What is seen of such an end."""


@dataclass(frozen=True, slots=True)
class Way:
    """A path: one door, one caller, one end."""

    door: Door
    caller: Caller
    end: End

    @property
    def rank(self) -> tuple[object, ...]:
        """Orders paths by how much there is to say of a request that goes them."""
        end = self.end
        return (self.door.rank, self.door.listener.name, self.caller.rank, end.number)

    def violates(self, invariant: Invariant) -> Condition | None:
        """Give what it violates, or None."""
        return invariant.violated(had(self.door.part, self.caller.part, self.end.part))


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a violation goes, by names: the routes, tenants (empty is nobody) and models."""

    routes: tuple[str, ...]
    tenants: tuple[str, ...]
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """Paths that violate an invariant, the ones that are shortest to tell first; one at least."""

    invariant: Invariant
    ways: tuple[Way, ...]
    reach: Reach


@dataclass(frozen=True, slots=True)
class Terrain:
    """A plan as invariants look at it; `terrain_of` makes it, once for all of them."""

    plan: Plan
    doors: tuple[Door, ...]
    callers: tuple[Caller, ...]
    ends: tuple[End, ...]


def terrain_of(plan: Plan) -> Terrain:
    """Lay out a plan."""
    numbers = {model.name: number for number, model in enumerate(plan.models)}
    return Terrain(
        plan,
        tuple(sorted(doors_of(plan, numbers), key=lambda door: (door.rank, door.listener.name))),
        tuple(sorted(callers_of(plan, numbers), key=lambda caller: caller.rank)),
        ends_of(plan, numbers),
    )


@dataclass(frozen=True, slots=True)
class _Hit:
    """A class of callers that has a violating way behind a class of doors; bits of models."""

    doors: Doors
    callers: Callers
    models: int


def search(invariant: Invariant, terrain: Terrain, most: int = 8) -> Violation | None:
    """Look for what violates an invariant; ``most`` of its paths are told."""
    hits = list(_hits(invariant, terrain))
    if not hits:
        return None
    ways = merge(*(_ways(hit, invariant, terrain) for hit in hits), key=lambda way: way.rank)
    return Violation(invariant, tuple(islice(ways, most)), _reach(hits, terrain.plan))


def _hits(invariant: Invariant, terrain: Terrain) -> Iterator[_Hit]:
    sight = sight_of(invariant)
    callers = classes_of_callers(terrain.callers, sight)
    ends = classes_of_ends(terrain.ends, sight).items()
    for (door_seen, serves), doors in classes_of_doors(terrain.doors, sight).items():
        there = ends if serves else [(NOWHERE_SEEN, ANY)]
        for caller_seen, asking in callers.items():
            models = 0
            for end_seen, bits in there:
                if invariant.violated(had(dict(door_seen), dict(caller_seen), dict(end_seen))):
                    models |= bits
            if models:
                yield from _meeting(doors, asking, models)


def _meeting(doors: tuple[Doors, ...], callers: tuple[Callers, ...], models: int) -> Iterator[_Hit]:
    """Give the classes of callers that may go through a door, and to one of the models."""
    for door in doors:
        wanted = models if models == ANY else door.models & models
        for caller in callers:
            if not door.routes & caller.routes:
                continue
            if models == ANY:
                yield _Hit(door, caller, 0)
            elif found := wanted & caller.models:
                yield _Hit(door, caller, found)


def _ways(hit: _Hit, invariant: Invariant, terrain: Terrain) -> Iterator[Way]:
    """Give the paths of a hit, one for each door that somebody may go through."""
    for door in hit.doors.members:
        bit = 1 << door.place
        caller = next((one for one in hit.callers.members if one.routes & bit), None)
        if caller is None:
            continue
        if not door.serves:
            yield Way(door, caller, NOWHERE)
            continue
        for end in terrain.ends:
            way = Way(door, caller, end)
            if hit.models >> end.number & 1 and way.violates(invariant) is not None:
                yield way
                break


def _reach(hits: list[_Hit], plan: Plan) -> Reach:
    routes = models = 0
    tenants: set[str] = set()
    for hit in hits:
        routes |= hit.doors.routes & hit.callers.routes
        models |= hit.models
        for caller in hit.callers.members:
            if caller.routes & hit.doors.routes:
                tenants.add("" if caller.tenant is None else caller.tenant.name)
    return Reach(
        tuple(route.name for place, route in enumerate(plan.routes) if routes >> place & 1),
        tuple(sorted(tenants)),
        tuple(model.name for number, model in enumerate(plan.models) if models >> number & 1),
    )
