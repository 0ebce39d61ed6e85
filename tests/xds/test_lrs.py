"""The load reporting service on the wire: raw gRPC streams, without Envoy."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import grpc

from tests.xds.hand_made import listener
from xds.load import LoadWindow
from xds.lrs import SERVICE, LoadReporting
from xds.observers import Observers
from xds.plane import ControlPlane
from xds.schema import envoy
from xds.snapshot import snapshot

stats = envoy.service.load_stats.v3
DEADLINE = 10


@asynccontextmanager
async def reporting():
    """A plane that takes reports, the service, and a stream that has reported once."""
    taken = []
    service = LoadReporting(
        LoadWindow(),
        on_report=lambda *report: taken.append(report),
        known=lambda: {"api"},
        interval=3_600.0,
    )
    plane = ControlPlane("127.0.0.1:0")
    plane.attend(Observers(), [service.handler()])
    await plane.start()
    await plane.publish(snapshot([listener()]))
    async with grpc.aio.insecure_channel(plane.address) as channel:
        call = channel.stream_stream(
            f"/{SERVICE}/StreamLoadStats",
            request_serializer=stats.LoadStatsRequest.SerializeToString,
            response_deserializer=stats.LoadStatsResponse.FromString,
        )()
        await call.write(report())
        await call.read()
        yield plane, service, call, taken
        call.cancel()
    await plane.stop(0.1)


def report():
    made = stats.LoadStatsRequest()
    made.node.id = "n"
    made.cluster_stats.add(cluster_name="api", total_dropped_requests=1)
    return made


def test_a_node_that_reports_without_end_is_closed():
    """Each report is kept for a minute; an Envoy sends one in five seconds."""

    async def scenario():
        async with reporting() as (_, _, call, taken), asyncio.timeout(DEADLINE):
            for _ in range(21):
                await call.write(report())
            return await call.code(), len(taken)

    # The 21st is one too many; where they are asked for once in an hour, no other is due meanwhile.
    assert asyncio.run(scenario()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 21)


def test_a_plane_that_stops_does_not_wait_for_those_who_report():
    """An Envoy's stream of reports is open for ever: each stop would take all its time."""

    async def scenario():
        async with reporting() as (plane, service, call, _), asyncio.timeout(DEADLINE):
            started = time.monotonic()
            service.leave()
            await plane.stop(grace=5.0)
            return await call.code(), time.monotonic() - started

    code, seconds = asyncio.run(scenario())
    assert code is grpc.StatusCode.UNAVAILABLE
    assert seconds < 3
