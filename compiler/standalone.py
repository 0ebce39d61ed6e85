"""One static bootstrap of a whole gateway, which Envoy runs or validates without a control plane.

What the control plane would serve stands inline: routes in their listeners, endpoints in their
clusters. Secrets are the exception: they stay with ADS (which validation never calls) unless their
values are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler.lower.lowered import Lowered
from policies.downstream_tls import SOCKET
from xds.schema import envoy
from xds.wire import Message, decode, pack, to_json, unpack

bootstrap_v3 = envoy.config.bootstrap.v3
cluster_v3 = envoy.config.cluster.v3
core_v3 = envoy.config.core.v3
endpoint_v3 = envoy.config.endpoint.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
listener_v3 = envoy.config.listener.v3
route_v3 = envoy.config.route.v3
tls_v3 = envoy.extensions.transport_sockets.tls.v3

XDS_CLUSTER = "xds"


def standalone(
    lowered: Lowered, secrets: Mapping[str, tls_v3.Secret] | None = None
) -> dict[str, Any]:
    """Make the bootstrap, as proto3 JSON that `envoy --config-path` takes.

    With ``secrets`` (by name) the result holds their values: keep it as you keep them. A secret
    that is not among them, and all without ``secrets``, is asked for over ADS at a cluster that
    answers nothing: good to read and to validate, not to run.
    """
    secrets = secrets or {}
    routes: dict[str, route_v3.RouteConfiguration] = {}
    endpoints: dict[str, endpoint_v3.ClusterLoadAssignment] = {}
    listeners: list[listener_v3.Listener] = []
    clusters: list[cluster_v3.Cluster] = []
    for resource in lowered.resources:
        message: Any = resource.message
        if isinstance(message, route_v3.RouteConfiguration):
            routes[message.name] = message
        elif isinstance(message, endpoint_v3.ClusterLoadAssignment):
            endpoints[message.cluster_name] = message
        elif isinstance(message, listener_v3.Listener):
            listeners.append(message)
        else:
            clusters.append(message)
    bootstrap = bootstrap_v3.Bootstrap()
    bootstrap.node.id = bootstrap.node.cluster = "standalone"
    static = bootstrap.static_resources
    static.listeners.extend(_listener(listener, routes, secrets) for listener in listeners)
    static.clusters.extend(_cluster(cluster, endpoints, secrets) for cluster in clusters)
    static.secrets.extend(secrets[name] for name in sorted(secrets))
    if any(ref.name not in secrets for ref in lowered.secrets):
        _add_ads(bootstrap)
    return to_json(bootstrap)


def _listener(
    listener: listener_v3.Listener,
    routes: Mapping[str, route_v3.RouteConfiguration],
    secrets: Mapping[str, tls_v3.Secret],
) -> listener_v3.Listener:
    """Put the routes inline, and name static secrets."""
    inlined = listener_v3.Listener()
    inlined.CopyFrom(listener)
    for chain in inlined.filter_chains:
        _secrets_of_socket(chain, secrets)
        for network_filter in chain.filters:
            hcm = unpack(network_filter.typed_config)
            if isinstance(hcm, hcm_v3.HttpConnectionManager) and hcm.HasField("rds"):
                hcm.route_config.CopyFrom(routes[hcm.rds.route_config_name])
                network_filter.typed_config.CopyFrom(pack(hcm))
    return inlined


def _cluster(
    cluster: cluster_v3.Cluster,
    endpoints: Mapping[str, endpoint_v3.ClusterLoadAssignment],
    secrets: Mapping[str, tls_v3.Secret],
) -> cluster_v3.Cluster:
    """Put the endpoints inline, and name static secrets."""
    inlined = cluster_v3.Cluster()
    inlined.CopyFrom(cluster)
    if inlined.type == cluster_v3.Cluster.EDS:
        name = inlined.eds_cluster_config.service_name or inlined.name
        inlined.type = cluster_v3.Cluster.STATIC
        inlined.ClearField("eds_cluster_config")
        inlined.load_assignment.CopyFrom(endpoints[name])
    _secrets_of_socket(inlined, secrets)
    _secrets_of_filters(inlined, secrets)
    return inlined


def _secrets_of_socket(
    holder: listener_v3.FilterChain | cluster_v3.Cluster, secrets: Mapping[str, tls_v3.Secret]
) -> None:
    sockets = [holder.transport_socket] if holder.HasField("transport_socket") else []
    if isinstance(holder, cluster_v3.Cluster):
        sockets += [match.transport_socket for match in holder.transport_socket_matches]
    for socket in sockets:
        if socket.name == SOCKET:
            context = unpack(socket.typed_config)
            _make_static(context, secrets)
            socket.typed_config.CopyFrom(pack(context))


def _secrets_of_filters(cluster: cluster_v3.Cluster, secrets: Mapping[str, tls_v3.Secret]) -> None:
    """Upstream HTTP filters (credentials) stand packed inside the packed protocol options."""
    options_v3 = envoy.extensions.upstreams.http.v3
    for packed in cluster.typed_extension_protocol_options.values():
        options = decode(options_v3.HttpProtocolOptions, packed.value)
        for http_filter in options.http_filters:
            config = unpack(http_filter.typed_config)
            _make_static(config, secrets)
            http_filter.typed_config.CopyFrom(pack(config))
        packed.CopyFrom(pack(options))


def _make_static(message: Message, secrets: Mapping[str, tls_v3.Secret]) -> None:
    """Take the ConfigSource off every reference to a secret that is there: it is then static."""
    if isinstance(message, tls_v3.SdsSecretConfig):
        if message.name in secrets:
            message.ClearField("sds_config")
        return
    any_url = "google.protobuf.Any"
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for item in value if field.is_repeated else (value,):
            if field.message_type.full_name != any_url:
                _make_static(item, secrets)
            elif "credential_injector" in item.type_url or "injected_credentials" in item.type_url:
                inner = unpack(item)
                _make_static(inner, secrets)
                item.CopyFrom(pack(inner))


def _add_ads(bootstrap: bootstrap_v3.Bootstrap) -> None:
    """Name a management server at a port where nothing can listen."""
    ads = bootstrap.dynamic_resources.ads_config
    ads.api_type = core_v3.ApiConfigSource.DELTA_GRPC
    ads.transport_api_version = core_v3.V3
    ads.grpc_services.add().envoy_grpc.cluster_name = XDS_CLUSTER
    cluster = bootstrap.static_resources.clusters.add(
        name=XDS_CLUSTER, type=cluster_v3.Cluster.STATIC
    )
    cluster.connect_timeout.seconds = 1
    cluster.load_assignment.cluster_name = XDS_CLUSTER
    host = cluster.load_assignment.endpoints.add().lb_endpoints.add()
    host.endpoint.address.socket_address.address = "127.0.0.1"
    host.endpoint.address.socket_address.port_value = 1
    options = envoy.extensions.upstreams.http.v3.HttpProtocolOptions()
    options.explicit_http_config.http2_protocol_options.SetInParent()
    cluster.typed_extension_protocol_options[
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    ].CopyFrom(pack(options))
