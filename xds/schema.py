"""The xDS API's message classes: ``envoy.config.cluster.v3.Cluster(name="x")``.

``envoy``, ``google``, ``xds``, ``udpa``, ``opentelemetry``, ``cel`` and ``io`` are the API's
package roots. Below them the spelling is the full name of the .proto, and a plain alias
(``cluster_v3 = envoy.config.cluster.v3``) serves for values and for annotations. The classes are
protobuf's C classes over a descriptor pool of their own, so they meet no other copy of the API
that a library may have imported. Each is made on its first use; loading all descriptors takes
about 10 ms.

The descriptors lie in ``envoy.binpb``, which :mod:`xds.descriptors` makes from envoy_data_plane.
The types that mypy sees are generated from the same file by ``python -m xds.stubs``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from xds_api import cel, envoy, google, io, opentelemetry, udpa, xds

__all__ = [
    "POOL",
    "UnknownTypeError",
    "cel",
    "envoy",
    "google",
    "io",
    "message_class",
    "opentelemetry",
    "udpa",
    "xds",
]

BLOB = Path(__file__).with_name("envoy.binpb")


class UnknownTypeError(LookupError):
    """A type URL names a message that the schema does not have."""


def message_class(url: str) -> type[Message]:
    """Return the class that a type URL, or a bare full name, names; raise UnknownTypeError."""
    full_name = url.rpartition("/")[2]
    try:
        return GetMessageClass(POOL.FindMessageTypeByName(full_name))
    except KeyError:
        raise UnknownTypeError(f"the schema has no message {full_name!r}") from None


class _Package:
    """A package that real files share (``google``): its messages are attributes, found lazily."""

    def __init__(self, full_name: str, **packages: _Package) -> None:
        self._full_name = full_name
        vars(self).update(packages)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            found = GetMessageClass(POOL.FindMessageTypeByName(f"{self._full_name}.{name}"))
        except KeyError:
            raise AttributeError(f"no message {self._full_name}.{name}") from None
        vars(self)[name] = found
        return found

    def __repr__(self) -> str:
        return f"<package {self._full_name}>"


def _load() -> DescriptorPool:
    """Return a private pool with every file of the blob.

    The blob is a FileDescriptorSet. It is split by hand because the pool takes serialised files,
    and parsing the set would import descriptor_pb2 and pay for each descriptor twice.
    """
    pool = DescriptorPool()
    data = memoryview(BLOB.read_bytes())
    position = 0
    while position < len(data):
        position += 1  # the tag: field 1, length-delimited
        length = shift = 0
        while True:
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        pool.AddSerializedFile(bytes(data[position : position + length]))
        position += length
    return pool


POOL = _load()

if not TYPE_CHECKING:

    def _root(name: str) -> Any:
        """Return a package root: a message whose nested messages are the packages below it."""
        return GetMessageClass(POOL.FindMessageTypeByName(name))

    cel = _root("cel")
    envoy = _root("envoy")
    google = _Package("google", protobuf=_Package("google.protobuf"))
    io = _root("io")
    opentelemetry = _root("opentelemetry")
    udpa = _root("udpa")
    xds = _root("xds")
