"""The largest request body that is let through; a larger one gets 413.

Envoy holds the body until all of it is there, so that a service never sees the beginning of a
request that is too large. Do not set a limit on routes that stream their uploads, or gRPC's
client streams. LLM routes always have a limit (``defaults.body_limit``), since they are routed by
what their body says.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.base import Place, PolicyKind, route_v3
from policies.values import Size
from xds.schema import envoy
from xds.wire import Message, pack

buffer_v3 = envoy.extensions.filters.http.buffer.v3

FILTER = "envoy.filters.http.buffer"


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """The largest body of a request, in bytes."""

    bytes: int


def patch_route(plan: BodyLimit, route: route_v3.Route) -> None:
    """Switch the buffer filter on, and let retries send again what it holds."""
    limit = buffer_v3.BufferPerRoute()
    limit.buffer.max_request_bytes.value = plan.bytes
    route.typed_per_filter_config[FILTER].CopyFrom(pack(limit))
    route.request_body_buffer_limit.value = plan.bytes


def http_filters(_plan: BodyLimit) -> tuple[tuple[str, Message], ...]:
    """The buffer filter; its own limit is never used, since each route brings its own."""
    filter_config = buffer_v3.Buffer()
    filter_config.max_request_bytes.value = 1
    return ((FILTER, filter_config),)


KIND = PolicyKind(
    name="body_limit",
    places=frozenset({Place.ROUTE}),
    docs=__doc__,
    document=Size,
    plan=BodyLimit,
    valid="1 MiB",
    invalid="1048576",
    invalid_code="bad-size",
    patch_route=patch_route,
    http_filters=http_filters,
)
