"""The packed table of keys: what goes in comes out, whatever the number of shards."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xds.edge import key_table
from xds.edge.key_table import COUNTS, KeyTable, MalformedShardError, shard_of, shards
from xds.edge.limit import Limit, Period, Shape, Unit
from xds.edge.rules import Key

LIMIT = Limit(
    id="key/acme/ci/requests/minute",
    owner="key `acme/ci`",
    text="20 requests/minute",
    unit=Unit.REQUESTS,
    amount=20,
    period=Period.MINUTE,
    shape=Shape.SLIDING,
)
texts = st.text(max_size=20)
keys = st.builds(
    Key,
    id=texts,
    tenant=texts,
    team=texts,
    starts=st.integers(0, 1 << 40),
    expires=st.integers(0, 1 << 40),
    models=st.none() | st.lists(texts, max_size=3).map(tuple),
    limits=st.just(()) | st.just((LIMIT,)),
)
digests = st.binary(min_size=32, max_size=32)
tables = st.dictionaries(digests, keys, max_size=40)


def numbered(count, start=0):
    return {
        hashlib.sha256(str(n).encode()).digest(): Key(id=f"acme/key-{n}", tenant="acme")
        for n in range(start, start + count)
    }


def split(known, count, monkeypatch):
    """Pack into exactly that many shards, however few keys there are."""
    monkeypatch.setattr(key_table, "_SHARD", 1 << 40)
    monkeypatch.setattr(key_table, "COUNTS", {count: COUNTS[count]})
    packed = shards(known.items())
    monkeypatch.undo()
    return packed


@given(tables, digests)
def test_every_key_is_found_and_no_other(known, other):
    """A key by its digest, twice (the second time from memory), and None for what is not there."""
    table = KeyTable().with_shards(shards(known.items()))
    for digest, key in (*known.items(), *known.items()):
        assert table.lookup(digest) == key
    assert table.lookup(other) == known.get(other)
    assert dict(table) == known
    assert len(table) == len(known)
    assert set(table.all_digests()) == known.keys()


@pytest.mark.parametrize("count", COUNTS)
def test_every_key_is_found_in_any_number_of_shards(count, monkeypatch):
    """The first bits of a digest tell its shard."""
    known = numbered(500)
    packed = split(known, count, monkeypatch)
    assert all(name.startswith(f"keys/{count}/") for name in packed)
    table = KeyTable().with_shards(packed)
    assert all(table.lookup(digest) == key for digest, key in known.items())
    assert not any(digest in table for digest in numbered(500, 500))


@given(tables, st.randoms())
def test_the_order_of_the_keys_does_not_matter(known, chance):
    """The same keys give the same bytes."""
    shuffled = list(known.items())
    chance.shuffle(shuffled)
    assert shards(shuffled) == shards(known.items())


def test_the_number_of_shards_grows_with_the_keys():
    """A shard stays far below 1 MiB, and one key more moves one shard."""
    few, many = shards(numbered(1_000).items()), shards(numbered(60_000).items())
    assert list(few) == ["keys/1/0"]
    assert len(many) == 16
    assert max(map(len, many.values())) < 512 * 1024
    more = shards({**numbered(60_000), **numbered(1, 60_000)}.items())
    assert sum(more[name] != many[name] for name in more) == 1


@pytest.mark.parametrize(("old", "new"), [(1, 16), (16, 256), (256, 16), (16, 1), (4096, 65_536)])
def test_between_two_numbers_of_shards_no_key_is_missed(old, new, monkeypatch):
    """Shards of both counts in any mixture: each key is found, the newer record of it."""
    known = numbered(300)
    newer = {digest: Key(id=key.id, tenant="newer") for digest, key in known.items()}
    before, after = split(known, old, monkeypatch), split(newer, new, monkeypatch)
    table = KeyTable().with_shards(before)
    names = sorted(after)
    random.Random(7).shuffle(names)
    came = set()
    for name in names:
        table = table.with_shards({name: after[name]})
        came.add(name)
        for digest, key in known.items():
            wanted = newer[digest] if shard_of(new, digest) in came else key
            assert table.lookup(digest) == wanted
        if len(came) == 3:
            break
    table = table.with_shards(after, before)
    assert dict(table) == newer


def test_a_shard_that_goes_takes_its_keys_along():
    """What is removed is found no more, and what was remembered of it neither."""
    known = numbered(10)
    table = KeyTable().with_shards(shards(known.items()))
    digest = next(iter(known))
    assert table.lookup(digest)
    assert table.with_shards({}, ["keys/1/0"]).lookup(digest) is None
    assert table.with_shards(shards({}.items()), ["keys/1/0"]).lookup(digest) is None
    assert table.with_shards({}, ["keys/16/0"]).lookup(digest)


def test_a_key_is_found_by_all_its_digests():
    """A key that is being rotated has two; one whose id is longer is another one."""
    first, second, third = numbered(3)
    known = {
        first: Key(id="acme/ci", tenant="acme"),
        second: Key(id="acme/ci", tenant="acme", expires=5),
        third: Key(id="acme/ci-2", tenant="acme"),
    }
    table = KeyTable().with_shards(shards(known.items()))
    assert table.digests("acme/ci") == {first, second}
    assert table.digests("acme/c") == frozenset()


def test_what_is_remembered_is_bounded(monkeypatch):
    """The oldest goes, and is found again."""
    monkeypatch.setattr(key_table, "_CACHED", 4)
    known = numbered(10)
    table = KeyTable().with_shards(shards(known.items()))
    for digest, key in (*known.items(), *known.items()):
        assert table.lookup(digest) == key
        assert len(table._cache) <= 4


@pytest.mark.parametrize(
    ("digest", "message"), [(b"short", "a digest of 5 bytes"), (bytes(32), "the same digest")]
)
def test_what_is_no_table_is_not_packed(digest, message):
    """Digests of another length, and one digest twice."""
    with pytest.raises(ValueError, match=message):
        shards([(digest, Key(id="a/b", tenant="a")), (bytes(32), Key(id="a/c", tenant="a"))])


@pytest.mark.parametrize(
    "name", ["keys", "keys/1", "keys/1/1", "keys/2/0", "keys/16/-1", "keys/16/03", "other/1/0", ""]
)
def test_a_shard_by_a_wrong_name_is_refused(name):
    """The name tells which digests a shard is for."""
    [body] = shards(numbered(1).items()).values()
    with pytest.raises(MalformedShardError, match="no name of a shard"):
        KeyTable().with_shards({name: body})


def test_a_refused_shard_changes_nothing():
    """The table before is what it was."""
    known = numbered(3)
    table = KeyTable().with_shards(shards(known.items()))
    with pytest.raises(MalformedShardError):
        table.with_shards({"keys/1/0": b"GWK1"}, ["keys/1/0"])
    assert dict(table) == known


@given(st.binary(max_size=200))
@example(b"")
@example(b"GWK1")
@example(b"GWK1" + bytes(20))
@example(b"GWK1" + b"\xff" * 20)
@example(b"GWK1" + bytes(3) + b"\x01" + bytes(52))
def test_any_bytes_are_refused_with_a_reason(body):
    """Never an error of another kind, at load or later."""
    with pytest.raises(MalformedShardError, match="keys/1/0: "):
        KeyTable().with_shards({"keys/1/0": body})


@given(st.integers(0), st.integers(1, 255), st.integers(0, 1))
def test_any_byte_that_is_changed_or_lost_is_noticed(at, flip, cut):
    """The checksum is over all that follows, the rest is compared."""
    [body] = shards(numbered(5).items()).values()
    at %= len(body)
    broken = body[:at] if cut else body[:at] + bytes((body[at] ^ flip,)) + body[at + 1 :]
    with pytest.raises(MalformedShardError):
        KeyTable().with_shards({"keys/1/0": broken})


def test_records_of_another_shape_are_refused_at_load():
    """A newer Gatewright may write other records; the error says so, and quotes none."""
    body = key_table._body([(bytes(32), b"\x93\x01\x02\x03")])
    with pytest.raises(MalformedShardError, match="records cannot be read"):
        KeyTable().with_shards({"keys/1/0": body})
