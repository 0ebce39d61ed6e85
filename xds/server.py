"""The thin shell around `xds.fleet`: gRPC streams in, frames out.

ADS and one service for each type, "state of the world" and delta; all of them run the same loop.
Messages to send are bytes already, so gRPC serialises nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from xds import order
from xds.admission import DEFAULT, Admission, Bucket, Limits
from xds.delta import DeltaWatch
from xds.health import health_service
from xds.identity import IdentityRefused, Peer, Trust, peer_of
from xds.listening import MAX_AGE, bind, contained, let_in, options
from xds.nack import Nack
from xds.observed import Observed
from xds.observer import Observer
from xds.observers import Observers
from xds.placement import Code, Placement, Refused
from xds.schema import envoy
from xds.session import Session
from xds.sotw import SotwWatch
from xds.told import Told
from xds.watch import ProtocolError, Watch

_log = logging.getLogger("gatewright.xds")

_DRAINED_BY: Final = 0.8
"""The part of a stop's time in which streams are closed; the rest is for them to end."""

_SHOWN: Final = 100
"""Letters of a node's id that are shown before the node is known to be one of ours."""

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
    peer: Peer
    requests: Bucket
    opened: float
    node: str = ""
    session: Session | None = None
    """None until the first request, whose node tells where the stream belongs."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    refused: Refused | None = None
    told: Observed | None = None
    ended: bool = False
    leaving: bool = False

    def stir(self, now: float) -> None:
        """Have it look for something to send."""
        if self.told is not None:
            self.told.stir(now)
        self.wake.set()


class XdsServer:
    """Serves what a placement gives each stream.

    ``on_nack`` and ``on_progress`` run on the loop and must not block. ``trust`` is what is known
    of whoever connects; without ``credentials`` it does so in the clear. ``max_age`` is in seconds.
    """

    def __init__(
        self,
        placement: Placement,
        *,
        on_nack: Callable[[Nack], None],
        on_progress: Callable[[], None],
        trust: Trust = Trust.MACHINE,
        credentials: grpc.ServerCredentials | None = None,
        limits: Limits = DEFAULT,
        max_age: float = MAX_AGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._placement = placement
        self._on_nack = on_nack
        self._on_progress = on_progress
        self._trust = trust
        self._credentials = credentials
        self._admission = Admission(limits)
        self._max_age = max_age
        self._observer: Observer = Observers()
        self._services: tuple[grpc.GenericRpcHandler, ...] = ()
        self._told = Told()
        self._clock = clock
        self._streams: set[_Stream] = set()
        self._draining = False
        self._server: grpc.aio.Server | None = None

    def attend(self, observer: Observer, services: Iterable[grpc.GenericRpcHandler] = ()) -> None:
        """Have an observer hear of streams, and more services served beside; before `start`."""
        self._observer = observer
        self._services = tuple(services)

    async def start(self, listen: str) -> str:
        """Listen on ``host:port`` (port 0: any free one) or ``unix:/path``; return the address.

        Raises OSError where that cannot be had.
        """
        server = grpc.aio.server(options=options(self._max_age))
        server.add_generic_rpc_handlers(
            (
                *self._handlers(),
                health_service(lambda: self._placement.ready and not self._draining),
                *self._services,
            )
        )
        bound = bind(server, listen, self._credentials)
        await server.start()
        self._server = server
        return bound

    def target_changed(self) -> None:
        """Lead every stream to its new target."""
        self._placement.steer(self._clock())
        self.wake()

    def wake(self) -> None:
        """Send whatever the sessions have to say by now."""
        now = self._clock()
        for stream in self._streams:
            stream.stir(now)

    async def stop(self, grace: float) -> None:
        """Close every stream, so that clients go elsewhere, and stop within ``grace`` seconds.

        No new ones are taken from the start. Those that are there are closed one after the other,
        so that what they go to is not overrun.
        """
        self._draining = True
        streams = list(self._streams)
        span = min(grace * _DRAINED_BY, len(streams) / DEFAULT.new_streams)
        stopping = asyncio.create_task(self._server.stop(grace)) if self._server else None
        for stream in streams:
            stream.leaving = True
            stream.wake.set()
            await asyncio.sleep(span / len(streams))
        for stream in self._streams:
            stream.leaving = True
            stream.wake.set()
        if stopping is not None:
            await stopping

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
            peer = peer_of(context.auth_context(), context.peer(), self._trust)
            door = let_in(self._admission, context, peer, self._clock, self._observer, self._told)
            async with contained(context, peer, self._clock, self._told), door:
                await self._serve(context, peer, protocol, type_url)

        return serve

    async def _serve(
        self, context: _Context, peer: Peer, protocol: Callable[[str], Watch], type_url: str
    ) -> None:
        if self._draining or not self._placement.ready:
            reason = "shutting down" if self._draining else "no policy has been compiled yet"
            self._observer.refused_stream("draining" if self._draining else "not_ready")
            await context.abort(grpc.StatusCode.UNAVAILABLE, reason)
        now = self._clock()
        stream = _Stream(peer, self._admission.requests(), now)
        self._streams.add(stream)
        reader = asyncio.create_task(self._read(context, stream, protocol, type_url))
        try:
            await self._write(context, stream)
        finally:
            reader.cancel()
            self._streams.discard(stream)
            if stream.told is not None:
                stream.told.closed()
            if stream.session is not None:
                _log.info("stream closed", extra={"node": stream.session.node})
                if self._placement.leave(stream.session, self._clock()):
                    self.wake()
            self._on_progress()
            with contextlib.suppress(asyncio.CancelledError):
                await reader

    async def _read(
        self,
        context: _Context,
        stream: _Stream,
        protocol: Callable[[str], Watch],
        type_url: str,
    ) -> None:
        """Feed the session until the client ends the stream or breaks the protocol."""
        try:
            while (request := await context.read()) is not grpc.aio.EOF:
                self._take(stream, request, protocol, type_url)
                stream.wake.set()
                # A first request may name megabytes of versions; the next may be hours away.
                del request
        except (ProtocolError, DecodeError) as error:
            said = "what came is no request" if isinstance(error, DecodeError) else str(error)
            stream.refused = Refused(Code.INVALID_ARGUMENT, said)
            self._tell_refused(stream, stream.refused, "protocol")
        except Refused as error:
            self._tell_refused(stream, error)
            stream.refused = error
        finally:
            stream.ended = True
            stream.wake.set()

    def _take(
        self, stream: _Stream, request: Any, protocol: Callable[[str], Watch], type_url: str
    ) -> None:
        """Feed one request; raises ProtocolError and Refused."""
        now = self._clock()
        if stream.requests.take(now):
            raise Refused(Code.RESOURCE_EXHAUSTED, "too many requests on this stream")
        if stream.session is None:
            stream.node = request.node.id
            stream.session = self._place(stream.peer, request, protocol, type_url)
        verdict = stream.session.receive(request, now)
        nack = self._placement.refuse(stream.session, verdict, now)
        if stream.told is None:
            group = self._placement.group_of(stream.session)
            stream.told = Observed(self._observer, stream.session, group, type_url)
        stream.told.took(verdict, nack, now)
        if nack is not None:
            self._on_nack(nack)
            self.wake()

    def _tell_refused(self, stream: _Stream, refused: Refused, label: str = "") -> None:
        """Count it, and tell the operator, once, what the client may not be told."""
        self._observer.refused_stream(label or refused.code.lower())
        reason = refused.reason if isinstance(refused, IdentityRefused) else str(refused)
        if self._told.news((stream.peer, reason), self._clock()):
            node = stream.node[:_SHOWN]
            _log.warning("stream of %s refused: %s", stream.peer, reason, extra={"node": node})

    def _place(
        self, peer: Peer, request: Any, protocol: Callable[[str], Watch], type_url: str
    ) -> Session:
        if not request.HasField("node"):
            raise ProtocolError("the first request of a stream must carry a node")
        # A part of a message keeps the whole of it in memory.
        node = type(request.node).FromString(request.node.SerializeToString())
        session = self._placement.join(node, peer, protocol, type_url, self._clock())
        _log.info("stream opened", extra={"node": node.id})
        return session

    async def _write(self, context: _Context, stream: _Stream) -> None:
        """Send what the session has to say, whenever it may have something."""
        while True:
            stream.wake.clear()
            if stream.refused is None and stream.session is not None:
                stream.refused = self._placement.refusal(stream.session)
                if stream.refused is not None:
                    self._tell_refused(stream, stream.refused)
            if stream.refused is not None:
                code = grpc.StatusCode[stream.refused.code]
                await context.abort(code, str(stream.refused))
            if stream.ended:
                return
            if stream.leaving:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")
            deadline = None
            now = self._clock()
            if stream.session is not None:
                await self._flush(context, stream.session)
                if stream.told is not None:
                    stream.told.sent(self._clock())
                now = self._clock()
                deadline = stream.session.deadline(now)
            else:
                deadline = stream.opened + self._admission.limits.first_request
                if now >= deadline:
                    self._observer.refused_stream("silent")
                    await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "no request came")
            with contextlib.suppress(TimeoutError):
                # wait_for() makes a task on Python 3.11, which costs where a thousand wait.
                async with asyncio.timeout(None if deadline is None else deadline - now):
                    await stream.wake.wait()

    async def _flush(self, context: _Context, session: Session) -> None:
        for frame in session.flush(self._clock()):
            try:
                async with asyncio.timeout(self._admission.limits.unread):
                    await context.write(frame)
            except TimeoutError:
                _log.warning("stream too slow", extra={"node": session.node})
                self._observer.refused_stream("slow")
                # The status waits behind what is not read; nobody waits for it here.
                await asyncio.wait_for(
                    context.abort(grpc.StatusCode.UNAVAILABLE, "the client does not read"), 1.0
                )
        if self._placement.settle(session, self._clock()):
            self.wake()
        self._on_progress()
