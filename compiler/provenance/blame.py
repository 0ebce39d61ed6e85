"""Which parts of a plan made a resource, or a part of it: those without which it is another.

Nothing is kept while lowering to tell this: the plan is lowered again without groups of parts, and
those groups that matter are halved until single parts are left. That is what is the case, and not
what somebody wrote down beside the code. With few parts to blame of many it takes some
``2 * few * log2(many)`` lowerings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compiler.diagnostic import Reporter
from compiler.dump import dump_resource
from compiler.lower import lower
from compiler.plan import Plan
from compiler.provenance.parts import Part, parts_of
from compiler.source import Span
from xds.resource import Resource

Key = tuple[str, str]
"""A resource: its type URL and its name."""


@dataclass(frozen=True, slots=True)
class Named:
    """The item of a list that has this name, wherever it stands."""

    name: str


Way = tuple[str | int | Named, ...]
"""From a resource to a part of it."""

MOST_LOWERINGS = 400
"""After so many the search ends; what has not been told apart by then is told together."""


MOST_PARTS_OF_ALL = 150
"""Of a plan with more, only what made a part of a resource is looked for."""


@dataclass(frozen=True, slots=True)
class Blame:
    """What made a part of a resource: ``value`` is the part itself, as plain data.

    ``made`` is the line by which the resource is there, ``shaped`` are the parts of the plan
    without which this part of it would be another.
    """

    value: Any
    made: Span | None
    shaped: tuple[Part, ...]
    unsearched: int = 0
    """How many parts the plan has, where these are too many to look for all that made a whole."""


class NoSuchFieldError(KeyError):
    """The resource has no such part; ``known`` are the names that it has."""

    def __init__(self, known: tuple[str, ...]) -> None:
        super().__init__()
        self.known = known


def blame(plan: Plan, resource: Resource, field: str, origins: Mapping[Key, Span]) -> Blame:
    """Find the parts of a plan that made a part of a resource; of all of it where it is empty.

    Raises:
        NoSuchFieldError: the resource has no such part.
    """
    key = (resource.type_url, resource.name)
    whole = dump_resource(resource)
    path = by_names(whole, find_field(whole, field))
    value = at_path(whole, path)

    base = _reduced(plan, key, path, value)
    parts = parts_of(base)
    if not field and len(parts) > MOST_PARTS_OF_ALL:
        return Blame(value, origins.get(key), (), unsearched=len(parts))

    def differs(parts: Sequence[Part]) -> bool:
        less = base
        for part in parts:
            less = part.without(less)
        return bool(_lowered(less, key, path) != value)

    return Blame(value, origins.get(key), tuple(_Search(differs).within(parts)))


def find_field(whole: Any, field: str) -> tuple[str | int, ...]:
    """Give the way to a part: `a.b[0].c`, one name wherever it first is, or the name of an item.

    Raises:
        NoSuchFieldError: there is none.
    """
    if not field:
        return ()
    steps: list[str | int] = []
    for piece in field.replace("[", ".[").split("."):
        if piece.startswith("[") and piece.endswith("]") and piece[1:-1].isdecimal():
            steps.append(int(piece[1:-1]))
        elif piece:
            steps.append(piece)
    if at_path(whole, tuple(steps)) is not None:
        return tuple(steps)
    for path, value, name in _walk(whole, ()):
        if field == name or (isinstance(value, dict) and value.get("name") == field):
            return path
    raise NoSuchFieldError(tuple(whole) if isinstance(whole, dict) else ())


def by_names(whole: Any, path: tuple[str | int, ...]) -> Way:
    """Give the same way by the names of items that have one: what goes before them moves them."""
    way: list[str | int | Named] = []
    for length, step in enumerate(path, 1):
        item = at_path(whole, path[:length])
        name = item.get("name") if isinstance(step, int) and isinstance(item, dict) else None
        way.append(Named(name) if isinstance(name, str) else step)
    return tuple(way)


def at_path(whole: Any, path: Way) -> Any:
    """Give what stands at a path, or None."""
    value = whole
    for step in path:
        if isinstance(step, Named):
            items = value if isinstance(value, list) else []
            named = (one for one in items if isinstance(one, dict) and one.get("name") == step.name)
            value = next(named, None)
            continue
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _walk(
    value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any, str]]:
    """Give all parts, those that lie less deep first within each branch."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key), inner, key
        for key, inner in value.items():
            yield from _walk(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield (*path, place), inner, ""
            yield from _walk(inner, (*path, place))


def _reduced(plan: Plan, key: Key, path: Way, value: Any) -> Plan:
    """Leave away the routes and tenants that a part does not name, where it stays what it is.

    A plan of a thousand routes is lowered once so, and then what is left of it many times.
    """
    text = json.dumps(value, default=str)
    fewer = replace(
        plan,
        routes=tuple(one for one in plan.routes if one.name in text),
        tenants=tuple(one for one in plan.tenants if one.name in text),
    )
    return fewer if _lowered(fewer, key, path) == value else plan


def _lowered(plan: Plan, key: Key, path: Way) -> Any:
    """Lower a plan and give the part; what cannot be lowered is another in any case."""
    try:
        resources = lower(plan, Reporter()).resources
    except (KeyError, IndexError, ValueError):
        return _BROKEN
    for one in resources:
        if (one.type_url, one.name) == key:
            return at_path(dump_resource(one), path)
    return _BROKEN


_BROKEN = object()


class _Search:
    """Halves groups of parts for as long as they matter."""

    def __init__(self, differs: Callable[[Sequence[Part]], bool]) -> None:
        self._differs = differs
        self._left = MOST_LOWERINGS

    def within(self, parts: Sequence[Part]) -> Iterator[Part]:
        """Give the parts that matter by themselves, in their order."""
        if not parts or not self._asks(parts):
            return
        if len(parts) == 1 or self._left <= 0:
            yield from parts
            return
        half = len(parts) // 2
        yield from self.within(parts[:half])
        yield from self.within(parts[half:])

    def _asks(self, parts: Sequence[Part]) -> bool:
        if self._left <= 0:
            return True
        self._left -= 1
        return self._differs(parts)
