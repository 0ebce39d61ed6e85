"""The load reporting service: Envoys tell how many requests to each cluster failed.

Source: envoy/service/load_stats/v3/lrs.proto. Each stream is asked once for all clusters, at an
interval; every report holds what happened since the one before. An Envoy reports where its
bootstrap has ``cluster_manager.load_stats_config``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc

from xds.admission import Bucket
from xds.bootstrap import CONTROL_PLANE
from xds.load import NO_LOAD, Load, LoadWindow
from xds.placement import Refused
from xds.schema import envoy

INTERVAL: Final = 5.0
"""Seconds between two reports of an Envoy."""

SERVICE: Final = "envoy.service.load_stats.v3.LoadReportingService"

_Request = envoy.service.load_stats.v3.LoadStatsRequest
_Context = grpc.aio.ServicerContext[Any, bytes]

Admit = Callable[["envoy.config.core.v3.Node", _Context], None]
"""Raises Refused where a client may not report as this node."""

_MOST: Final = 10_000

# Each report is kept for a minute: a node that reports without end must not fill the memory.
_OFTEN: Final = 4.0
_AT_ONCE: Final = 20


def loads(request: envoy.service.load_stats.v3.LoadStatsRequest) -> dict[str, Load]:
    """Sum up a report by cluster; the control plane's own cluster is no upstream of anybody."""
    found: dict[str, Load] = {}
    for cluster in request.cluster_stats:
        if cluster.cluster_name == CONTROL_PLANE:
            continue
        total = found.get(cluster.cluster_name, NO_LOAD)
        # A request that was dropped on purpose (a policy of the cluster) was not answered either.
        total += Load(cluster.total_dropped_requests, cluster.total_dropped_requests)
        for part in cluster.upstream_locality_stats:
            total += Load(
                part.total_successful_requests + part.total_error_requests,
                part.total_error_requests,
                part.total_requests_in_progress,
            )
        found[cluster.cluster_name] = total
    return found


class LoadReporting:
    """The service; ``window`` is fed, and ``on_report`` told of each report's node and clusters.

    ``known`` gives the names of clusters that are counted one by one; what else a client may name
    counts as ``other``.
    """

    def __init__(
        self,
        window: LoadWindow,
        *,
        on_report: Callable[[str, Mapping[str, Load]], None],
        known: Callable[[], frozenset[str]],
        admit: Admit | None = None,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._window = window
        self._on_report = on_report
        self._known = known
        self._admit = admit
        self._interval = interval
        self._clock = clock
        self._streams: dict[str, int] = {}
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """End every stream: a server that stops would wait for them as long as it may."""
        self._leaving.set()

    def handler(self) -> grpc.GenericRpcHandler:
        """What a gRPC server is given."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "StreamLoadStats": grpc.stream_stream_rpc_method_handler(
                    self._serve,
                    request_deserializer=_Request.FromString,
                )
            },
        )

    async def _serve(self, _requests: Any, context: _Context) -> None:
        first = await context.read()
        if first is grpc.aio.EOF:
            return
        node = first.node.id
        if not node:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "the first report must carry a node"
            )
        if self._admit is not None:
            try:
                self._admit(first.node, context)
            except Refused as error:
                await context.abort(grpc.StatusCode[error.code], str(error))
        if len(self._streams) >= _MOST:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many report already")
        self._streams[node] = self._streams.get(node, 0) + 1
        reports = Bucket(_OFTEN / self._interval, _AT_ONCE)
        try:
            await context.write(self._asked())
            self._take(node, first)
            while (report := await self._next(context)) is not grpc.aio.EOF:
                if reports.take(self._clock()):
                    await context.abort(
                        grpc.StatusCode.RESOURCE_EXHAUSTED, "too many reports on this stream"
                    )
                self._take(node, report)
        finally:
            self._streams[node] -= 1
            if not self._streams[node]:
                del self._streams[node]
                self._window.forget(node)

    async def _next(self, context: _Context) -> Any:
        """Read a report, unless the control plane stops meanwhile."""
        reading = asyncio.ensure_future(context.read())
        leaving = asyncio.ensure_future(self._leaving.wait())
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                await context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")
            return reading.result()
        finally:
            reading.cancel()
            leaving.cancel()

    def _asked(self) -> bytes:
        answer = envoy.service.load_stats.v3.LoadStatsResponse(send_all_clusters=True)
        answer.load_reporting_interval.FromNanoseconds(round(self._interval * 1e9))
        return answer.SerializeToString()

    def _take(self, node: str, report: envoy.service.load_stats.v3.LoadStatsRequest) -> None:
        known = self._known()
        found: dict[str, Load] = {}
        for name, load in loads(report).items():
            word = name if name in known else "other"
            found[word] = found.get(word, NO_LOAD) + load
        if found:
            self._window.report(node, found, self._clock())
            self._on_report(node, found)
