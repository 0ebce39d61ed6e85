"""The table of keys, by the SHA-256 of each: packed into shards, and looked up where it lies.

A shard is the resource ``keys/COUNT/INDEX`` (type `xds.edge.resources.KEYS`): those of COUNT equal
parts of all digests whose first bits say INDEX. A new key moves one shard, and the count grows
with the table so that a shard stays small. Its body:

    magic (4 bytes)  number of keys (u32)  BLAKE2b-128 of all that follows (16 bytes)
    digests (32 bytes each, sorted)  ends of the records (u32 each)  records (MessagePack of `Key`)

Nothing of it is parsed before somebody asks for a key, so that a million keys are there at once.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import msgspec

from xds.edge.rules import Key

DIGEST: Final = 32
"""The length of a SHA-256 in bytes."""

_MAGIC: Final = b"GWK1"
_HEADER: Final = struct.Struct(">4sI16s")
_END: Final = struct.Struct(">I")
COUNTS: Final = {1: 0, 16: 4, 256: 8, 4_096: 12, 65_536: 16}
"""How many shards there may be, and by how many first bits of a digest its shard is told."""

_SHARD: Final = 256 * 1024
"""What a shard may hold on average, in bytes. Digests are spread evenly: none is far above it."""
_CACHED: Final = 4_096

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Key)


class MalformedShardError(ValueError):
    """A shard that is not one: the message says which, and what is wrong with it."""


def shard_of(count: int, digest: bytes) -> str:
    """Name the one of ``count`` shards in which a digest is, if it is there."""
    return f"keys/{count}/{int.from_bytes(digest[:2]) >> (16 - COUNTS[count])}"


def shards(keys: Iterable[tuple[bytes, Key]]) -> dict[str, bytes]:
    """Pack keys into shards by name: the same bytes for the same keys, in whatever order.

    A shard that would hold nothing is left out. Raises ValueError for a digest that is not of 32
    bytes, or comes twice.
    """
    packed = sorted((digest, _ENCODER.encode(key)) for digest, key in keys)
    last = b""
    for digest, _ in packed:
        if len(digest) != DIGEST:
            raise ValueError(f"a digest of {len(digest)} bytes")
        if digest == last:
            raise ValueError("two keys have the same digest")
        last = digest
    size = sum(len(record) + DIGEST + _END.size for _, record in packed)
    count = next((count for count in COUNTS if size <= count * _SHARD), max(COUNTS))
    split: dict[str, list[tuple[bytes, bytes]]] = {}
    for item in packed:
        split.setdefault(shard_of(count, item[0]), []).append(item)
    return {name: _body(items) for name, items in split.items()}


@dataclass(frozen=True, slots=True)
class _Shard:
    """One shard as it came, and how many keys are in it."""

    body: bytes = field(repr=False)
    keys: int

    def find(self, digest: bytes) -> int | None:
        """Give the number of the first digest that is not below this one, or None at the end."""
        body, low, high = self.body, 0, self.keys
        while low < high:
            middle = (low + high) >> 1
            at = _HEADER.size + middle * DIGEST
            if body[at : at + DIGEST] < digest:
                low = middle + 1
            else:
                high = middle
        return low if low < self.keys else None

    def digest(self, number: int) -> bytes:
        at = _HEADER.size + number * DIGEST
        return self.body[at : at + DIGEST]

    def record(self, number: int) -> bytes:
        ends = _HEADER.size + self.keys * DIGEST
        records = ends + self.keys * _END.size
        start = _END.unpack_from(self.body, ends + (number - 1) * _END.size)[0] if number else 0
        (end,) = _END.unpack_from(self.body, ends + number * _END.size)
        return self.body[records + start : records + end]


class KeyTable:
    """All shards that were served, and the keys that were asked for lately.

    A table is replaced and not changed: `with_shards` gives the next one. Between two counts of
    shards it may hold shards of both. Then the count that came last is asked first.
    """

    __slots__ = ("_cache", "_counts", "_shards")

    def __init__(self) -> None:
        self._shards: dict[str, _Shard] = {}
        self._counts: tuple[int, ...] = ()
        self._cache: dict[bytes, Key] = {}

    def with_shards(self, changed: Mapping[str, bytes], removed: Iterable[str] = ()) -> KeyTable:
        """Give the table with some shards put in, or in another's place, and some taken out.

        Raises MalformedShardError, and then nothing has come of it.
        """
        table = KeyTable()
        table._shards = {**self._shards, **{n: _loaded(n, body) for n, body in changed.items()}}
        for name in set(removed) - changed.keys():
            table._shards.pop(name, None)
        there = dict.fromkeys(_count(name) for name in table._shards)
        came = dict.fromkeys(_count(name) for name in changed)
        asked = (*came, *self._counts, *there)
        table._counts = tuple(count for count in dict.fromkeys(asked) if count in there)
        return table

    def lookup(self, digest: bytes) -> Key | None:
        """Find a key by its SHA-256 (32 bytes)."""
        if (key := self._cache.get(digest)) is not None:
            return key
        if len(digest) != DIGEST:
            return None
        for count in self._counts:
            shard = self._shards.get(shard_of(count, digest))
            if shard is None or (number := shard.find(digest)) is None:
                continue
            if hmac.compare_digest(shard.digest(number), digest):
                key = _DECODER.decode(shard.record(number))
                self._remember(digest, key)
                return key
        return None

    def digests(self, key_id: str) -> frozenset[bytes]:
        """Find all digests that a key goes by, for instance both while it is rotated.

        Reads every key: a tenth of a second for a hundred thousand.
        """
        wanted = msgspec.msgpack.encode(key_id)
        found = set()
        for shard in self._shards.values():
            if wanted not in shard.body:
                continue
            for number in range(shard.keys):
                # The id is the first member, behind one byte that says how many there are.
                if shard.record(number).startswith(wanted, 1):
                    found.add(shard.digest(number))
        return frozenset(found)

    def all_digests(self) -> Iterator[bytes]:
        """Give the digest of every key, one that is in two shards twice."""
        for shard in self._shards.values():
            yield from map(shard.digest, range(shard.keys))

    def __iter__(self) -> Iterator[tuple[bytes, Key]]:
        """Give every key with its digest, a key that is in two shards once."""
        mixed = len(self._counts) > 1
        seen: set[bytes] = set()
        for count in self._counts:
            for name, shard in self._shards.items():
                if _count(name) != count:
                    continue
                for number in range(shard.keys):
                    digest = shard.digest(number)
                    if mixed:
                        if digest in seen:
                            continue
                        seen.add(digest)
                    yield digest, _DECODER.decode(shard.record(number))

    def __len__(self) -> int:
        """How many keys there are; between two counts of shards, at the most."""
        return sum(shard.keys for shard in self._shards.values())

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, bytes) and self.lookup(digest) is not None

    def _remember(self, digest: bytes, key: Key) -> None:
        if len(self._cache) >= _CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[digest] = key


def _count(name: str) -> int:
    return int(name.split("/")[1])


def _body(items: list[tuple[bytes, bytes]]) -> bytes:
    ends, end = [], 0
    for _, record in items:
        end += len(record)
        ends.append(_END.pack(end))
    rest = b"".join((*(digest for digest, _ in items), *ends, *(record for _, record in items)))
    return _HEADER.pack(_MAGIC, len(items), _checksum(rest)) + rest


def _checksum(rest: bytes | memoryview) -> bytes:
    return blake2b(rest, digest_size=16).digest()


def _loaded(name: str, body: bytes) -> _Shard:
    """Check a shard as a whole, and one record of it; raise MalformedShardError.

    The checksum answers for the order and the ends, which only `shards` writes. The record tells
    whether this version of Gatewright can read what that one wrote.
    """
    parts = name.split("/")
    match parts:
        case ["keys", count, index] if (
            count.isdecimal()
            and index.isdecimal()
            and int(count) in COUNTS
            and int(index) < int(count)
            and name == f"keys/{int(count)}/{int(index)}"
        ):
            pass
        case _:
            raise MalformedShardError(f"{name!r} is no name of a shard of keys")
    if len(body) < _HEADER.size:
        raise MalformedShardError(f"{name}: {len(body)} bytes are no shard of keys")
    magic, keys, checksum = _HEADER.unpack_from(body)
    if magic != _MAGIC:
        raise MalformedShardError(f"{name}: it does not begin as a shard of keys does")
    if len(body) < _HEADER.size + keys * (DIGEST + _END.size):
        raise MalformedShardError(f"{name}: {len(body)} bytes cannot hold {keys} keys")
    if not hmac.compare_digest(_checksum(memoryview(body)[_HEADER.size :]), checksum):
        raise MalformedShardError(f"{name}: its checksum is wrong")
    shard = _Shard(body, keys)
    try:
        if keys:
            _DECODER.decode(shard.record(keys - 1))
    except msgspec.MsgspecError as error:
        raise MalformedShardError(f"{name}: its records cannot be read: {error}") from None
    return shard
