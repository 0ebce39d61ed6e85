"""The thin shell around `xds.group`: gRPC streams in, frames out.

ADS and one service for each type, "state of the world" and delta; all of them run the same loop.
Messages to send are bytes already, so gRPC serialises nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc

from xds import order
from xds.delta import DeltaWatch
from xds.group import Group
from xds.nack import Nack
from xds.schema import envoy
from xds.session import Session
from xds.sotw import SotwWatch
from xds.watch import ProtocolError, Watch

_log = logging.getLogger("gatewright.xds")

WRITE_TIMEOUT: Final = 30.0
"""Seconds that a client may leave a frame unread before its stream is closed."""

_OPTIONS: Final = (
    # A delta client names all that it has in its first request: far more than the default 4 MiB.
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", -1),
    # Find clients that vanished without a word.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Envoy pings an idle stream to find out the same of us; gRPC takes that for abuse by default.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
    # Two servers on one port would share the clients at random.
    ("grpc.so_reuseport", 0),
)

_ADS: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
# Service, the method's stem, the type it is for.
_SERVICES: Final = (
    (_ADS, "AggregatedResources", ""),
    ("envoy.service.cluster.v3.ClusterDiscoveryService", "Clusters", order.CLUSTER),
    ("envoy.service.endpoint.v3.EndpointDiscoveryService", "Endpoints", order.ENDPOINT),
    ("envoy.service.listener.v3.ListenerDiscoveryService", "Listeners", order.LISTENER),
    ("envoy.service.route.v3.RouteDiscoveryService", "Routes", order.ROUTE),
    ("envoy.service.secret.v3.SecretDiscoveryService", "Secrets", order.SECRET),
    ("envoy.service.runtime.v3.RuntimeDiscoveryService", "Runtime", order.RUNTIME),
    (
        "envoy.service.extension.v3.ExtensionConfigDiscoveryService",
        "ExtensionConfigs",
        order.EXTENSION,
    ),
)

_Context = grpc.aio.ServicerContext[Any, bytes]


@dataclass(eq=False, slots=True)
class _Stream:
    session: Session
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    broken: ProtocolError | None = None
    ended: bool = False


class XdsServer:
    """Serves a group. ``on_nack`` and ``on_progress`` run on the loop and must not block."""

    def __init__(
        self,
        group: Group,
        *,
        on_nack: Callable[[Nack], None],
        on_progress: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        write_timeout: float = WRITE_TIMEOUT,
    ) -> None:
        self._group = group
        self._on_nack = on_nack
        self._on_progress = on_progress
        self._clock = clock
        self._write_timeout = write_timeout
        self._streams: set[_Stream] = set()
        self._draining = False
        self._server: grpc.aio.Server | None = None

    async def start(self, listen: str) -> str:
        """Listen on ``host:port`` (port 0: any free one) or ``unix:/path``; return the address.

        Raises OSError where that cannot be had.
        """
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers(tuple(self._handlers()))
        path = _socket_path(listen)
        if path is not None:
            _remove_dead_socket(path)
        try:
            port = server.add_insecure_port(listen)
        except RuntimeError:
            port = 0
        if not port:
            raise OSError(f"cannot listen on {listen}: the address is in use or not ours")
        if path is not None:
            _keep_private(path)
        await server.start()
        self._server = server
        return listen if path is not None else f"{listen.rpartition(':')[0]}:{port}"

    def target_changed(self) -> None:
        """Lead every stream to the group's new target."""
        self._group.steer(self._clock())
        for stream in self._streams:
            stream.wake.set()

    async def stop(self, grace: float) -> None:
        """Close every stream, so that clients go elsewhere, and stop within ``grace`` seconds."""
        self._draining = True
        for stream in self._streams:
            stream.wake.set()
        if self._server is not None:
            await self._server.stop(grace)

    def _handlers(self) -> Iterator[grpc.GenericRpcHandler]:
        discovery = envoy.service.discovery.v3
        for service, stem, type_url in _SERVICES:
            yield grpc.method_handlers_generic_handler(
                service,
                {
                    f"Stream{stem}": grpc.stream_stream_rpc_method_handler(
                        self._behaviour(SotwWatch, type_url),
                        request_deserializer=discovery.DiscoveryRequest.FromString,
                    ),
                    f"Delta{stem}": grpc.stream_stream_rpc_method_handler(
                        self._behaviour(DeltaWatch, type_url),
                        request_deserializer=discovery.DeltaDiscoveryRequest.FromString,
                    ),
                },
            )

    def _behaviour(self, protocol: Callable[[str], Watch], type_url: str) -> Any:
        async def serve(_requests: Any, context: _Context) -> None:
            await self._serve(context, protocol, type_url)

        return serve

    async def _serve(
        self, context: _Context, protocol: Callable[[str], Watch], type_url: str
    ) -> None:
        if self._draining or self._group.target is None:
            reason = "shutting down" if self._draining else "no policy has been compiled yet"
            await context.abort(grpc.StatusCode.UNAVAILABLE, reason)
        stream = _Stream(self._group.join(protocol, type_url))
        self._streams.add(stream)
        reader = asyncio.create_task(self._read(context, stream))
        try:
            await self._write(context, stream)
        finally:
            reader.cancel()
            self._streams.discard(stream)
            self._group.leave(stream.session)
            _log.info("stream closed", extra={"node": stream.session.node})
            self._on_progress()
            with contextlib.suppress(asyncio.CancelledError):
                await reader

    async def _read(self, context: _Context, stream: _Stream) -> None:
        """Feed the session until the client ends the stream or breaks the protocol."""
        try:
            while (request := await context.read()) is not grpc.aio.EOF:
                known = bool(stream.session.node)
                verdict = stream.session.receive(request, self._clock())
                if not known:
                    _log.info("stream opened", extra={"node": stream.session.node})
                nack = self._group.refuse(stream.session, verdict)
                if nack is not None:
                    self._on_nack(nack)
                    self.target_changed()
                stream.wake.set()
        except ProtocolError as error:
            stream.broken = error
        finally:
            stream.ended = True
            stream.wake.set()

    async def _write(self, context: _Context, stream: _Stream) -> None:
        """Send what the session has to say, whenever it may have something."""
        session = stream.session
        while True:
            stream.wake.clear()
            if stream.broken is not None:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(stream.broken))
            if stream.ended:
                return
            if self._draining:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")
            for frame in session.flush(self._clock()):
                try:
                    await asyncio.wait_for(context.write(frame), self._write_timeout)
                except TimeoutError:
                    _log.warning("stream too slow", extra={"node": session.node})
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "the client does not read")
            self._group.settle(session)
            self._on_progress()
            now = self._clock()
            deadline = session.deadline(now)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    stream.wake.wait(), None if deadline is None else deadline - now
                )


def _socket_path(listen: str) -> Path | None:
    return Path(listen.removeprefix("unix:")) if listen.startswith("unix:") else None


def _keep_private(path: Path) -> None:
    """Let nobody else connect: secrets pass through it."""
    path.chmod(0o600)


def _remove_dead_socket(path: Path) -> None:
    """Remove a unix socket that a killed process left; a live one stays, and binding then fails."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
