"""The server on the wire: raw gRPC streams, without Envoy."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import grpc
import pytest

from tests.xds.hand_made import cluster, endpoints, listener, routes
from xds.admission import Limits
from xds.order import CLUSTER, ENDPOINT, LISTENER
from xds.plane import ControlPlane
from xds.schema import envoy
from xds.snapshot import snapshot

discovery = envoy.service.discovery.v3
ADS = "envoy.service.discovery.v3.AggregatedDiscoveryService"
RESOURCES = [listener(), routes(to="a"), cluster("a"), endpoints("a", 1)]
DEADLINE = 10


@asynccontextmanager
async def serving(*resources, listen="127.0.0.1:0", **options):
    plane = ControlPlane(listen, **options)
    await plane.start()
    if resources:
        await plane.publish(snapshot(resources))
    try:
        yield plane
    finally:
        await plane.stop(grace=0.1)


@asynccontextmanager
async def stream(plane, method=f"/{ADS}/StreamAggregatedResources", options=()):
    """A raw bidirectional stream of that method."""
    delta = "/Delta" in method
    async with grpc.aio.insecure_channel(plane.address, options=options) as channel:
        call = channel.stream_stream(
            method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=(
                discovery.DeltaDiscoveryResponse if delta else discovery.DiscoveryResponse
            ).FromString,
        )()
        yield call
        call.cancel()


def request(type_url, *names, node="n", **fields):
    made = discovery.DiscoveryRequest(type_url=type_url, resource_names=names, **fields)
    if node:
        made.node.id = node
    return made


async def refusal(call):
    """The status a stream ends with."""
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await call.read()
        return ended.value.code(), ended.value.details()


async def read(call):
    async with asyncio.timeout(DEADLINE):
        response = await call.read()
    assert response is not grpc.aio.EOF, await call.details()
    return response


def run(work):
    """Run a test's coroutine."""
    return asyncio.run(work)


def test_a_stream_before_the_first_snapshot_is_unavailable():
    """An Envoy that is served nothing keeps what it has and tries again."""

    async def work():
        async with serving() as plane, stream(plane) as call:
            assert (await refusal(call))[0] is grpc.StatusCode.UNAVAILABLE

    run(work())


@pytest.mark.parametrize(
    ("wrong", "word"), [(request(CLUSTER, node=""), "node"), (request(""), "type_url")]
)
def test_a_first_request_without_node_or_type_is_an_invalid_argument(wrong, word):
    """The client is told what is missing."""

    async def work():
        async with serving(*RESOURCES) as plane, stream(plane) as call:
            await call.write(wrong)
            code, details = await refusal(call)
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert word in details

    run(work())


def test_the_node_is_needed_in_the_first_message_only():
    """And one stream serves several types."""

    async def work():
        async with serving(*RESOURCES) as plane, stream(plane) as call:
            await call.write(request(CLUSTER))
            first = await read(call)
            assert (first.type_url, len(first.resources)) == (CLUSTER, 1)
            await call.write(request(ENDPOINT, "a", node=""))
            assert (await read(call)).type_url == ENDPOINT

    run(work())


@pytest.mark.parametrize(
    ("service", "stem", "type_url"),
    [
        ("envoy.service.cluster.v3.ClusterDiscoveryService", "Clusters", CLUSTER),
        ("envoy.service.listener.v3.ListenerDiscoveryService", "Listeners", LISTENER),
    ],
)
def test_each_type_has_a_service_of_its_own(service, stem, type_url):
    """There the type goes without saying, and another one is refused."""

    async def work():
        async with serving(*RESOURCES) as plane:
            async with stream(plane, f"/{service}/Stream{stem}") as call:
                await call.write(request(""))
                assert (await read(call)).type_url == type_url
            async with stream(plane, f"/{service}/Delta{stem}") as call:
                first = discovery.DeltaDiscoveryRequest()
                first.node.id = "n"
                await call.write(first)
                assert [one.name for one in (await read(call)).resources] in (["a"], ["public"])
            async with stream(plane, f"/{service}/Stream{stem}") as call:
                await call.write(request(ENDPOINT, "a"))
                assert (await refusal(call))[0] is grpc.StatusCode.INVALID_ARGUMENT

    run(work())


def test_a_request_above_four_mebibytes_is_read():
    """A delta client names all it has when it comes back."""

    async def work():
        async with (
            serving(*RESOURCES) as plane,
            stream(plane, f"/{ADS}/DeltaAggregatedResources") as call,
        ):
            first = discovery.DeltaDiscoveryRequest(type_url=CLUSTER)
            first.node.id = "n"
            for number in range(100_000):
                first.initial_resource_versions[f"cluster-{number:07}"] = "0" * 32
            assert first.ByteSize() > 4 << 20
            await call.write(first)
            assert [one.name for one in (await read(call)).resources] == ["a"]

    run(work())


def test_acked_waits_for_every_stream():
    """It is True once the last one has taken it all; and a newer snapshot ends the wait."""

    async def work():
        async with serving(cluster("a")) as plane, stream(plane) as call:
            version = snapshot([cluster("a")]).version
            waiting = asyncio.create_task(plane.acked(version))
            await call.write(request(CLUSTER, "a"))
            response = await read(call)
            await asyncio.sleep(0)
            assert not waiting.done()
            await call.write(request(CLUSTER, "a", response_nonce=response.nonce, version_info="x"))
            async with asyncio.timeout(DEADLINE):
                assert await waiting
            changed = snapshot([cluster("a", connect_timeout=9)])
            waiting = asyncio.create_task(plane.acked((await plane.publish(changed)).version))
            newest = snapshot([cluster("a", connect_timeout=8)])
            await plane.publish(newest)
            async with asyncio.timeout(DEADLINE):
                assert not await waiting

    run(work())


def test_a_client_that_does_not_read_is_let_go():
    """Its stream is closed, so that nothing piles up."""

    async def work():
        large = [endpoints(f"c{i:03}", *range(1, 2000)) for i in range(300)]
        async with serving(*large, limits=Limits(unread=0.2)) as plane:
            method = f"/{ADS}/DeltaAggregatedResources"
            async with stream(plane, method, [("grpc.max_receive_message_length", -1)]) as call:
                first = discovery.DeltaDiscoveryRequest(type_url=ENDPOINT)
                first.node.id = "slow"
                first.resource_names_subscribe.extend(one.name for one in large)
                await call.write(first)
                await until(lambda: plane.streams == 1)
                await until(lambda: plane.streams == 0)

    run(work())


def test_stopping_tells_clients_to_go_elsewhere():
    """Streams end with UNAVAILABLE, and the plane is gone in time."""

    async def work():
        async with serving(*RESOURCES) as plane, stream(plane) as call:
            await call.write(request(CLUSTER))
            await read(call)
            started = time.monotonic()
            await plane.stop(grace=5)
            assert time.monotonic() - started < 4
            assert (await refusal(call))[0] is grpc.StatusCode.UNAVAILABLE

    run(work())


def test_a_port_that_is_taken_is_an_error():
    """Two servers on one port would share clients at random."""

    async def work():
        async with serving(*RESOURCES) as plane:
            with pytest.raises(OSError, match="cannot listen"):
                async with serving(listen=plane.address):
                    pass

    run(work())


def test_a_unix_socket_is_private_and_survives_a_kill(tmp_path):
    """What a killed process left behind is no obstacle; a live one is."""
    path = tmp_path / "ads.sock"

    async def work():
        import socket

        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        async with serving(*RESOURCES, listen=f"unix:{path}") as plane, stream(plane) as call:
            assert path.stat().st_mode & 0o077 == 0
            await call.write(request(CLUSTER))
            await read(call)
            with pytest.raises(OSError, match="cannot listen"):
                async with serving(listen=f"unix:{path}"):
                    pass

    run(work())


def test_two_hundred_streams_take_a_change_from_shared_bytes():
    """Each resource is encoded once; pushing it to all takes a moment."""

    async def work():
        async with (
            serving(*RESOURCES) as plane,
            grpc.aio.insecure_channel(plane.address) as channel,
        ):
            open_stream = channel.stream_stream(
                f"/{ADS}/StreamAggregatedResources",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=discovery.DiscoveryResponse.FromString,
            )
            calls = [open_stream() for _ in range(200)]

            async def take(call):
                response = await read(call)
                ack = request(CLUSTER, "a", node="")
                ack.response_nonce, ack.version_info = response.nonce, response.version_info
                await call.write(ack)

            for call in calls:
                await call.write(request(CLUSTER, "a"))
            await asyncio.gather(*(take(call) for call in calls))
            async with asyncio.timeout(DEADLINE):
                await plane.acked(snapshot(RESOURCES).version)
                changed = snapshot([*RESOURCES[:2], cluster("a", connect_timeout=9)])
                published = await plane.publish(changed)
                await asyncio.gather(*(take(call) for call in calls))
                assert await plane.acked(published.version)
            for call in calls:
                call.cancel()

    run(work())


async def until(condition):
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)
