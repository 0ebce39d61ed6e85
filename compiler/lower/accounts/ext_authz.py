"""Asks the edge about a request: the ext_authz filter, and what each route tells it.

The filter is off but on the routes that an edge guards. All Envoy routes of such a route of the
policy switch it on, refusals and lists as well: a request for a model meets a first route before
its body is read, and filters are chosen there.
"""

from __future__ import annotations

from collections.abc import Mapping

from compiler.lower.accounts.edge_cluster import edge_service
from compiler.lower.accounts.names import JWT
from compiler.lower.llm.names import NAMESPACE
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
authz_v3 = envoy.extensions.filters.http.ext_authz.v3
core_v3 = envoy.config.core.v3
route_v3 = envoy.config.route.v3

FILTER = "envoy.filters.http.ext_authz"

BODY_BYTES = 64 * 1024
"""How much of a body the edge gets to see: enough for an estimate, which goes by what it sees."""


def ext_authz_filter(*, chooses: bool = False) -> hcm_v3.HttpFilter:
    """The filter, switched off; an edge that cannot be asked means 503, and never 401 or 403.

    With ``chooses`` the edge says in a header which target is tried first, and the route is chosen
    anew by it.
    """
    config = authz_v3.ExtAuthz(
        transport_api_version=core_v3.V3,
        failure_mode_allow=False,
        clear_route_cache=chooses,
        include_peer_certificate=True,
        metadata_context_namespaces=[JWT, NAMESPACE],
    )
    config.grpc_service.CopyFrom(edge_service())
    config.status_on_error.code = 503
    # Envoy looks for `pack_as_bytes` here alone, and a body may be no UTF-8. How much of one is
    # sent is a route's to say, and without a word of it this: the least that there can be.
    config.with_request_body.max_request_bytes = 1
    config.with_request_body.allow_partial_message = True
    config.with_request_body.pack_as_bytes = True
    return hcm_v3.HttpFilter(name=FILTER, typed_config=pack(config), disabled=True)


def ask_edge(route: route_v3.Route, extensions: Mapping[str, str], *, body: bool) -> None:
    """Switch the filter on for a route, and have it tell the edge what the request is about."""
    config = authz_v3.ExtAuthzPerRoute()
    settings = config.check_settings
    settings.context_extensions.update(extensions)
    if body:
        settings.with_request_body.max_request_bytes = BODY_BYTES
        settings.with_request_body.allow_partial_message = True
        settings.with_request_body.pack_as_bytes = True
    else:
        settings.disable_request_body_buffering = True
    route.typed_per_filter_config[FILTER].CopyFrom(pack(config))
