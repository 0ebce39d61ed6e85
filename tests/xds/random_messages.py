"""Draws random messages of any type of the schema, for properties that hold for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from xds.schema import POOL, message_class

MAX_DEPTH = 3
MAX_FIELDS = 4

# Tells whether a field may be drawn; by default each may.
Filter = Callable[[FieldDescriptor], bool]

_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}

# Values the well-known types cannot take freely: the range JSON and datetime can show, and a
# precision of microseconds, which is Python's.
_SECONDS = st.integers(0, 10**9)
_MICROSECONDS = st.integers(0, 999_999).map(lambda micros: micros * 1000)


def message_names() -> list[str]:
    """Every message of the schema that has fields, by full name; ``google.protobuf`` left out."""
    names: list[str] = []

    def walk(descriptor: Descriptor) -> None:
        if descriptor.GetOptions().map_entry:
            return
        if descriptor.fields:
            names.append(descriptor.full_name)
        for nested in descriptor.nested_types:
            walk(nested)

    for file in ("gatewright/envoy.proto", "gatewright/google.proto"):
        for descriptor in POOL.FindFileByName(file).message_types_by_name.values():
            walk(descriptor)
    return sorted(names)


@st.composite
def messages(
    draw: st.DrawFn, full_name: str, allowed: Filter = lambda _: True, depth: int = MAX_DEPTH
) -> Any:
    """A message of that type with one to MAX_FIELDS of the allowed fields set."""
    message: Any = message_class(full_name)()
    if full_name in {"google.protobuf.Duration", "google.protobuf.Timestamp"}:
        return _set_clock(draw, message)
    if full_name == "google.protobuf.Any":
        return _set_any(draw, message, allowed, depth)
    if full_name == "google.protobuf.Value":
        return message_class(full_name)(string_value=draw(st.text(max_size=5)))
    fields = [
        field
        for field in message.DESCRIPTOR.fields
        if allowed(field) and (depth > 0 or field.message_type is None)
    ]
    if not fields:
        return message
    some = st.sampled_from(fields)
    least = 1 if depth == MAX_DEPTH else 0
    for field in draw(st.lists(some, min_size=least, max_size=MAX_FIELDS, unique=True)):
        _set(draw, message, field, allowed, depth)
    return message


def _set(
    draw: st.DrawFn, message: Any, field: FieldDescriptor, allowed: Filter, depth: int
) -> None:
    kind = field.message_type
    target: Any = getattr(message, field.name)
    if kind is not None and kind.GetOptions().map_entry:
        key, value = kind.fields_by_name["key"], kind.fields_by_name["value"]
        for drawn in draw(st.lists(_scalars(key), max_size=3, unique=True)):
            if value.message_type is None:
                target[drawn] = draw(_scalars(value))
            else:
                target[drawn].CopyFrom(
                    draw(messages(value.message_type.full_name, allowed, depth - 1))
                )
    elif kind is None and field.is_repeated:
        target.extend(draw(st.lists(_scalars(field), max_size=3)))
    elif kind is None:
        setattr(message, field.name, draw(_scalars(field)))
    elif field.is_repeated:
        target.extend(draw(st.lists(messages(kind.full_name, allowed, depth - 1), max_size=2)))
    else:
        target.CopyFrom(draw(messages(kind.full_name, allowed, depth - 1)))
        target.SetInParent()


def _scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.cpp_type in _RANGES:
        low, high = _RANGES[field.cpp_type]
        return st.integers(low, high) | st.sampled_from([0, 1, low, high])
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=6)
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.text(max_size=6)
    is_float = field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT
    # -0.0 has two encodings in proto3: written by one runtime, taken for the default by another.
    return st.floats(width=32 if is_float else 64, allow_nan=False, allow_infinity=False).filter(
        lambda value: value != 0 or math.copysign(1, value) > 0
    )


def _set_clock(draw: st.DrawFn, message: Any) -> Any:
    message.seconds = draw(_SECONDS)
    message.nanos = draw(_MICROSECONDS)
    return message


def _set_any(draw: st.DrawFn, message: Any, allowed: Filter, depth: int) -> Any:
    inner = "envoy.config.core.v3.Address" if depth > 0 else "envoy.config.core.v3.SocketAddress"
    packed = draw(messages(inner, allowed, depth - 1))
    message.type_url = f"type.googleapis.com/{inner}"
    message.value = packed.SerializeToString(deterministic=True)
    return message
