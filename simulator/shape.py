"""The shape of the JSON that an API takes, as data, and the place where a value departs from it.

Each API says in its own words what is wrong; that it is wrong, and where, is found here. `null`
stands for a member that is absent, as it does at all of the providers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
Problem: TypeAlias = Literal["unknown", "missing", "type", "value", "union"]


class Departs(Exception):  # noqa: N818 - a finding about a request, not a failure of ours
    """A value that is not of its shape: where, and in which way.

    `unknown` is a member that the shape has not (the path ends in it), `missing` one that has to
    be there, `type` a value of the wrong type, `value` one of the right type that is not allowed,
    `union` an object of which exactly one member has to be set. `expected` is in words.
    """

    def __init__(self, path: Path, problem: Problem, expected: str, value: Any = None) -> None:
        super().__init__(problem)
        self.path, self.problem, self.expected, self.value = path, problem, expected, value

    def place(self, before_index: str = "[", after_index: str = "]") -> str:
        """The path in words: `messages[0].role`."""
        text = ""
        for step in self.path:
            if isinstance(step, int):
                text += f"{before_index}{step}{after_index}"
            else:
                text += f".{step}" if text else step
        return text


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value but null."""


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string; one of `values`, if any, at least `least` long, wholly like `pattern`."""

    values: tuple[str, ...] = ()
    least: int = 0
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds; a whole one if `whole`."""

    least: float = -1e300
    most: float = 1e300
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Each:
    """A list of things of one shape."""

    of: Shape
    least: int = 0
    most: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of these members; `open` lets others in."""

    members: Mapping[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    open: bool = False


@dataclass(frozen=True, slots=True)
class Union:
    """An object with exactly one of these members."""

    members: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Kind:
    """An object whose member `by` says which shape it has; `usual` where it has none."""

    by: str
    of: Mapping[str, Shape]
    usual: str = ""


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes, told apart by the JSON type alone."""

    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """A shape that refers to itself."""

    make: Callable[[], Shape]


Shape: TypeAlias = "Anything | Flag | Text | Number | Each | Fields | Union | Kind | Either | Later"
OBJECT = Fields(open=True)


def check(value: Any, shape: Shape, path: Path = ()) -> None:
    """Raise `Departs` at the first place where a value is not of its shape."""
    match shape:
        case Anything():
            return
        case Later():
            check(value, shape.make(), path)
        case Either():
            chosen = next((one for one in shape.shapes if _is_like(value, one)), None)
            if chosen is None:
                names = " or ".join(_name(one) for one in shape.shapes)
                raise Departs(path, "type", names, value)
            check(value, chosen, path)
        case _ if not _is_like(value, shape):
            raise Departs(path, "type", _name(shape), value)
        case Text():
            _check_text(value, shape, path)
        case Number():
            if not shape.least <= value <= shape.most:
                bounds = f"{_name(shape)} between {shape.least:g} and {shape.most:g}"
                raise Departs(path, "value", bounds, value)
        case Each():
            if not shape.least <= len(value) <= shape.most:
                bounds = f"{shape.least} to {shape.most} elements"
                raise Departs(path, "value", f"an array of {bounds}", value)
            for at, one in enumerate(value):
                check(one, shape.of, (*path, at))
        case Fields() | Union() | Kind():
            _check_object(value, shape, path)


def _check_text(value: str, shape: Text, path: Path) -> None:
    if shape.values and value not in shape.values:
        raise Departs(path, "value", "one of " + ", ".join(map(repr, shape.values)), value)
    if len(value) < shape.least:
        raise Departs(path, "value", f"a string of at least {shape.least} characters", value)
    if shape.pattern and not re.fullmatch(shape.pattern, value):
        raise Departs(path, "value", f"a string that matches {shape.pattern}", value)


def _check_object(value: dict[str, Any], shape: Fields | Union | Kind, path: Path) -> None:
    if isinstance(shape, Kind):
        kind = value.get(shape.by, shape.usual) or shape.usual
        if shape.by not in value and not kind:
            raise Departs((*path, shape.by), "missing", "a string")
        if not isinstance(kind, str) or kind not in shape.of:
            known = "one of " + ", ".join(map(repr, shape.of))
            raise Departs((*path, shape.by), "value", known, kind)
        rest = {name: member for name, member in value.items() if name != shape.by}
        check(rest, shape.of[kind], path)
        return
    given = [name for name, member in value.items() if member is not None]
    if isinstance(shape, Union):
        if len(given) != 1:
            raise Departs(path, "union", ", ".join(shape.members), value)
    else:
        for name in shape.required:
            if name not in given:
                raise Departs((*path, name), "missing", _name(shape.members[name]))
    for name in given:
        if name in shape.members:
            check(value[name], shape.members[name], (*path, name))
        elif not isinstance(shape, Fields) or not shape.open:
            raise Departs((*path, name), "unknown", ", ".join(shape.members), value[name])


def _is_like(value: Any, shape: Shape) -> bool:
    match shape:
        case Text():
            return isinstance(value, str)
        case Flag():
            return isinstance(value, bool)
        case Number():
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return not shape.whole or value == int(value)
        case Each():
            return isinstance(value, list)
        case Fields() | Union() | Kind():
            return isinstance(value, dict)
        case Either():
            return any(_is_like(value, one) for one in shape.shapes)
        case Later():
            return _is_like(value, shape.make())
    return True


def _name(shape: Shape) -> str:
    match shape:
        case Text():
            return "a string"
        case Flag():
            return "a boolean"
        case Number():
            return "an integer" if shape.whole else "a number"
        case Each():
            return "an array"
        case Either():
            return " or ".join(_name(one) for one in shape.shapes)
        case Later():
            return _name(shape.make())
        case Anything():
            return "a value"
    return "an object"
