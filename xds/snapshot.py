"""A snapshot: every resource that is served, encoded once; versions are hashes of content.

The same resources give the same snapshot on every machine and after every restart, in whatever
order they come, so that a stream may move to another replica and be sent nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b, scrypt
from typing import Final

from xds.order import COMPLETE, SECRET, rank
from xds.resource import Resource
from xds.shards import parts
from xds.wire import encode, pack

_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Encoded:
    """One resource, ready to send: ``body`` is its google.protobuf.Any, serialised.

    ``ttl`` is how long a client keeps it without hearing of it; for ever where it is None.
    ``aliases`` are other names that a client asked for it by (delta, on demand); without a body it
    says that there is nothing by these names.
    """

    name: str
    version: str
    body: bytes = field(repr=False)
    ttl: timedelta | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """All resources of one type by name, in the names' order; ``version`` is that of the set.

    ``expiring`` are the names of those with a TTL.
    """

    by_name: Mapping[str, Encoded] = field(default_factory=dict)
    version: str = ""
    expiring: frozenset[str] = frozenset()


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
    """Encode one resource; its version is the hash of the bytes, and of the TTL if there is one.

    Raises ValueError for a listener or cluster with a TTL: a SotW client deletes what a response
    of these leaves out, and so would take a heartbeat for the end of all others.
    """
    if item.ttl is not None and item.type_url in COMPLETE:
        raise ValueError(f"{item.name!r}: listeners and clusters have no TTL")
    body = encode(pack(item.message))
    return Encoded(item.name, content_version(item.type_url, body, item.ttl), body, item.ttl)


def content_version(type_url: str, body: bytes, ttl: timedelta | None = None) -> str:
    """Hash a resource's bytes, and its TTL, into its version (32 hex digits)."""
    if type_url == SECRET:
        return _stretched(blake2b(body).digest())
    digest = blake2b(body, digest_size=_DIGEST_BYTES)
    if ttl is not None:
        digest.update(f";ttl={ttl // timedelta(microseconds=1)}".encode())
    return digest.hexdigest()


@lru_cache(maxsize=4096)
def _stretched(digest: bytes) -> str:
    """Make a secret's version, the same on every replica, too dear to be guessed back from.

    Versions show up in logs and config dumps, where a plain hash of a short secret could be looked
    up. This one takes 12 ms a guess, and once for each secret that is new to this process.
    """
    salt = b"gatewright: version of a secret"
    return scrypt(digest, salt=salt, n=1 << 12, r=8, p=1, dklen=_DIGEST_BYTES).hex()


def collect(named: Mapping[str, Encoded]) -> Resources:
    """Put the resources of one type in order and give the set its version."""
    ordered = dict(sorted(named.items()))
    return Resources(
        ordered,
        set_version({name: one.version for name, one in ordered.items()}),
        frozenset(name for name, one in ordered.items() if one.ttl is not None),
    )


def lasting(resources: Resources) -> Resources:
    """Give the same without TTLs, for clients that do not know them.

    Each resource keeps its version, so that what is refused is known by it. The set gets another
    one: what is made once for all streams of one set is not to be mixed up.
    """
    if not resources.expiring:
        return resources
    by_name = {
        name: one if one.ttl is None else replace(one, ttl=None)
        for name, one in resources.by_name.items()
    }
    return Resources(by_name, set_version({"lasting": resources.version}))


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
