"""Snapshots: content hashes that do not depend on order, machine or time."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.xds.hand_made import certificate, cluster, endpoints, listener, routes
from xds.order import CLUSTER, LISTENER, ROUTE, SECRET
from xds.schema import google
from xds.snapshot import EMPTY, NONE, DuplicateResourceError, content_version, set_version, snapshot
from xds.wire import unpack

ALL = [listener(), routes(), cluster("a"), cluster("b"), endpoints("a", 1), endpoints("b", 2)]


@given(st.permutations(ALL))
def test_the_order_of_resources_does_not_matter(resources):
    """Any order gives the same snapshot, version and iteration order."""
    shuffled, plain = snapshot(resources), snapshot(ALL)
    assert shuffled == plain
    assert [list(one.by_name) for one in shuffled.types.values()] == [
        list(one.by_name) for one in plain.types.values()
    ]


def test_another_process_gives_the_same_versions():
    """No hash seed, no clock, no environment goes into a version."""
    code = (
        "from tests.xds.hand_made import *; from xds.snapshot import snapshot;"
        "print(snapshot([listener(), routes(), cluster()]).version)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == snapshot([listener(), routes(), cluster()]).version


def test_a_body_is_the_any_of_its_message():
    """What is sent unpacks to what was put in."""
    one = snapshot(ALL).of(ROUTE).by_name["public"]
    assert unpack(google.protobuf.Any.FromString(one.body)) == routes().message


def test_a_change_moves_the_versions_of_its_resource_its_type_and_the_whole():
    """And of nothing else."""
    before = snapshot([*ALL[2:], listener(), routes(body="one")])
    after = snapshot([*ALL[2:], listener(), routes(body="two")])
    assert before.version != after.version
    assert before.of(ROUTE).version != after.of(ROUTE).version
    assert before.of(CLUSTER) == after.of(CLUSTER)
    assert before.of(LISTENER) == after.of(LISTENER)


def test_a_name_given_twice_is_refused():
    """No response may hold a name twice."""
    with pytest.raises(DuplicateResourceError, match="'a'"):
        snapshot([cluster("a"), cluster("a", connect_timeout=2)])


def test_the_same_name_in_two_types_is_two_resources():
    """Names are per type."""
    assert len(snapshot([cluster("a"), endpoints("a")]).types) == 2


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_sets_have_the_same_version_only_if_they_are_the_same(one, other):
    """Names that run into each other do not collide."""
    assert (set_version(one) == set_version(other)) == (one == other)


def test_no_resources_have_a_version_too():
    """A client that has nothing of a type can say so when it comes back."""
    assert NONE.version == set_version({})
    assert EMPTY.of(CLUSTER) is NONE


def test_a_snapshot_of_secrets_shows_none_of_them():
    """Bodies are left out of every repr."""
    assert "the-key" not in repr(snapshot([certificate("s", b"chain", b"the-key")]))


_PRINT_VERSION = """
from xds.order import SECRET
from xds.snapshot import content_version
print(content_version(SECRET, b"1234"))
"""


def test_a_secret_s_version_is_the_same_on_every_replica_and_no_plain_hash():
    """Streams that move are known again, and nobody looks a short secret up by its hash."""
    versions = {
        subprocess.run(
            [sys.executable, "-c", _PRINT_VERSION], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    }
    assert versions == {content_version(SECRET, b"1234")}
    plain = content_version(CLUSTER, b"1234")
    assert versions != {plain}
    assert content_version(SECRET, b"1235") not in versions
