"""Proto3 JSON as Envoy writes and reads it, the same text for the same message every time.

protobuf's own converter lists a map's keys in the order of its hash table, which changes from run
to run, and reads the inside of an Any into bytes in that order too. Both are put right here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from xds.schema import POOL, UnknownTypeError, message_class

M = TypeVar("M", bound=Message)

_ANY = "google.protobuf.Any"
_FREE = {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"}


def to_json(message: Message) -> dict[str, Any]:
    """Return proto3 JSON with the .proto's field names and each Any opened under ``@type``.

    That is how Envoy writes its config dump, and it reads it back as YAML or JSON. Fields come in
    the order of their numbers, map keys sorted; 64-bit integers are strings, durations
    ``"1.500s"``, enums their names. Raises UnknownTypeError when an Any holds a message that the
    schema does not have.
    """
    try:
        value = json_format.MessageToDict(
            message, preserving_proto_field_name=True, descriptor_pool=POOL
        )
    except TypeError as error:
        raise UnknownTypeError(str(error)) from None
    ordered: dict[str, Any] = _ordered(message.DESCRIPTOR, value)
    return ordered


def from_json(cls: type[M], value: Mapping[str, Any]) -> M:
    """Read proto3 JSON, in either spelling of the field names.

    Raises google.protobuf.json_format.ParseError, whose text names the field.
    """
    message = json_format.ParseDict(dict(value), cls(), descriptor_pool=POOL)
    _encode_again(message)
    return message


def _ordered(descriptor: Any, value: Any) -> Any:
    """Return the JSON of a message of that type with the keys of its maps sorted."""
    if descriptor.full_name in _FREE:
        return _sorted(value)
    if not isinstance(value, dict):  # a Duration, a wrapper: what JSON writes as a scalar
        return value
    if descriptor.full_name == _ANY:
        if "@type" not in value:
            return value
        inner = message_class(value["@type"]).DESCRIPTOR
        if inner.full_name.startswith("google.protobuf."):
            return {key: _ordered(inner, item) for key, item in value.items()}
        return _fields(inner, value)
    return _fields(descriptor, value)


def _fields(descriptor: Any, value: dict[str, Any]) -> dict[str, Any]:
    fields = descriptor.fields_by_name
    return {
        key: item if key == "@type" else _field(fields[key], item) for key, item in value.items()
    }


def _field(field: FieldDescriptor, value: Any) -> Any:
    message: Descriptor | None = field.message_type
    if message is None:
        return value
    if message.GetOptions().map_entry:
        item = message.fields_by_name["value"]
        return {key: _field(item, value[key]) for key in sorted(value)}
    if field.is_repeated:
        return [_ordered(message, item) for item in value]
    return _ordered(message, value)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _encode_again(message: Message) -> None:
    """Serialise what each Any inside ``message`` holds deterministically, from the inside out."""
    if message.DESCRIPTOR.full_name == _ANY:
        wrapped: Any = message
        if wrapped.type_url:
            inner = message_class(wrapped.type_url).FromString(wrapped.value)
            _encode_again(inner)
            wrapped.value = inner.SerializeToString(deterministic=True)
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for item in value.values():
                    _encode_again(item)
        elif field.is_repeated:
            for item in value:
                _encode_again(item)
        else:
            _encode_again(value)
