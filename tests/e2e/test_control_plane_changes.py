"""A real Envoy under load, by both protocols: changes of the snapshot cost no request."""

from __future__ import annotations

import time
from urllib.request import urlopen

import pytest

from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.named_upstream import named_upstream
from tests.e2e.plane_thread import running_plane
from tests.ports import free_port
from tests.xds.hand_made import cluster, endpoints, listener, routes
from xds.order import CLUSTER
from xds.snapshot import snapshot
from xds.wire import to_json

PROTOCOLS = ["delta", "sotw"]


@pytest.fixture(scope="module")
def upstreams():
    with named_upstream("a") as a, named_upstream("b") as b:
        yield a, b


@pytest.fixture(scope="module", params=PROTOCOLS)
def served(request, upstreams):
    """A plane and an Envoy that is served by it; each test publishes what it needs."""
    with running_plane() as plane:
        plane.publish(listener(), routes(to="a"), cluster("a"), endpoints("a", upstreams[0]))
        with running(plane.bootstrap(request.param)) as envoy:
            envoy.port("public")
            yield plane, envoy


@pytest.fixture
def at_a(served, upstreams):
    """Everything goes to upstream a; what an earlier test left is gone."""
    plane, envoy = served
    assert plane.publish_and_wait(
        listener(), routes(to="a"), cluster("a"), endpoints("a", upstreams[0])
    )
    return plane, envoy


def clusters(envoy):
    """Names of active and of warming clusters."""
    dump = envoy.json("/config_dump?resource=dynamic_active_clusters").get("configs", [])
    warming = envoy.json("/config_dump?resource=dynamic_warming_clusters").get("configs", [])
    return {one["cluster"]["name"] for one in dump}, {one["cluster"]["name"] for one in warming}


def test_replacing_a_cluster_and_repointing_its_route_fails_no_request(at_a, upstreams):
    """The new cluster is warm before a route goes there; the old one goes when none does."""
    plane, envoy = at_a
    with load(envoy.url("public")) as requests:
        requests.wait_for("a")
        assert plane.publish_and_wait(
            listener(), routes(to="b"), cluster("b"), endpoints("b", upstreams[1])
        )
        requests.wait_for("b")
    assert not requests.failures
    assert clusters(envoy) == ({"b"}, set())


def test_ten_quick_changes_merge_without_a_failed_request(at_a, upstreams):
    """Publishing again while a transaction is under way leads on from where the stream is."""
    plane, envoy = at_a
    with load(envoy.url("public")) as requests:
        requests.wait_for("a")
        for turn in range(10):
            name, port = [("b", upstreams[1]), ("a", upstreams[0])][turn % 2]
            plane.publish(
                listener(), routes(to=f"{name}{turn}"), cluster(f"{name}{turn}"),
                endpoints(f"{name}{turn}", port),
            )  # fmt: skip
        assert plane.publish_and_wait(
            listener(), routes(to="b"), cluster("b"), endpoints("b", upstreams[1])
        )
        requests.wait_for("b")
    assert not requests.failures
    assert clusters(envoy) == ({"b"}, set())


def test_moving_the_endpoints_of_a_cluster_fails_no_request(at_a, upstreams):
    """A change of endpoints alone needs no other type."""
    plane, envoy = at_a
    updates = envoy.stats("^cluster_manager.cds.update_success$")
    with load(envoy.url("public")) as requests:
        requests.wait_for("a")
        assert plane.publish_and_wait(
            listener(), routes(to="a"), cluster("a"), endpoints("a", upstreams[1])
        )
        requests.wait_for("b")
    assert not requests.failures
    assert envoy.stats("^cluster_manager.cds.update_success$") == updates


def test_a_changed_cluster_gets_its_unchanged_endpoints_again(at_a, upstreams):
    """Envoy makes a changed cluster anew and waits for endpoints, though it has asked before.

    Left alone it waits its whole 15 seconds for them.
    """
    plane, envoy = at_a
    started = time.monotonic()
    with load(envoy.url("public")) as requests:
        requests.wait_for("a")
        assert plane.publish_and_wait(
            listener(),
            routes(to="a"),
            cluster("a", connect_timeout=3),
            endpoints("a", upstreams[0]),
        )
        assert clusters(envoy) == ({"a"}, set())
    assert time.monotonic() - started < 10
    assert not requests.failures
    [active] = envoy.json("/config_dump?resource=dynamic_active_clusters")["configs"]
    assert active["cluster"]["connect_timeout"] == "3s"


def test_removing_a_listener_takes_its_routes_and_cluster_with_it(at_a, upstreams):
    """What is left serves on, and nothing of the removed stays behind."""
    plane, envoy = at_a
    base = (listener(), routes(to="a"), cluster("a"), endpoints("a", upstreams[0]))
    more = (
        listener("second"), routes("second", to="b"), cluster("b"), endpoints("b", upstreams[1]),
    )  # fmt: skip
    with load(envoy.url("public")) as requests:
        assert plane.publish_and_wait(*base, *more)
        with load(envoy.url("second")) as second:
            second.wait_for("b")
        assert not second.failures
        assert plane.publish_and_wait(*base)
        requests.wait_for("a")
    assert not requests.failures
    assert clusters(envoy) == ({"a"}, set())
    until(
        lambda: (
            envoy.stats("^listener_manager.total_listeners_active$")
            == {"listener_manager.total_listeners_active": 1}
        ),
        "the listener is still there",
        envoy,
    )


def test_a_listener_that_is_renamed_takes_over_its_port(at_a, upstreams):
    """Envoy removes before it adds, if it is told of both at once: the port is free by then."""
    plane, envoy = at_a
    port = free_port()
    for name in ("before", "after"):
        assert plane.publish_and_wait(
            listener(), routes(to="a"), cluster("a"), endpoints("a", upstreams[0]),
            listener(name, port=port), routes(name, body=name),
        )  # fmt: skip
        until(lambda: fetched(port) == name, f"{name} does not answer", envoy)  # noqa: B023 - now
    assert not plane.nacks


def fetched(port):
    try:
        return urlopen(f"http://127.0.0.1:{port}/", timeout=5).read().decode()
    except OSError:
        return None


def test_config_dump_holds_exactly_the_snapshot(at_a, upstreams):
    """Envoy has each resource as it was sent, and no other."""
    plane, envoy = at_a
    resources = (
        listener(), routes(to="a"), cluster("a"), endpoints("a", upstreams[0]),
        cluster("unused"), endpoints("unused", 1),
    )  # fmt: skip
    assert plane.publish_and_wait(*resources)
    wanted = {
        f"{one.type_url.rpartition('.')[2]}/{one.name}": {
            "@type": one.type_url, **to_json(one.message)
        }
        for one in resources
    }  # fmt: skip
    # A listener that was removed holds its routes until it has drained.
    until(lambda: dumped(envoy).keys() == wanted.keys(), "not the snapshot's names", envoy)
    for name, message in dumped(envoy).items():
        # Envoy fills in the defaults of an endpoint.
        if not name.startswith("ClusterLoadAssignment"):
            assert message == wanted[name]


def dumped(envoy):
    """Every dynamic resource in Envoy, by type and name."""
    _bootstrap, *parts = envoy.json("/config_dump?include_eds")["configs"]
    return {
        one["@type"].rpartition(".")[2] + "/" + one.get("name", one.get("cluster_name", "")): one
        for part in parts
        for key, group in part.items()
        if key.startswith("dynamic_")
        for one in map(bare, group)
        if one is not None
    }


def bare(one):
    """The resource in an entry of a config dump; None for a listener that only drains still."""
    held = one.get("active_state", one)
    inside = (held.get(key) for key in ("cluster", "listener", "route_config", "endpoint_config"))
    return next((value for value in inside if value), None)


def test_versions_in_envoy_are_content_hashes(at_a):
    """In delta each resource has its own version, in SotW that of its set; any replica agrees."""
    plane, envoy = at_a
    made = snapshot(plane.published)
    [active] = envoy.json("/config_dump?resource=dynamic_active_clusters")["configs"]
    of_type = made.of(CLUSTER)
    assert active["version_info"] in {of_type.version, of_type.by_name["a"].version}
