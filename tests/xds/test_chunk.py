"""No response is larger than gRPC carries, and what many streams are sent is made once."""

from __future__ import annotations

from tests.xds.hand_made import cluster
from xds.chunk import chunks, portions
from xds.delta import DeltaWatch
from xds.held import difference
from xds.order import CLUSTER, ROUTE
from xds.schema import envoy
from xds.snapshot import NONE, collect, encoded
from xds.watch import CHUNK

discovery = envoy.service.discovery.v3
MOST = 4 << 20


def some(*names, connect_timeout=1):
    return collect(
        {name: encoded(cluster(name, connect_timeout=connect_timeout)) for name in names}
    )


def test_resources_are_split_by_their_bytes():
    """Each chunk fits, and together they are all there is."""
    large = [encoded(cluster("x" * (CHUNK // 4 - 500) + str(n))) for n in range(4)]
    parts = list(chunks(large))
    assert len(parts) > 1
    assert all(len(part.body) < MOST for part in parts)
    assert [name for part in parts for name in part.versions] == [one.name for one in large]


def test_nothing_is_one_empty_chunk_and_one_empty_portion():
    """A response without resources is one, too."""
    assert [part.body for part in chunks([])] == [b""]
    assert list(portions(())) == [[]]


def test_a_hundred_thousand_removals_are_said_in_responses_that_a_client_takes():
    """A client that brings what is long gone is told so, a few megabytes at a time."""
    watch = DeltaWatch(CLUSTER)
    has = {f"cluster-{'x' * 60}-{n:06}": "0" * 32 for n in range(100_000)}
    watch.receive(discovery.DeltaDiscoveryRequest(initial_resource_versions=has))
    push = watch.respond(some("a"), prune=True)
    assert len(push.frames) > 1
    assert max(map(len, push.frames)) < MOST
    said = [discovery.DeltaDiscoveryResponse.FromString(frame) for frame in push.frames]
    assert {name for one in said for name in one.removed_resources} == has.keys()
    assert len({one.nonce for one in said}) == len(said)


def test_a_hundred_thousand_names_that_do_not_exist_are_answered_in_parts_too():
    """Each comes with an error, which is larger than the name."""
    watch = DeltaWatch(ROUTE)
    names = [f"route-{n:06}" for n in range(100_000)]
    watch.receive(discovery.DeltaDiscoveryRequest(resource_names_subscribe=names))
    push = watch.respond(NONE, prune=True)
    assert max(map(len, push.frames)) < MOST
    said = [discovery.DeltaDiscoveryResponse.FromString(frame) for frame in push.frames]
    assert sum(len(one.resource_errors) for one in said) == len(names)


def test_the_way_between_two_sets_is_found_once_for_all_who_take_it():
    """Sets made apart of the same resources are the same."""
    old, new = some("a", "b"), some("b", "c")
    way = difference(old, new)
    assert way is difference(some("a", "b"), some("c", "b"))
    assert (way.names, way.gone) == ({"c"}, {"a"})
    assert difference(old, some("a", "b", connect_timeout=2)).names == {"a", "b"}
    assert difference(new, new).names == frozenset()


def test_clients_that_have_the_same_are_sent_the_same_bytes():
    """But for a client that was refused something, or that asked for a name, each by itself."""
    old, new = some("a", "b"), some("a", "b", connect_timeout=2)
    watches = [DeltaWatch(CLUSTER) for _ in range(3)]
    for watch in watches:
        watch.receive(discovery.DeltaDiscoveryRequest())
        watch.respond(old, prune=True)
        watch.receive(discovery.DeltaDiscoveryRequest(response_nonce="1"))
    watches[2].avoid({"a": new.by_name["a"].version})
    first, second, apart = (watch.respond(new, prune=True) for watch in watches)
    assert first == second
    assert (first.names, apart.names) == ({"a", "b"}, {"b"})
