"""Lower a listener: its socket, and how it speaks HTTP to clients that it has no reason to trust.

The limits are those of Envoy's guide for edges ("Configuring Envoy as an edge proxy"), written
out even where they are the defaults, so that another version does not change them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from compiler.lower.accounts.parts import AccountParts
from compiler.lower.attached import attached
from compiler.lower.envoy_orders import drop_envoy_orders
from compiler.lower.llm.access_log import json_lines
from compiler.lower.llm_parts import LlmParts
from compiler.order import arrange
from compiler.plan import Listener, Route
from policies.ads import ads_source
from policies.base import Place
from policies.registry import kinds_at
from policies.trusted_hops import drop_untrusted
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
listener_v3 = envoy.config.listener.v3
core_v3 = envoy.config.core.v3
on_demand_v3 = envoy.extensions.filters.http.on_demand.v3
router_v3 = envoy.extensions.filters.http.router.v3

HCM = "envoy.filters.network.http_connection_manager"
ON_DEMAND = "envoy.filters.http.on_demand"
ROUTER = "envoy.filters.http.router"

HEADERS_LIMIT_KIB = 60
CONNECTION_IDLE = timedelta(hours=1)
STREAM_IDLE = timedelta(minutes=5)
HEADERS_TIMEOUT = timedelta(seconds=10)
HTTP2_STREAMS = 100
HTTP2_STREAM_WINDOW = 64 * 1024
HTTP2_CONNECTION_WINDOW = 1024 * 1024


def lower_listener(
    listener: Listener, routes: Iterable[Route], llm: LlmParts, accounts: AccountParts, table: str
) -> listener_v3.Listener:
    """Make the listener; its routes come by RDS as the route configuration called ``table``."""
    lowered = listener_v3.Listener(name=listener.name)
    socket = lowered.address.socket_address
    socket.address = listener.address
    socket.port_value = listener.port
    chain = lowered.filter_chains.add()
    hcm = _hcm(listener)
    hcm.rds.route_config_name = table
    filters = [*_policy_filters(routes), *llm.http_filters, *accounts.http_filters, _router()]
    if listener.on_demand:
        filters.append(_on_demand())
    hcm.http_filters.extend(arrange(filters))
    hcm.access_log.extend(json_lines(identity=accounts.identity))
    hcm.access_log.extend(llm.access_log)
    hcm.access_log.extend(accounts.access_log)
    hcm.early_header_mutation_extensions.extend(accounts.early)
    if accounts.replies:
        hcm.local_reply_config.mappers.extend(accounts.replies)
    if llm.local_reply is not None:
        hcm.local_reply_config.MergeFrom(llm.local_reply)
    for kind, applied in attached(Place.LISTENER, listener.policies):
        if kind.patch_listener is not None:
            kind.patch_listener(applied.plan, hcm)
        if kind.patch_filter_chain is not None:
            kind.patch_filter_chain(applied.plan, chain)
    chain.filters.add(name=HCM, typed_config=pack(hcm))
    return lowered


def _hcm(listener: Listener) -> hcm_v3.HttpConnectionManager:
    """HTTP/1.1 and HTTP/2, found out by what the client says first."""
    hcm = hcm_v3.HttpConnectionManager(
        stat_prefix=listener.name,
        codec_type=hcm_v3.HttpConnectionManager.AUTO,
        server_name="gatewright",
        # A slash, however it is written, must not lead around a route.
        merge_slashes=True,
        path_with_escaped_slashes_action=hcm_v3.HttpConnectionManager.UNESCAPE_AND_REDIRECT,
        strip_trailing_host_dot=True,
    )
    hcm.rds.config_source.CopyFrom(ads_source())
    hcm.normalize_path.value = True
    hcm.use_remote_address.value = True
    # Present and empty: no client is internal, but for those on this machine; see the orders.
    hcm.internal_address_config.SetInParent()
    hcm.early_header_mutation_extensions.append(drop_envoy_orders())
    drop_untrusted(hcm)
    hcm.max_request_headers_kb.value = HEADERS_LIMIT_KIB
    hcm.request_headers_timeout.FromTimedelta(HEADERS_TIMEOUT)
    hcm.stream_idle_timeout.FromTimedelta(STREAM_IDLE)
    common = hcm.common_http_protocol_options
    common.idle_timeout.FromTimedelta(CONNECTION_IDLE)
    # `x_user` and `x-user` are one name to many frameworks: a way around checks of the other.
    common.headers_with_underscores_action = core_v3.HttpProtocolOptions.REJECT_REQUEST
    http2 = hcm.http2_protocol_options
    http2.max_concurrent_streams.value = HTTP2_STREAMS
    http2.initial_stream_window_size.value = HTTP2_STREAM_WINDOW
    http2.initial_connection_window_size.value = HTTP2_CONNECTION_WINDOW
    return hcm


def _policy_filters(routes: Iterable[Route]) -> list[hcm_v3.HttpFilter]:
    """The filters that policies of these routes need, switched off: a route switches them on."""
    found: dict[str, hcm_v3.HttpFilter] = {}
    kinds = kinds_at(Place.ROUTE)
    for route in routes:
        for applied in route.policies:
            kind = kinds[applied.kind]
            for name, config in kind.http_filters(applied.plan):
                if name not in found:
                    found[name] = hcm_v3.HttpFilter(
                        name=name, typed_config=pack(config), disabled=True
                    )
    return list(found.values())


def _on_demand() -> hcm_v3.HttpFilter:
    return hcm_v3.HttpFilter(name=ON_DEMAND, typed_config=pack(on_demand_v3.OnDemand()))


def _router() -> hcm_v3.HttpFilter:
    # No x-envoy-* in answers: how long an upstream took, or that it failed, is the gateway's own.
    return hcm_v3.HttpFilter(
        name=ROUTER, typed_config=pack(router_v3.Router(suppress_envoy_headers=True))
    )
