"""Encode messages to the bytes and the JSON that Envoy reads: the same bytes for the same message.

Everything here is pure. Secrets inside messages are shown as they are: redact before you print.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from xds.schema import POOL, google, xds

__all__ = [
    "TYPE_URL_PREFIX",
    "Message",
    "UnknownTypeError",
    "decode",
    "encode",
    "from_json",
    "message_class",
    "pack",
    "to_json",
    "type_url",
    "typed_struct",
    "unpack",
]

M = TypeVar("M", bound=Message)

TYPE_URL_PREFIX = "type.googleapis.com/"


class UnknownTypeError(LookupError):
    """A type URL names a message that the schema does not have."""


def type_url(message: Message | type[Message]) -> str:
    """Return a type URL: ``type.googleapis.com/envoy.config.cluster.v3.Cluster``."""
    return TYPE_URL_PREFIX + message.DESCRIPTOR.full_name


def message_class(url: str) -> type[Message]:
    """Return the class that a type URL, or a bare full name, names; raise UnknownTypeError."""
    full_name = url.rpartition("/")[2]
    try:
        return GetMessageClass(POOL.FindMessageTypeByName(full_name))
    except KeyError:
        raise UnknownTypeError(f"the schema has no message {full_name!r}") from None


def encode(message: Message) -> bytes:
    """Serialise deterministically, map entries by key, so that equal messages hash alike."""
    return message.SerializeToString(deterministic=True)


def decode(cls: type[M], data: bytes) -> M:
    """Parse the bytes of one message; raise google.protobuf.message.DecodeError."""
    return cls.FromString(data)


def pack(message: Message) -> google.protobuf.Any:
    """Wrap a message in an Any, encoded deterministically."""
    return google.protobuf.Any(type_url=type_url(message), value=encode(message))


def unpack(wrapped: google.protobuf.Any) -> Message:
    """Return the message an Any holds; raise UnknownTypeError or DecodeError."""
    return decode(message_class(wrapped.type_url), wrapped.value)


def typed_struct(url: str, value: Mapping[str, Any]) -> google.protobuf.Any:
    """Pack a message that the schema lacks as xds.type.v3.TypedStruct, which Envoy converts.

    ``url`` is the wanted type's URL or bare full name, ``value`` its proto3 JSON. Numbers travel
    as doubles, so give an integer above 2**53 as a string.
    """
    full_name = url.rpartition("/")[2]
    struct = google.protobuf.Struct()
    struct.update(value)
    return pack(xds.type.v3.TypedStruct(type_url=TYPE_URL_PREFIX + full_name, value=struct))


def to_json(message: Message) -> dict[str, Any]:
    """Return proto3 JSON with the .proto's field names and each Any opened under ``@type``.

    That is how Envoy writes its config dump, and it reads it back as YAML or JSON. 64-bit integers
    are strings, durations ``"1.500s"``, enums their names. Raises UnknownTypeError when an Any
    holds a message that the schema does not have.
    """
    try:
        return json_format.MessageToDict(
            message, preserving_proto_field_name=True, descriptor_pool=POOL
        )
    except TypeError as error:
        raise UnknownTypeError(str(error)) from None


def from_json(cls: type[M], value: Mapping[str, Any]) -> M:
    """Read proto3 JSON, in either spelling of the field names.

    Raises google.protobuf.json_format.ParseError, whose text names the field.
    """
    return json_format.ParseDict(dict(value), cls(), descriptor_pool=POOL)
