"""A target that failed several times in a row is passed by for a while, within a millisecond.

Envoy's outlier detection takes the target's one host out. A chain does not go on for want of a
host, so each such cluster has another one of lower priority: a listener inside of Envoy that
answers at once that the target is cooling down, for which the router goes on. Nobody else can
connect to it, and nothing leaves the process.

A host by name would be looked up anew, and each new address would be a new host that has not failed
yet. So such a target's host is a listener inside of Envoy, too, that passes bytes on to the name.
"""

from __future__ import annotations

from compiler.lower.llm.names import COOLING, COOLING_HEADER, RETRY_HEADER
from compiler.plan_llm import CoolDown, Provider
from policies.http_options import http_options
from xds.schema import envoy
from xds.wire import Message, pack

cluster_v3 = envoy.config.cluster.v3
core_v3 = envoy.config.core.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
listener_v3 = envoy.config.listener.v3
raw_buffer_v3 = envoy.extensions.transport_sockets.raw_buffer.v3
router_v3 = envoy.extensions.filters.http.router.v3
tcp_v3 = envoy.extensions.filters.network.tcp_proxy.v3

STAND_IN = "llm-cooling"
"""The listener that answers for targets that are cooling down."""

_MATCH = "envoy.transport_socket_match"
_FAILED = r"429|5\d\d"


def address_name(provider: Provider) -> str:
    """The name of the listener inside of Envoy, and of the cluster, that lead to a host's name."""
    return f"llm-address/{provider.name}"


def cool_down(cluster: cluster_v3.Cluster, provider: Provider, after: CoolDown) -> None:
    """Have a target's cluster be left alone after failures; its hosts and TLS must be in place."""
    if cluster.type == cluster_v3.Cluster.LOGICAL_DNS:
        cluster.type = cluster_v3.Cluster.STATIC
        cluster.ClearField("dns_lookup_family")
        # The connection that lives in a network is the other one.
        cluster.ClearField("upstream_connection_options")
        (host,) = cluster.load_assignment.endpoints[0].lb_endpoints
        _inside(host.endpoint.address, address_name(provider))
    others = cluster.load_assignment.endpoints.add(priority=1)
    stand_in = others.lb_endpoints.add()
    _inside(stand_in.endpoint.address, STAND_IN)
    with http_options(cluster) as options:
        if cluster.HasField("transport_socket"):
            stand_in.metadata.filter_metadata[_MATCH].update({"cooling": True})
            plain = cluster.transport_socket_matches.add(name="cooling")
            plain.match.update({"cooling": True})
            plain.transport_socket.name = "envoy.transport_sockets.raw_buffer"
            plain.transport_socket.typed_config.CopyFrom(pack(raw_buffer_v3.RawBuffer()))
            # Envoy asks no server for HTTP/2 where one of the hosts has no TLS to ask by.
            options.explicit_http_config.http_protocol_options.SetInParent()
        _failures(options.outlier_detection.error_matcher)
    _outliers(cluster, after)


def _inside(address: core_v3.Address, listener: str) -> None:
    address.Clear()
    address.envoy_internal_address.server_listener_name = listener


def _failures(matcher: envoy.config.common.matcher.v3.MatchPredicate) -> None:
    """Count 429 and 5xx, but not what the stand-in says: it would be taken out as well."""
    both = matcher.and_match.rules
    failed = both.add().http_response_headers_match.headers.add(name=":status")
    failed.string_match.safe_regex.regex = _FAILED
    cooling = both.add().not_match.http_response_headers_match.headers.add(name=RETRY_HEADER)
    cooling.string_match.exact = COOLING


def _outliers(cluster: cluster_v3.Cluster, after: CoolDown) -> None:
    outliers = cluster.outlier_detection
    outliers.Clear()
    outliers.consecutive_5xx.value = after.after
    outliers.enforcing_consecutive_5xx.value = 100
    outliers.enforcing_consecutive_gateway_failure.value = 0
    outliers.enforcing_success_rate.value = 0
    outliers.max_ejection_percent.value = 100
    # How often it is looked whether the time is over; it is the same each time.
    outliers.interval.FromMilliseconds(100)
    outliers.base_ejection_time.FromTimedelta(after.period)
    outliers.max_ejection_time.FromTimedelta(after.period)
    common = cluster.common_lb_config
    common.healthy_panic_threshold.value = 0
    common.update_merge_window.FromMilliseconds(0)


def stand_in_listener() -> listener_v3.Listener:
    """The listener that says so; Lua puts its answer into the words of the client's API."""
    hcm = hcm_v3.HttpConnectionManager(stat_prefix=STAND_IN)
    route = hcm.route_config.virtual_hosts.add(name="any", domains=["*"]).routes.add(name="cooling")
    hcm.route_config.name = STAND_IN
    route.match.prefix = "/"
    route.direct_response.status = 503
    route.direct_response.body.inline_string = '{"error":{"message":"cooling down"}}'
    for name, value in (
        ("content-type", "application/json"),
        (COOLING_HEADER, "true"),
        (RETRY_HEADER, COOLING),
    ):
        option = route.response_headers_to_add.add()
        option.header.key = name
        option.header.value = value
        option.append_action = core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    hcm.http_filters.add(name="envoy.filters.http.router").typed_config.CopyFrom(
        pack(router_v3.Router())
    )
    return _listener(STAND_IN, "envoy.filters.network.http_connection_manager", hcm)


def address_listener(provider: Provider) -> listener_v3.Listener:
    """The listener that passes bytes on to a provider's name."""
    name = address_name(provider)
    return _listener(
        name, "envoy.filters.network.tcp_proxy", tcp_v3.TcpProxy(stat_prefix=name, cluster=name)
    )


def _listener(name: str, network_filter: str, config: Message) -> listener_v3.Listener:
    listener = listener_v3.Listener(name=name)
    listener.internal_listener.SetInParent()
    chain = listener.filter_chains.add()
    chain.filters.add(name=network_filter).typed_config.CopyFrom(pack(config))
    return listener
