"""What `serve: llm` routes add to a listener: the seam between REST and LLM lowering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compiler.source import Span
from policies.secret import SecretRef
from xds.schema import envoy

accesslog_v3 = envoy.config.accesslog.v3
cluster_v3 = envoy.config.cluster.v3
listener_v3 = envoy.config.listener.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
route_v3 = envoy.config.route.v3


@dataclass(frozen=True, slots=True)
class LlmParts:
    """The LLM's share of one listener; empty where the listener serves no models.

    ``routes`` maps the name of a Serve route of the plan to the Envoy routes that stand in its
    place, in the order in which they are tried, complete with their policies; each matches paths,
    methods, headers and query alone (the virtual host has seen to the host). ``http_filters`` are
    put in their order by ``compiler.order``, so each name must be listed there. ``clusters`` come
    with the place that made them; the same name from two listeners must be the same cluster.
    ``listeners`` are inside of Envoy: nobody can connect to them but its own clusters.
    """

    routes: Mapping[str, tuple[route_v3.Route, ...]] = field(default_factory=dict)
    http_filters: tuple[hcm_v3.HttpFilter, ...] = ()
    clusters: tuple[tuple[cluster_v3.Cluster, Span], ...] = ()
    listeners: tuple[tuple[listener_v3.Listener, Span], ...] = ()
    secrets: tuple[SecretRef, ...] = ()
    access_log: tuple[accesslog_v3.AccessLog, ...] = ()
    local_reply: hcm_v3.LocalReplyConfig | None = None


NONE = LlmParts()
"""The share of a listener without models."""
