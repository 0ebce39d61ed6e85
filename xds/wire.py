"""Encode messages to the bytes and the JSON that Envoy reads: the same bytes for the same message.

Everything here is pure. Secrets inside messages are shown as they are: `redact` before you print.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf.message import Message

from xds.proto_json import from_json, to_json
from xds.redaction import REDACTED, redact
from xds.schema import UnknownTypeError, google, message_class, xds

__all__ = [
    "REDACTED",
    "TYPE_URL_PREFIX",
    "Message",
    "UnknownTypeError",
    "decode",
    "encode",
    "from_json",
    "message_class",
    "pack",
    "redact",
    "to_json",
    "type_url",
    "typed_struct",
    "unpack",
]

M = TypeVar("M", bound=Message)

TYPE_URL_PREFIX = "type.googleapis.com/"


def type_url(message: Message | type[Message]) -> str:
    """Return a type URL: ``type.googleapis.com/envoy.config.cluster.v3.Cluster``."""
    return TYPE_URL_PREFIX + message.DESCRIPTOR.full_name


def encode(message: Message) -> bytes:
    """Serialise deterministically, map entries by key, so that equal messages hash alike."""
    return message.SerializeToString(deterministic=True)


def decode(cls: type[M], data: bytes) -> M:
    """Parse the bytes of one message; raise google.protobuf.message.DecodeError."""
    return cls.FromString(data)


def pack(message: Message) -> google.protobuf.Any:
    """Wrap a message in an Any, encoded deterministically, which ``Any.Pack`` does not do."""
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
