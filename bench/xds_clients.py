"""Many xDS clients in one process, each with a connection of its own as an Envoy has.

They subscribe to all clusters, and acknowledge whatever comes at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, Final

import grpc

from xds.order import CLUSTER, LISTENER, ROUTE, VIRTUAL_HOST
from xds.schema import envoy

_discovery = envoy.service.discovery.v3
_ADS: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
_CHANNEL: Final = (
    # Otherwise all channels to one address share one connection.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
)


class Clients:
    """Some clients of one protocol; ``received`` are the bytes of all messages that came.

    ``resources`` counts what was in them by type URL. ``tables`` are the route tables that they
    ask for besides, by virtual host, as an Envoy 1.40 does (delta).
    """

    def __init__(self, address: str, protocol: str, *, tables: tuple[str, ...] = ()) -> None:
        self.received = 0
        self.messages = 0
        self.resources: Counter[str] = Counter()
        self.failures: list[str] = []
        self._address = address
        self._delta = protocol == "delta"
        self._tables = tables
        self._tasks: list[asyncio.Task[None]] = []
        self._channels: list[grpc.aio.Channel] = []

    def connect(self, count: int, has: dict[str, str] | None = None) -> None:
        """Start so many; ``has`` are the versions that each says it has already (delta)."""
        first = self._first(has or {})
        for n in range(count):
            channel = grpc.aio.insecure_channel(self._address, options=_CHANNEL)
            self._channels.append(channel)
            self._tasks.append(asyncio.create_task(self._run(channel, n, first)))

    async def close(self) -> None:
        """Close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(channel.close() for channel in self._channels))
        self._tasks, self._channels = [], []

    def _first(self, has: dict[str, str]) -> tuple[bytes, ...]:
        """Ask for clusters and for listeners, as an Envoy does."""
        if self._delta:
            return (
                _encode(
                    _discovery.DeltaDiscoveryRequest(
                        type_url=CLUSTER, initial_resource_versions=has
                    )
                ),
                _encode(_discovery.DeltaDiscoveryRequest(type_url=LISTENER)),
                *(
                    _encode(
                        _discovery.DeltaDiscoveryRequest(
                            type_url=type_url, resource_names_subscribe=self._tables
                        )
                    )
                    for type_url in (ROUTE, VIRTUAL_HOST)
                    if self._tables
                ),
            )
        return (
            _encode(_discovery.DiscoveryRequest(type_url=CLUSTER)),
            _encode(_discovery.DiscoveryRequest(type_url=LISTENER)),
        )

    async def _run(self, channel: grpc.aio.Channel, n: int, first: tuple[bytes, ...]) -> None:
        stem = "Delta" if self._delta else "Stream"
        # Parsed as bytes: of a response only its version and nonce matter here.
        call: Any = channel.stream_stream(f"{_ADS}{stem}AggregatedResources")()
        try:
            # Protobuf messages merge where their bytes are joined.
            await call.write(first[0] + self._node(n))
            for request in first[1:]:
                await call.write(request)
            while (response := await call.read()) is not grpc.aio.EOF:
                self.received += len(response)
                self.messages += 1
                await call.write(self._ack(response))
        except grpc.aio.AioRpcError as error:
            self.failures.append(f"{error.code().name}: {error.details()}")

    def _node(self, n: int) -> bytes:
        request: Any = (
            _discovery.DeltaDiscoveryRequest() if self._delta else _discovery.DiscoveryRequest()
        )
        request.node.id = f"edge-{n}"
        request.node.cluster = "edge"
        request.node.user_agent_name = "envoy"
        request.node.user_agent_build_version.version.major_number = 1
        request.node.user_agent_build_version.version.minor_number = 40
        return _encode(request)

    def _ack(self, response: bytes) -> bytes:
        if self._delta:
            delta = _discovery.DeltaDiscoveryResponse.FromString(response)
            self.resources[delta.type_url] += len(delta.resources)
            return _encode(
                _discovery.DeltaDiscoveryRequest(
                    type_url=delta.type_url, response_nonce=delta.nonce
                )
            )
        whole = _discovery.DiscoveryResponse.FromString(response)
        self.resources[whole.type_url] += len(whole.resources)
        return _encode(
            _discovery.DiscoveryRequest(
                type_url=whole.type_url,
                version_info=whole.version_info,
                response_nonce=whole.nonce,
            )
        )


def _encode(message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return encoded
