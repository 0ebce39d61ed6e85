"""How long nothing may happen before a connection or a stream is closed.

On a listener: a client's connection without a request in it (default 1h). On a route: a stream in
which neither side says anything (default 5m), which is what a websocket or a long poll may need
more of. On a service or a provider: an unused connection kept for the next request (default 1h);
keep it below the upstream's own, so that Envoy never sends into a connection that is being closed.
``none`` keeps them for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from policies.base import Place, PolicyKind, cluster_v3, hcm_v3, route_v3
from policies.http_options import http_options
from policies.values import Timeout


@dataclass(frozen=True, slots=True)
class IdleTimeout:
    """The bound on silence; zero is none."""

    idle: timedelta


def patch_listener(plan: IdleTimeout, hcm: hcm_v3.HttpConnectionManager) -> None:
    """Bound connections of clients."""
    hcm.common_http_protocol_options.idle_timeout.FromTimedelta(plan.idle)


def patch_route(plan: IdleTimeout, route: route_v3.Route) -> None:
    """Bound streams; this overrides the listener's `stream_idle_timeout`."""
    route.route.idle_timeout.FromTimedelta(plan.idle)


def patch_cluster(plan: IdleTimeout, cluster: cluster_v3.Cluster) -> None:
    """Bound connections in the upstream's pool."""
    with http_options(cluster) as options:
        options.common_http_protocol_options.idle_timeout.FromTimedelta(plan.idle)


KIND = PolicyKind(
    name="idle_timeout",
    places=frozenset({Place.LISTENER, Place.ROUTE, Place.SERVICE, Place.PROVIDER}),
    docs=__doc__,
    document=Timeout,
    plan=IdleTimeout,
    valid="10m",
    invalid="10 minutes",
    invalid_code="bad-duration",
    patch_listener=patch_listener,
    patch_route=patch_route,
    patch_cluster=patch_cluster,
)
