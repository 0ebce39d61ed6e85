"""Clients that stop, come at once or bring too much; clocks that jump; editors that run wild."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import grpc
import pytest

from bench.xds_clients import Clients
from tests.e2e.config_dump import differences
from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.named_upstream import named_upstream
from tests.e2e.plane_thread import running_plane
from tests.e2e.raw_stream import raw_stream
from tests.e2e.serve_process import bootstrap, serving
from tests.ports import free_port
from tests.xds.hand_made import cluster, endpoints, listener, routes
from xds.order import CLUSTER, ROUTE
from xds.schema import envoy as api
from xds.snapshot import snapshot

both_protocols = pytest.mark.parametrize("protocol", ["delta", "sotw"])
delta_request = api.service.discovery.v3.DeltaDiscoveryRequest
DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


@both_protocols
def test_an_envoy_that_was_stopped_comes_to_the_newest_and_holds_up_nobody(protocol):
    """SIGSTOP: the other has each change at once; SIGCONT: so has this one, in one go."""
    with named_upstream("a") as a, named_upstream("b") as b, running_plane() as plane:
        plane.publish(listener(), routes(to="a"), cluster("a"), endpoints("a", a))
        with (
            running(plane.bootstrap(protocol, node_id="stopped")) as stopped,
            running(plane.bootstrap(protocol, node_id="awake")) as awake,
            load(awake.url("public")) as requests,
        ):
            requests.wait_for("a")
            stopped.port("public")
            os.kill(stopped.pid, signal.SIGSTOP)
            try:
                for to, port in (("b", b), ("a2", a), ("b2", b)):
                    began = time.monotonic()
                    plane.publish(listener(), routes(to=to), cluster(to), endpoints(to, port))
                    requests.wait_for(to[0])
                    assert time.monotonic() - began < 8, "it waited for the stopped one"
            finally:
                os.kill(stopped.pid, signal.SIGCONT)
            for envoy in (stopped, awake):
                until(lambda: not differences(envoy, plane.published), "not there", envoy)  # noqa: B023 - now
            with load(stopped.url("public")) as others:
                others.wait_for("b")
            assert not others.failures
        assert not requests.failures


@pytest.mark.slow
def test_a_thousand_streams_that_come_back_at_once_are_sent_nothing_and_shut_nobody_out():
    """Each says what it has; meanwhile an Envoy is served as ever, and then all take a change."""
    some = [cluster(f"c{n}") for n in range(50)]
    made = (*some, *(endpoints(f"c{n}", 1) for n in range(50)))
    with running_plane() as plane:
        plane.publish(*made)
        has = {one.name: one.version for one in snapshot(made).of(CLUSTER).by_name.values()}

        async def storm():
            # On the plane's own loop: gRPC for asyncio has one in a process.
            clients = Clients(plane.plane.address, "delta")
            clients.connect(1_000, has)
            # Of clusters nothing is sent; of listeners, that there are none.
            while clients.messages < 1_000:  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.01)
            assert clients.resources.total() == 0
            await asyncio.to_thread(serves_an_envoy, plane)
            changed = snapshot([cluster("c0", connect_timeout=9), *made[1:]])
            assert await plane.plane.acked((await plane.plane.publish(changed)).version)
            assert clients.resources.total() == clients.resources[CLUSTER] == 1_000
            assert not clients.failures
            await clients.close()

        plane.do(storm())


def serves_an_envoy(plane):
    with running(plane.bootstrap("delta")) as envoy:
        assert envoy.ready()


@pytest.mark.slow
def test_sixty_megabytes_of_versions_are_read_and_more_is_turned_away():
    """A client that has a million resources says so in its first request; others go on."""
    with running_plane() as plane, grpc.insecure_channel(plane.plane.address) as channel:
        plane.publish(cluster("a"))
        call = channel.stream_stream(DELTA)
        for size, code in ((60, None), (65, grpc.StatusCode.RESOURCE_EXHAUSTED)):
            answers = call(iter([a_request_of(size << 20)]), timeout=60)
            if code is None:
                response = api.service.discovery.v3.DeltaDiscoveryResponse.FromString(next(answers))
                assert [one.name for one in response.resources] == ["a"]
                answers.cancel()
            else:
                with pytest.raises(grpc.RpcError) as caught:
                    next(answers)
                assert caught.value.code() is code
            with raw_stream(plane.plane.address, "delta") as other:
                other.subscribe(CLUSTER, "*")
                assert other.take().resources


def a_request_of(size):
    """A first request that names so many bytes of clusters."""
    first = delta_request(type_url=CLUSTER)
    first.node.id = "large"
    entry = delta_request(initial_resource_versions={"cluster-0000000": "1" * 32})
    one = entry.SerializeToString()
    many = (one.replace(b"0000000", b"%07d" % n) for n in range(size // len(one)))
    # Messages merge where their bytes are joined.
    return first.SerializeToString() + b"".join(many)


@both_protocols
def test_a_resource_just_below_four_mebibytes_reaches_a_client_with_grpc_s_own_limit(protocol):
    """3.9 MiB go through, beside others; what is larger the compiler refuses."""
    large = routes("large", body="x" * int(3.9 * 2**20))
    small = routes("small")
    with running_plane() as plane:
        plane.publish(large, small)
        with raw_stream(plane.plane.address, protocol) as stream:
            stream.subscribe(ROUTE, "large", "small")
            came = len(stream.take().resources)
            while came < 2:
                came += len(stream.take().resources)
            assert came == 2


class JumpingClock:
    """A clock that can be set on or back."""

    def __init__(self):
        self.by = 0.0

    def __call__(self):
        return time.monotonic() + self.by


@both_protocols
@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_jumps_stops_no_change(protocol, jump):
    """A machine that slept, or a clock that was set: what is published goes live as ever."""
    clock = JumpingClock()
    with (
        named_upstream("a") as a,
        named_upstream("b") as b,
        running_plane(clock=clock) as plane,
    ):
        plane.publish(listener(), routes(to="a"), cluster("a"), endpoints("a", a))
        with running(plane.bootstrap(protocol)) as envoy, load(envoy.url("public")) as requests:
            requests.wait_for("a")
            for to, port in (("b", b), ("a2", a), ("b2", b)):
                plane.publish(listener(), routes(to=to), cluster(to), endpoints(to, port))
                clock.by += jump
                requests.wait_for(to[0])
            until(lambda: not differences(envoy, plane.published), "not there", envoy)


POLICY = """\
gatewright: v1
name: edge
listeners:
  public: {{ port: {port}, address: 127.0.0.1 }}
routes:
  - {{ match: /, respond: {{ status: 200, body: "{body}" }} }}
"""


@pytest.mark.slow
def test_five_hundred_saves_in_five_seconds_are_few_pushes_and_end_at_the_last(tmp_path):
    """An editor that saves at each keystroke does not have a fleet follow each of them."""
    path, port = tmp_path / "gateway.yaml", free_port()
    path.write_text(POLICY.format(port=port, body="first"))
    with serving(path) as serve:
        serve.next("published")
        made = bootstrap("--ads", serve.address, "--node-id", "edge-1")
        with running(made) as envoy, load(envoy.url("public")) as requests:
            requests.wait_for("first")
            began = time.monotonic()
            for save in range(500):
                path.write_text(POLICY.format(port=port, body=f"save {save}"))
                time.sleep(max(0.0, began + (save + 1) * 0.01 - time.monotonic()))
            requests.wait_for("save 499", deadline=30)
        assert not requests.failures
    published = [one for one in serve.events if one["event"] == "published"]
    assert len(published) < 60
