"""The client status discovery service: our view of what each node has, for standard tools.

Source: envoy/service/status/v3/csds.proto. Resources are shown redacted, and only to those who may
see them: whoever is on this machine, or bears an operator's identity.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import grpc

from xds.identity import Peer, bears
from xds.node_matcher import UnsupportedMatcherError, matches
from xds.operator_http import is_local
from xds.roster import Seated
from xds.schema import envoy, google
from xds.snapshot import EMPTY
from xds.status import State, resources
from xds.wire import redact

SERVICE: Final = "envoy.service.status.v3.ClientStatusDiscoveryService"

_status = envoy.service.status.v3
_Request = _status.ClientStatusRequest
_Context = grpc.aio.ServicerContext[Any, bytes]
_Shown = dict[tuple[str, str, str], "google.protobuf.Any"]

# The enums of the API by our words: the server's view, and what it knows of the client's.
_CONFIG: Final = {State.SYNCED: 1, State.NOT_SENT: 2, State.STALE: 3, State.NACKED: 4}
_CLIENT: Final = {State.SYNCED: 3, State.NOT_SENT: 1, State.STALE: 1, State.NACKED: 4}


@dataclass(frozen=True, slots=True)
class Viewed:
    """A stream as CSDS shows it: its node as it came, and its place."""

    node: envoy.config.core.v3.Node
    seated: Seated


def answer(
    request: envoy.service.status.v3.ClientStatusRequest, streams: Iterable[Viewed]
) -> envoy.service.status.v3.ClientStatusResponse:
    """Answer a request: one ClientConfig for each stream of a node that a matcher takes.

    Without a matcher every node is meant. ``client_scope`` names the group. Raises
    UnsupportedMatcherError.
    """
    response = _status.ClientStatusResponse()
    for _ in fill(response, request, streams):
        pass
    return response


def fill(
    response: envoy.service.status.v3.ClientStatusResponse,
    request: envoy.service.status.v3.ClientStatusRequest,
    streams: Iterable[Viewed],
) -> Iterator[None]:
    """Add to an answer stream by stream, with a pause after each: there may be thousands."""
    # The same resources stand in the answer once for each node.
    shown: _Shown | None = None if request.exclude_resource_contents else {}
    for one in streams:
        yield
        if request.node_matchers and not any(matches(one.node, m) for m in request.node_matchers):
            continue
        config = response.config.add(client_scope=one.seated.group)
        config.node.CopyFrom(one.node)
        config.generic_xds_configs.extend(_configs(one.seated, shown))


def _configs(seated: Seated, shown: _Shown | None) -> Iterator[Any]:
    target = seated.session.target or EMPTY
    for told in resources(seated.session, seated.withheld):
        config = _status.ClientConfig.GenericXdsConfig(
            type_url=told.type_url,
            name=told.name,
            version_info=told.version,
            config_status=_CONFIG[told.state],
            client_status=_CLIENT[told.state],
        )
        if told.nack is not None:
            config.error_state.details = told.nack.error
            config.error_state.version_info = told.wanted
        served = target.of(told.type_url).by_name.get(told.name)
        # Of an older version that a node still has there is no copy here: better none than another.
        if shown is not None and served is not None and told.version in {served.version, ""}:
            key = (told.type_url, told.name, served.version)
            if key not in shown:
                shown[key] = redact(google.protobuf.Any.FromString(served.body))
            config.xds_config.CopyFrom(shown[key])
        yield config


def may_see(peer: Peer, identities: Iterable[str]) -> bool:
    """Tell whether somebody is an operator: on this machine, or by the globs of identities."""
    return is_local(peer.address) or bears(peer, tuple(identities))


class ClientStatus:
    """The service; ``allowed`` tells whether the other end of a call may see it."""

    def __init__(
        self,
        streams: Callable[[], Iterable[Viewed]],
        allowed: Callable[[_Context], bool],
    ) -> None:
        self._streams = streams
        self._allowed = allowed

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server is given."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "StreamClientStatus": grpc.stream_stream_rpc_method_handler(
                    self._stream, request_deserializer=_Request.FromString
                ),
                "FetchClientStatus": grpc.unary_unary_rpc_method_handler(
                    self._fetch, request_deserializer=_Request.FromString
                ),
            },
        )

    async def _stream(
        self,
        requests: AsyncIterator[envoy.service.status.v3.ClientStatusRequest],
        context: _Context,
    ) -> AsyncIterator[bytes]:
        async for request in requests:
            yield await self._fetch(request, context)

    async def _fetch(
        self, request: envoy.service.status.v3.ClientStatusRequest, context: _Context
    ) -> bytes:
        if not self._allowed(context):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, "client status is for operators of this machine"
            )
        response = _status.ClientStatusResponse()
        try:
            for _ in fill(response, request, tuple(self._streams())):
                # The streams of Envoys are served on this loop, too.
                await asyncio.sleep(0)
            return response.SerializeToString()
        except UnsupportedMatcherError as error:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
