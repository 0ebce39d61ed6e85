"""Follows a control plane over gRPC until it is told to stop; every fault is retried.

Control planes are tried in turn. While none can be had, what was served last goes on to hold.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from ext_authz.subscription.last_good import LastGood
from ext_authz.subscription.served import Served
from ext_authz.subscription.stream import Request, Response, Stream
from xds.bootstrap import Address
from xds.bootstrap_tls import ClientTls
from xds.schema import envoy

_log = logging.getLogger("gatewright.edge")

_METHOD: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_SHORTEST, _LONGEST = 0.05, 5.0
_FAREWELL: Final = 0.5
"""Seconds that a stream has to end when all of it is to stop."""
_MESSAGE_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """Where to ask, and what to say of oneself: the same as the Envoy beside says."""

    planes: tuple[Address, ...]
    node_id: str
    cluster: str
    region: str = ""
    zone: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    tls: ClientTls | None = None

    def node(self) -> envoy.config.core.v3.Node:
        """Give the node as it stands in the first request."""
        node = envoy.config.core.v3.Node(id=self.node_id, cluster=self.cluster)
        node.user_agent_name = "gatewright-edge"
        if self.region or self.zone:
            node.locality.region = self.region
            node.locality.zone = self.zone
        if self.metadata:
            node.metadata.update(dict(self.metadata))
        return node


async def follow(
    source: Source,
    served: Served,
    changed: Callable[[Served], None],
    *,
    keep: LastGood | None = None,
    stop: asyncio.Event,
) -> None:
    """Call ``changed`` with all that is served whenever it changes and is complete."""
    wait = _SHORTEST
    turn = 0
    while not stop.is_set():
        rounds, place = divmod(turn, len(source.planes))
        plane = source.planes[place]
        turn += 1
        stream = Stream(source.node(), served)
        told = await _until(stop, _one_stream(plane, source.tls, rounds, stream, changed, keep))
        served = stream.served
        if told:
            wait = _SHORTEST
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        wait = min(wait * 2, _LONGEST)


async def _until(stop: asyncio.Event, streaming: Coroutine[Any, Any, bool]) -> bool:
    """Let a stream run to its end, or until it is time to stop, whatever it waits for then.

    The task is cancelled and not the call: gRPC tells one that waits for its connection nothing of
    it.
    """
    running = asyncio.ensure_future(streaming)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=_FAREWELL)
        return running.done() and not running.cancelled() and running.result()
    finally:
        stopping.cancel()
        running.cancel()


async def _one_stream(
    plane: Address,
    tls: ClientTls | None,
    rounds: int,
    stream: Stream,
    changed: Callable[[Served], None],
    keep: LastGood | None,
) -> bool:
    """Run one stream to its end; tell whether anything came on it."""
    came = False
    try:
        async with _channel(plane, tls, rounds) as channel:
            call: Any = channel.stream_stream(
                _METHOD,
                request_serializer=Request.SerializeToString,
                response_deserializer=Response.FromString,
            )()
            for request in stream.open():
                await call.write(request)
            while (response := await call.read()) is not grpc.aio.EOF:
                came = True
                for request in stream.take(response):
                    await call.write(request)
                if stream.fault:
                    _log.warning("%s is not used: %s", response.type_url, stream.fault)
                    continue
                if keep is not None:
                    await _keep(keep, stream, response.type_url)
                if stream.served.complete:
                    changed(stream.served)
    except (grpc.aio.AioRpcError, OSError) as error:
        _log.info("no control plane at %s: %s", plane, _reason(error))
    except Exception:  # noqa: BLE001 - whatever it is, it ends nothing
        # Whoever follows nobody any more would go on by old rules, and nobody would know.
        _log.exception("what %s serves cannot be taken", plane)
        came = False
    return came


async def _keep(keep: LastGood, stream: Stream, type_url: str) -> None:
    names = stream.served.versions.get(type_url, {}).keys()
    try:
        await asyncio.to_thread(keep.save, type_url, stream.changed, frozenset(names))
    except OSError as error:
        _log.warning("what is served could not be kept: %s", error)


def verified_names(plane: Address, tls: ClientTls) -> list[str]:
    """Give the names of which the control plane's certificate must bear one, its host first.

    gRPC asks for one name at a time, and knows no URIs.
    """
    names = [name for name in tls.verify if "://" not in name]
    return sorted(names, key=lambda name: name != plane.host)


def _channel(plane: Address, tls: ClientTls | None, rounds: int) -> grpc.aio.Channel:
    """Make a channel; ``rounds`` are those before, in each of which another name is asked for."""
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.enable_http_proxy", 0),
    ]
    if tls is None:
        return grpc.aio.insecure_channel(str(plane), options=options)
    names = verified_names(plane, tls)
    name = names[rounds % len(names)]
    if name != plane.host:
        options.append(("grpc.ssl_target_name_override", name))
    return grpc.aio.secure_channel(str(plane), _credentials(tls), options=options)


def _credentials(tls: ClientTls) -> grpc.ChannelCredentials:
    """Read the files anew for each connection: certificates are replaced while this runs."""

    def read(path: Path | None) -> bytes | None:
        return None if path is None else path.read_bytes()

    return grpc.ssl_channel_credentials(read(tls.ca), read(tls.key), read(tls.certificate))


def _reason(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error)
