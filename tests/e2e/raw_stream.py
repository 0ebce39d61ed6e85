"""A bare xDS client over a real connection, delta or SotW: sends requests, keeps what came.

It says what it has as an Envoy does: versions by name (delta) or of each type (SotW).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from xds.schema import envoy

discovery = envoy.service.discovery.v3
DEADLINE = 20.0
_ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"


class RawStream:
    """One ADS stream; ``has`` are the versions by type and name of what came."""

    def __init__(self, channel: grpc.Channel, protocol: str) -> None:
        self.protocol = protocol
        self.has: dict[str, dict[str, str]] = {}
        self.bodies: dict[tuple[str, str], bytes] = {}
        self.versions: dict[str, str] = {}
        self._met = False
        self._asked: dict[str, tuple[str, ...]] = {}
        self._sending: queue.Queue[Any] = queue.Queue()
        self._coming: queue.Queue[Any] = queue.Queue()
        delta = protocol == "delta"
        response = discovery.DeltaDiscoveryResponse if delta else discovery.DiscoveryResponse
        call: Any = channel.stream_stream(
            _ADS + ("DeltaAggregatedResources" if delta else "StreamAggregatedResources"),
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        self._call = call(iter(self._sending.get, None))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def subscribe(self, type_url: str, *names: str, brings: RawStream | None = None) -> None:
        """Ask for names (``*`` for all), saying what another stream was sent, as after a move."""
        self._asked[type_url] = names
        if self.protocol == "delta":
            brought = {} if brings is None else brings.has.get(type_url, {})
            request: Any = discovery.DeltaDiscoveryRequest(
                type_url=type_url,
                resource_names_subscribe=names,
                initial_resource_versions=brought,
            )
        else:
            version = "" if brings is None else brings.versions.get(type_url, "")
            named = [name for name in names if name != "*"]
            request = discovery.DiscoveryRequest(
                type_url=type_url, resource_names=named, version_info=version
            )
        self._send(request)

    def take(self) -> Any:
        """Wait for a response, note what it holds, and acknowledge it."""
        response = self._coming.get(timeout=DEADLINE)
        assert not isinstance(response, Exception), response
        url = response.type_url
        has = self.has.setdefault(url, {})
        if self.protocol == "delta":
            for one in response.resources:
                has[one.name] = one.version
                self.bodies[url, one.name] = one.resource.SerializeToString()
            request: Any = discovery.DeltaDiscoveryRequest(
                type_url=url, response_nonce=response.nonce
            )
        else:
            self.versions[url] = response.version_info
            for index, one in enumerate(sorted(r.SerializeToString() for r in response.resources)):
                self.bodies[url, str(index)] = one
            named = [name for name in self._asked[url] if name != "*"]
            request = discovery.DiscoveryRequest(
                type_url=url,
                resource_names=named,
                version_info=response.version_info,
                response_nonce=response.nonce,
            )
        self._send(request)
        return response

    def close(self) -> None:
        self._sending.put(None)
        self._call.cancel()
        self._reader.join(DEADLINE)

    def _send(self, request: Any) -> None:
        if not self._met:
            request.node.id = "raw"
            self._met = True
        self._sending.put(request)

    def _read(self) -> None:
        try:
            for response in self._call:
                self._coming.put(response)
        except grpc.RpcError as error:
            self._coming.put(error)


@contextmanager
def raw_stream(address: str, protocol: str) -> Iterator[RawStream]:
    """Open a stream to a control plane until the block ends."""
    with grpc.insecure_channel(address) as channel:
        stream = RawStream(channel, protocol)
        try:
            yield stream
        finally:
            stream.close()
