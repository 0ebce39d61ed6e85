"""Responses joined by hand from parts that are encoded already.

A response is a few bytes of its own around resources that all streams share. Building the message
and serialising it would copy and check each resource anew for each of a thousand streams.
Source: field numbers of envoy/service/discovery/v3/discovery.proto.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache

from xds.schema import envoy, google
from xds.snapshot import Encoded
from xds.wire import encode

# Tags: field number << 3 | 2 (length-delimited).
_VERSION_INFO = b"\x0a"  # (Delta)DiscoveryResponse 1, and Resource.version 1
_RESOURCES = b"\x12"  # (Delta)DiscoveryResponse 2, and Resource.resource 2
_RESOURCE_NAME = b"\x1a"  # Resource.name 3
_ALIASES = b"\x22"  # Resource.aliases 4
_TTL = b"\x32"  # Resource.ttl 6
_ANY_TYPE_URL = b"\x0a"  # google.protobuf.Any 1
_ANY_VALUE = b"\x12"  # google.protobuf.Any 2
_WRAPPER = b"type.googleapis.com/envoy.service.discovery.v3.Resource"
_TYPE_URL = b"\x22"  # (Delta)DiscoveryResponse 4
_NONCE = b"\x2a"  # (Delta)DiscoveryResponse 5
_REMOVED = b"\x32"  # DeltaDiscoveryResponse.removed_resources 6
_CONTROL_PLANE_SOTW = b"\x32"  # DiscoveryResponse.control_plane 6
_CONTROL_PLANE_DELTA = b"\x3a"  # DeltaDiscoveryResponse.control_plane 7
_ERRORS_SOTW = b"\x3a"  # DiscoveryResponse.resource_errors 7
_ERRORS_DELTA = b"\x4a"  # DeltaDiscoveryResponse.resource_errors 9
_IDENTIFIER = encode(envoy.config.core.v3.ControlPlane(identifier="gatewright"))
_NOT_FOUND = 5  # google.rpc.Code.NOT_FOUND, what gRFC A88 takes for "does not exist"


def sotw(
    version: str, type_url: str, nonce: str, resources: Iterable[Encoded], missing: Iterable[str]
) -> bytes:
    """Join a DiscoveryResponse; ``missing`` are names asked for that do not exist."""
    parts: list[bytes] = []
    _field(parts, _VERSION_INFO, version.encode())
    for one in resources:
        _field(parts, _RESOURCES, one.body if one.ttl is None else _wrapped(_resource(one)))
    _field(parts, _TYPE_URL, type_url.encode())
    _field(parts, _NONCE, nonce.encode())
    _field(parts, _CONTROL_PLANE_SOTW, _IDENTIFIER)
    for name in missing:
        _field(parts, _ERRORS_SOTW, _not_found(name))
    return b"".join(parts)


def delta(
    version: str,
    type_url: str,
    nonce: str,
    resources: bytes,
    removed: Iterable[str],
    missing: Iterable[str],
) -> bytes:
    """Join a DeltaDiscoveryResponse of what `delta_resources` made.

    ``missing`` are those of ``removed`` that were asked for.
    """
    parts: list[bytes] = []
    _field(parts, _VERSION_INFO, version.encode())
    parts.append(resources)
    _field(parts, _TYPE_URL, type_url.encode())
    _field(parts, _NONCE, nonce.encode())
    for gone in removed:
        _field(parts, _REMOVED, gone.encode())
    _field(parts, _CONTROL_PLANE_DELTA, _IDENTIFIER)
    for unknown in missing:
        _field(parts, _ERRORS_DELTA, _not_found(unknown))
    return b"".join(parts)


def delta_resources(resources: Iterable[Encoded]) -> bytes:
    """Join the resources of a DeltaDiscoveryResponse."""
    parts: list[bytes] = []
    for one in resources:
        around = _resource(one)
        parts.append(_RESOURCES + _varint(sum(map(len, around))))
        parts.extend(around)
    return b"".join(parts)


def delta_heartbeats(leases: Iterable[Encoded]) -> bytes:
    """Join the resources of a DeltaDiscoveryResponse that only renews TTLs."""
    parts: list[bytes] = []
    for one in leases:
        _field(parts, _RESOURCES, b"".join(_renewed(one)))
    return b"".join(parts)


def _resource(one: Encoded) -> list[bytes]:
    """The parts of an envoy.service.discovery.v3.Resource."""
    name, version = one.name.encode(), one.version.encode()
    parts = [
        _VERSION_INFO + _varint(len(version)) + version,
        _RESOURCE_NAME + _varint(len(name)) + name,
    ]
    if one.body:
        parts += (_RESOURCES + _varint(len(one.body)), one.body)
    for alias in one.aliases:
        _field(parts, _ALIASES, alias.encode())
    if one.ttl is not None:
        _field(parts, _TTL, _duration(one.ttl))
    return parts


def _renewed(one: Encoded) -> list[bytes]:
    """The parts of a Resource that is a heartbeat."""
    parts: list[bytes] = []
    _field(parts, _VERSION_INFO, one.version.encode())
    _field(parts, _RESOURCE_NAME, one.name.encode())
    if one.ttl is not None:
        _field(parts, _TTL, _duration(one.ttl))
    return parts


def _wrapped(resource: Iterable[bytes]) -> bytes:
    """A Resource as an Any, the way SotW carries what a bare resource cannot say."""
    parts: list[bytes] = []
    _field(parts, _ANY_TYPE_URL, _WRAPPER)
    _field(parts, _ANY_VALUE, b"".join(resource))
    return b"".join(parts)


@lru_cache(maxsize=64)
def _duration(length: timedelta) -> bytes:
    message = google.protobuf.Duration()
    message.FromTimedelta(length)
    return encode(message)


def _field(parts: list[bytes], tag: bytes, value: bytes) -> None:
    parts.append(tag + _varint(len(value)))
    parts.append(value)


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@lru_cache(maxsize=1024)
def _not_found(name: str) -> bytes:
    discovery = envoy.service.discovery.v3
    error = discovery.ResourceError(resource_name=discovery.ResourceName(name=name))
    error.error_detail.code = _NOT_FOUND
    error.error_detail.message = f"the policy has no {name!r}"
    return encode(error)
