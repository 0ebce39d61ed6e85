"""What a resource refers to by name: secrets, route configurations, endpoints.

Found by walking the message with each Any opened, so that a reference counts wherever it stands,
in an upstream filter as well as in a transport socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from google.protobuf.descriptor import FieldDescriptor

from xds.schema import envoy, google
from xds.wire import Message, UnknownTypeError, unpack

_SDS = "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig"
_RDS = "envoy.extensions.filters.network.http_connection_manager.v3.Rds"
_CLUSTER = "envoy.config.cluster.v3.Cluster"
_ANY = "google.protobuf.Any"


@dataclass(frozen=True, slots=True)
class References:
    """Names of other resources; ``endpoints`` are what a cluster asks EDS for."""

    secrets: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()


# The same few resources are asked about by every stream after each push.
@lru_cache(maxsize=32_768)
def references(body: bytes) -> References:
    """Return what a resource, given as its encoded Any, refers to."""
    secrets: set[str] = set()
    routes: set[str] = set()
    endpoints: set[str] = set()
    for message in _walk(google.protobuf.Any.FromString(body)):
        name = message.DESCRIPTOR.full_name
        if name == _SDS and message.HasField("sds_config"):
            secrets.add(message.name)  # type: ignore[attr-defined] # by name
        elif name == _RDS:
            routes.add(message.route_config_name)  # type: ignore[attr-defined] # by name
        elif name == _CLUSTER and message.type == envoy.config.cluster.v3.Cluster.EDS:  # type: ignore[attr-defined] # by name
            endpoints.add(message.eds_cluster_config.service_name or message.name)  # type: ignore[attr-defined] # by name
    return References(frozenset(secrets), frozenset(routes), frozenset(endpoints))


def mentions(body: bytes, name: str) -> bool:
    """Tell whether a resource's bytes hold that string as a field.

    A string lies in a message as its length and its bytes, and a message inside an Any lies there
    as it is. So this needs no schema; a wrong "yes" would take the same bytes by chance.
    """
    text = name.encode()
    if len(text) > 0x7F:
        return text in body
    return bytes((len(text),)) + text in body


def _walk(message: Message) -> Iterator[Message]:
    if message.DESCRIPTOR.full_name == _ANY:
        try:
            message = unpack(message)  # type: ignore[arg-type] # it is an Any by its name
        except UnknownTypeError:
            return
    yield message
    for field, value in message.ListFields():
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            continue
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            if kind.fields_by_name["value"].type == FieldDescriptor.TYPE_MESSAGE:
                for one in value.values():
                    yield from _walk(one)
        elif field.is_repeated:
            for one in value:
                yield from _walk(one)
        else:
            yield from _walk(value)
