"""The resources of the edge on ADS: types of our own, beside Envoy's.

Each is a message with a ``name`` and a ``body`` (bytes). RULES is one resource (`xds.edge.rules`)
and so is PROCESSING (`xds.edge.processing`), KEYS are shards (`xds.edge.key_table`), REVOKED is one
resource that only the control plane makes (digests, 32 bytes each, of keys that are revoked ahead
of the policy).
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass

from xds.resource import Resource
from xds.schema import POOL

_PACKAGE: Final = "gatewright.edge.v1"
_PREFIX: Final = f"type.googleapis.com/{_PACKAGE}."

RULES: Final = f"{_PREFIX}Rules"
KEYS: Final = f"{_PREFIX}KeyShard"
REVOKED: Final = f"{_PREFIX}Revoked"
PROCESSING: Final = f"{_PREFIX}Processing"

REVOKED_NAME: Final = "revoked"
"""The name of the one resource of REVOKED; it is not there while nothing is revoked ahead."""

TYPES: Final = (RULES, KEYS, REVOKED, PROCESSING)


def _classes() -> dict[str, Any]:
    file = FileDescriptorProto(name="gatewright/edge/v1/edge.proto", package=_PACKAGE)
    file.syntax = "proto3"
    for url in TYPES:
        message = file.message_type.add(name=url.removeprefix(_PREFIX))
        for number, (field, kind) in enumerate(
            (("name", FieldDescriptorProto.TYPE_STRING), ("body", FieldDescriptorProto.TYPE_BYTES)),
            start=1,
        ):
            message.field.add(
                name=field, number=number, type=kind, label=FieldDescriptorProto.LABEL_OPTIONAL
            )
    POOL.AddSerializedFile(file.SerializeToString())
    return {
        url: GetMessageClass(POOL.FindMessageTypeByName(url.rpartition("/")[2])) for url in TYPES
    }


MESSAGES: Final = _classes()
"""The message class of each type."""


def edge_resource(type_url: str, name: str, body: bytes) -> Resource:
    """Make a resource of one of ``TYPES``."""
    return Resource(type_url, name, MESSAGES[type_url](name=name, body=body))
