"""A snapshot: every resource that is served, encoded once; versions are hashes of content.

The same resources give the same snapshot on every machine and after every restart, in whatever
order they come, so that a stream may move to another replica and be sent nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from xds.order import SECRET, rank
from xds.resource import Resource
from xds.shards import parts
from xds.wire import encode, pack

_DIGEST_BYTES: Final = 16
# A version shows up in logs and config dumps. A plain hash of a short secret could be guessed back
# from there, so secrets are hashed with a key of this process. Nothing is lost: the first request
# for secrets on a stream is answered in full anyway.
_SECRET_KEY: Final = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One resource, ready to send: ``body`` is its google.protobuf.Any, serialised."""

    name: str
    version: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Resources:
    """All resources of one type by name, in the names' order; ``version`` is that of the set."""

    by_name: Mapping[str, Encoded] = field(default_factory=dict)
    version: str = ""


NONE: Final = Resources(version=blake2b(digest_size=_DIGEST_BYTES).hexdigest())
"""No resource of a type."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to serve, by type URL; ``version`` is that of the whole."""

    types: Mapping[str, Resources]
    version: str

    def of(self, type_url: str) -> Resources:
        """The resources of a type; no resources where the type is not there."""
        return self.types.get(type_url, NONE)


class DuplicateResourceError(ValueError):
    """Two resources of one type bear the same name."""


def snapshot(resources: Iterable[Resource]) -> Snapshot:
    """Encode resources into a snapshot; raise DuplicateResourceError.

    The virtual hosts of a route table in parts become resources too (`xds.shards`).
    """
    types: dict[str, dict[str, Encoded]] = {}
    given = tuple(resources)
    for item in (*given, *parts(given)):
        named = types.setdefault(item.type_url, {})
        if item.name in named:
            raise DuplicateResourceError(f"two resources {item.type_url} are called {item.name!r}")
        named[item.name] = encoded(item)
    return assemble({url: collect(named) for url, named in types.items()})


def encoded(item: Resource) -> Encoded:
    """Encode one resource; its version is the hash of the bytes."""
    body = encode(pack(item.message))
    return Encoded(item.name, content_version(item.type_url, body), body)


def content_version(type_url: str, body: bytes) -> str:
    """Hash a resource's bytes into its version (32 hex digits)."""
    key = _SECRET_KEY if type_url == SECRET else b""
    return blake2b(body, digest_size=_DIGEST_BYTES, key=key).hexdigest()


def collect(named: Mapping[str, Encoded]) -> Resources:
    """Put the resources of one type in order and give the set its version."""
    ordered = dict(sorted(named.items()))
    return Resources(ordered, set_version({name: one.version for name, one in ordered.items()}))


def set_version(versions: Mapping[str, str]) -> str:
    """Hash the names and versions of some resources of a type; the order does not matter."""
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for name, version in sorted(versions.items()):
        # Lengths keep two names from running into each other.
        digest.update(f"{len(name)}:{name}={version};".encode())
    return digest.hexdigest()


def assemble(types: Mapping[str, Resources]) -> Snapshot:
    """Make a snapshot of sets that are encoded already; empty types are left out."""
    ordered = {url: types[url] for url in sorted(types, key=rank) if types[url].by_name}
    return Snapshot(ordered, set_version({url: one.version for url, one in ordered.items()}))


def layered(snapshot: Snapshot, types: Mapping[str, Resources]) -> Snapshot:
    """Give a snapshot with some types put in the place of its own."""
    return assemble({**snapshot.types, **types})


EMPTY: Final = assemble({})
"""A snapshot of nothing."""
