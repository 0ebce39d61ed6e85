"""Plans in which one field is another: of all dataclasses that a plan is made of, one by one."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from compiler.diff.references import REFERENCES, SECTIONS
from compiler.diff.renames import renamed
from compiler.plan import Plan

SPOKEN_OF = frozenset(SECTIONS) - {"tenants", "routes"}
"""Sections whose things cannot just be taken out: others speak of them."""


NEVER_EMPTY = {("Model", "groups"), ("Group", "targets")}


class Mutant(NamedTuple):
    """A plan that differs from another in one field; ``field`` is `Class.field`."""

    field: str
    where: str
    plan: Plan


def mutants(plan: Plan, most: int = 2) -> Iterator[Mutant]:
    """Yield mutants; of each field and kind of change at most so many.

    What speaks of a thing by its name speaks of another that is there; a thing that is called
    otherwise is so wherever it is spoken of.
    """
    names = {section: [one.name for one in getattr(plan, section)] for section in SECTIONS}
    for section, known in names.items():
        for one in known[:most]:
            kind = type(getattr(plan, section)[0]).__name__
            other = renamed(plan, {section: {one: f"{one}-x"}})
            yield Mutant(f"{kind}.name (renamed)", f"{section}.{one}", other)
    seen: dict[tuple[str, str], int] = {}
    for field, kind, where, value in _changed(plan, "plan", names):
        count = seen[field, kind] = seen.get((field, kind), 0) + 1
        if count <= most:
            yield Mutant(f"{field} ({kind})", where, value)


def all_fields(
    kind: Any = Plan, found: set[str] | None = None, told: set[str] | None = None
) -> set[str]:
    """Give `Class.field` of all that is compared, from a type down through its annotations.

    What is made of parts that are mutated themselves is left out.
    """
    found = set() if found is None else found
    told = set() if told is None else told
    for one in _named(kind):
        if dataclasses.is_dataclass(one):
            names = [field.name for field in dataclasses.fields(one) if field.compare]
        elif isinstance(one, type) and issubclass(one, msgspec.Struct):
            names = list(one.__struct_fields__)
        else:
            continue
        if one.__name__ in told:
            continue
        hints = typing.get_type_hints(one)
        told.add(one.__name__)
        for name in names:
            if not all(_has_parts(part) for part in _named(hints[name])):
                found.add(f"{one.__name__}.{name}")
            all_fields(hints[name], found, told)
    return found


def _has_parts(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct | types.NoneType)


def _named(kind: Any) -> Iterator[Any]:
    """Give the classes that an annotation names."""
    inner = typing.get_args(kind)
    if inner and not isinstance(kind, types.GenericAlias | types.UnionType):
        inner = tuple(one for one in inner if not isinstance(one, str))
    if inner:
        for one in inner:
            yield from _named(one)
    elif isinstance(kind, type):
        yield kind


def _changed(
    value: Any, where: str, names: Mapping[str, list[str]]
) -> Iterator[tuple[str, str, str, Any]]:
    """Yield (field, kind of change, path, the value with it), for all below a value."""
    if isinstance(value, tuple):
        for place, item in enumerate(value):
            for field, kind, at, other in _changed(item, f"{where}[{place}]", names):
                yield field, kind, at, (*value[:place], other, *value[place + 1 :])
        return
    kind_of = type(value)
    if dataclasses.is_dataclass(kind_of):
        fields = [one.name for one in dataclasses.fields(kind_of) if one.compare]
    elif isinstance(value, msgspec.Struct):
        fields = list(kind_of.__struct_fields__)
    else:
        return
    hints = typing.get_type_hints(kind_of)
    for name in fields:
        old, at = getattr(value, name), f"{where}.{name}"
        section = REFERENCES.get((kind_of, name))
        others: Iterator[tuple[str, Any]]
        if kind_of is Plan and name in SPOKEN_OF:
            others = iter(())
        elif section is not None:
            others = _references(old, name, names.get(section, []))
        else:
            kinds = typing.get_args(hints[name])
            others = _others(old, type(None) in kinds)
            if str in kinds and not isinstance(old, str | dict | tuple | None):
                others = iter([("a text", "x")])
            if (kind_of.__name__, name) in NEVER_EMPTY:
                others = ((kind, new) for kind, new in others if new)
        for kind, new in others:
            if new != old:
                yield f"{kind_of.__name__}.{name}", kind, at, _with(value, name, new)
        for field, kind, below, new in _changed(old, at, names):
            yield field, kind, below, _with(value, name, new)


def _references(value: Any, name: str, there: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield references to other things that are there."""
    if name == "name" or value is None:
        return
    if isinstance(value, tuple):
        free = [one for one in there if one not in value]
        if value:
            yield "one less", value[1:]
        if free:
            yield "one more", tuple(sorted((*value, free[0])))
        return
    yield from (("another", one) for one in there if one != value)


def _with(value: Any, name: str, new: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **{name: new})
    return dataclasses.replace(value, **{name: new})


def _others(value: Any, optional: bool) -> Iterator[tuple[str, Any]]:
    """Yield values of the same type that are not this one, and none where that may be."""
    match value:
        case None:
            return
        case bool():
            yield "another", not value
        case Enum():
            yield from (("another", one) for one in list(type(value)) if one is not value)
        case int() | float():
            yield "more", value + 1
        case str():
            yield "another", f"{value}-x"
        case bytes():
            yield "another", bytes(255 - byte for byte in value)
        case timedelta():
            yield "longer", value + timedelta(seconds=1)
        case datetime():
            yield "later", value + timedelta(days=1)
        case tuple():
            if value:
                yield "shorter", value[:-1]
                yield "first gone", value[1:]
            texts = [one for one in value if isinstance(one, str) and not isinstance(one, Enum)]
            if value and len(texts) == len(value):
                yield "one more", (*value, f"{value[-1]}-x")
                yield "another", (f"{value[0]}-x", *value[1:])
        case dict():
            yield "more", {**value, "x": "y"}
            if value:
                yield "fewer", {}
    if optional:
        yield "none", None
    elif isinstance(value, tuple):
        yield "none", ()
