"""Keys that are refused ahead of what their shards say: which, and for how long that is needed.

Pure. Two causes make such a key: an operator revoked it and the policy still has it, or the policy
has dropped it and a rollout serves some nodes an older one. Both end by themselves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from xds.edge.key_table import COUNTS, DIGEST, KeyTable, MalformedShardError, shard_of
from xds.edge.resources import KEYS, MESSAGES, REVOKED, REVOKED_NAME, edge_resource
from xds.schema import google
from xds.snapshot import EMPTY, NONE, Encoded, Resources, Snapshot, collect, encoded

_LOST: Final[OrderedDict[tuple[str, str], frozenset[bytes]]] = OrderedDict()
"""What `lost` found, by the versions of both sets: it is asked whenever secrets are read again."""
_KEPT: Final = 64

MOST: Final = 32_768
"""How many keys may be refused ahead because a policy has dropped them: 1 MiB of digests, as one
message carries. Whoever drops more at once moves house, and waves are there for that."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """A key that an operator revoked ahead of the policy, by all digests that it went by.

    ``since`` is in seconds since 1970.
    """

    id: str
    since: float
    digests: frozenset[bytes]


def revoked_resources(digests: Iterable[bytes]) -> Resources:
    """Make the REVOKED resource of some digests; no resource of none."""
    body = b"".join(sorted(digests))
    if not body:
        return NONE
    return collect({REVOKED_NAME: encoded(edge_resource(REVOKED, REVOKED_NAME, body))})


def revoked_in(snapshot: Snapshot | None) -> frozenset[bytes]:
    """Give the digests of a snapshot's REVOKED resource."""
    found = (snapshot or EMPTY).of(REVOKED).by_name.values()
    return frozenset(
        body[at : at + DIGEST] for body in map(_body, found) for at in range(0, len(body), DIGEST)
    )


def digests_of(key_id: str, keys: Resources) -> frozenset[bytes]:
    """Find all digests that a key goes by among the shards of a snapshot."""
    return _table(keys.by_name.values()).digests(key_id)


def active(digests: Iterable[bytes], keys: Resources) -> frozenset[bytes]:
    """Tell which of some digests the shards of a snapshot have; looks into no other shard."""
    wanted = frozenset(digests)
    names = {shard_of(count, digest) for digest in wanted for count in COUNTS}
    table = _table(one for name, one in keys.by_name.items() if name in names)
    return frozenset(digest for digest in wanted if digest in table)


def lost(old: Resources, new: Resources) -> frozenset[bytes]:
    """Give the digests that one set of shards has and another has not; none where they are > MOST.

    Looks at what differs.
    """
    if old.version == new.version:
        return frozenset()
    key = old.version, new.version
    if key not in _LOST:
        before = _table(_differing(old, new))
        after = _table(_differing(new, old))
        found = frozenset(one for one in before.all_digests() if one not in after)
        _LOST[key] = found if len(found) <= MOST else frozenset()
        while len(_LOST) > _KEPT:
            _LOST.popitem(last=False)
    return _LOST[key]


def _differing(one: Resources, other: Resources) -> Iterator[Encoded]:
    for name, shard in one.by_name.items():
        known = other.by_name.get(name)
        if known is None or known.version != shard.version:
            yield shard


def _table(shards: Iterable[Encoded]) -> KeyTable:
    """Load shards; one that another version of Gatewright stored on the disk counts as empty."""
    bodies = {one.name: _body(one) for one in shards}
    try:
        return KeyTable().with_shards(bodies)
    except MalformedShardError:
        return KeyTable().with_shards({n: body for n, body in bodies.items() if _is_one(n, body)})


def _is_one(name: str, body: bytes) -> bool:
    try:
        KeyTable().with_shards({name: body})
    except MalformedShardError:
        return False
    return True


def _body(one: Encoded) -> bytes:
    packed = google.protobuf.Any.FromString(one.body)
    type_url = KEYS if packed.type_url == KEYS else REVOKED
    body: bytes = MESSAGES[type_url].FromString(packed.value).body
    return body
