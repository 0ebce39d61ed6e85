"""One static bootstrap of a whole gateway, which Envoy runs or validates without a control plane.

What the control plane would serve stands inline: routes in their listeners, endpoints in their
clusters. Secrets are the exception: unless their values are given they are asked for at a cluster
that answers nothing, and not over ADS: Envoy 1.40 makes static clusters before its ADS stream, and
a static cluster with addresses whose secrets come over ADS ends it with a segmentation fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.lower.lowered import Lowered
from policies.http_options import EXTENSION, http_v3
from xds.bootstrap import internal_listeners
from xds.edge.paths import USAGE_LOG
from xds.edge.resources import TYPES
from xds.runtime_layer import BASE, BASE_LAYER
from xds.schema import envoy, google
from xds.wire import Message, UnknownTypeError, encode, pack, to_json, unpack

bootstrap_v3 = envoy.config.bootstrap.v3
cluster_v3 = envoy.config.cluster.v3
core_v3 = envoy.config.core.v3
endpoint_v3 = envoy.config.endpoint.v3
file_v3 = envoy.extensions.access_loggers.file.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
listener_v3 = envoy.config.listener.v3
route_v3 = envoy.config.route.v3
runtime_v3 = envoy.service.runtime.v3
tls_v3 = envoy.extensions.transport_sockets.tls.v3

XDS_CLUSTER = "xds"
NOWHERE = "/dev/null"


def standalone(lowered: Lowered, secrets: Mapping[str, Message] | None = None) -> dict[str, Any]:
    """Make the bootstrap, as proto3 JSON that `envoy --config-path` takes.

    With ``secrets`` (Secret messages by name) the result holds their values: keep it as you keep
    them. A secret that is not among them, and all without ``secrets``, is asked for at a cluster
    that answers nothing: good to read and to validate, not to run.
    """
    secrets = secrets or {}
    routes: dict[str, route_v3.RouteConfiguration] = {}
    endpoints: dict[str, endpoint_v3.ClusterLoadAssignment] = {}
    listeners: list[listener_v3.Listener] = []
    clusters: list[cluster_v3.Cluster] = []
    bootstrap = bootstrap_v3.Bootstrap()
    bootstrap.layered_runtime.layers.add(name=BASE_LAYER).static_layer.update(BASE)
    bootstrap.bootstrap_extensions.append(internal_listeners())
    for resource in lowered.resources:
        if resource.type_url in TYPES:
            continue  # an edge's, which no bootstrap can give it
        message: Any = resource.message
        if isinstance(message, route_v3.RouteConfiguration):
            routes[message.name] = message
        elif isinstance(message, endpoint_v3.ClusterLoadAssignment):
            endpoints[message.cluster_name] = message
        elif isinstance(message, listener_v3.Listener):
            listeners.append(message)
        elif isinstance(message, runtime_v3.Runtime):
            layer = bootstrap.layered_runtime.layers.add(name=message.name)
            layer.static_layer.CopyFrom(message.layer)
        else:
            clusters.append(message)
    bootstrap.node.id = bootstrap.node.cluster = "standalone"
    static = bootstrap.static_resources
    static.listeners.extend(_listener(listener, routes, secrets) for listener in listeners)
    static.clusters.extend(_cluster(cluster, endpoints, secrets) for cluster in clusters)
    for name in sorted(secrets):
        static.secrets.add().MergeFromString(encode(secrets[name]))
    if any(ref.name not in secrets for ref in lowered.secrets):
        _add_xds_cluster(bootstrap)
    return to_json(bootstrap)


def _listener(
    listener: listener_v3.Listener,
    routes: Mapping[str, route_v3.RouteConfiguration],
    secrets: Mapping[str, Message],
) -> listener_v3.Listener:
    """Put the routes inline, and make references to known secrets static."""
    inlined = listener_v3.Listener()
    inlined.CopyFrom(listener)
    for chain in inlined.filter_chains:
        for network_filter in chain.filters:
            hcm = unpack(network_filter.typed_config)
            if isinstance(hcm, hcm_v3.HttpConnectionManager) and hcm.HasField("rds"):
                hcm.route_config.CopyFrom(routes[hcm.rds.route_config_name])
                _drop_usage(hcm)
                network_filter.typed_config.CopyFrom(pack(hcm))
    _place_secrets(inlined, secrets)
    return inlined


def _drop_usage(hcm: hcm_v3.HttpConnectionManager) -> None:
    """Write usage nowhere: without its folder Envoy would not start, and no edge reads it here."""
    for log in hcm.access_log:
        config = unpack(log.typed_config)
        if isinstance(config, file_v3.FileAccessLog) and config.path.endswith(f"/{USAGE_LOG}"):
            config.path = NOWHERE
            log.typed_config.CopyFrom(pack(config))


def _cluster(
    cluster: cluster_v3.Cluster,
    endpoints: Mapping[str, endpoint_v3.ClusterLoadAssignment],
    secrets: Mapping[str, Message],
) -> cluster_v3.Cluster:
    """Put the endpoints inline, and make references to known secrets static."""
    inlined = cluster_v3.Cluster()
    inlined.CopyFrom(cluster)
    if inlined.type == cluster_v3.Cluster.EDS:
        name = inlined.eds_cluster_config.service_name or inlined.name
        inlined.type = cluster_v3.Cluster.STATIC
        inlined.ClearField("eds_cluster_config")
        inlined.load_assignment.CopyFrom(endpoints[name])
    _place_secrets(inlined, secrets)
    return inlined


def _place_secrets(message: Message, secrets: Mapping[str, Message]) -> bool:
    """Make references to known secrets static, and ask for the others where nothing answers.

    References stand packed inside packed messages (a credential filter in a cluster's protocol
    options), so every Any that the schema knows is opened. Tells whether anything changed.
    """
    if isinstance(message, tls_v3.SdsSecretConfig):
        message.ClearField("sds_config")
        if message.name not in secrets:
            message.sds_config.resource_api_version = core_v3.V3
            source = message.sds_config.api_config_source
            source.api_type = core_v3.ApiConfigSource.GRPC
            source.transport_api_version = core_v3.V3
            source.grpc_services.add().envoy_grpc.cluster_name = XDS_CLUSTER
        return True
    if isinstance(message, google.protobuf.Any):
        try:
            inner = unpack(message)
        except UnknownTypeError:
            return False
        changed = _place_secrets(inner, secrets)
        if changed:
            message.CopyFrom(pack(inner))
        return changed
    changed = False
    for field, value in message.ListFields():
        for item in _messages(field, value):
            changed |= _place_secrets(item, secrets)
    return changed


def _messages(field: Any, value: Any) -> Iterable[Message]:
    if field.message_type is None:
        return ()
    if not field.is_repeated:
        return (value,)
    items = value.values() if field.message_type.GetOptions().map_entry else value
    return [item for item in items if isinstance(item, Message)]


def _add_xds_cluster(bootstrap: bootstrap_v3.Bootstrap) -> None:
    """Name a management server at a port where nothing can listen."""
    cluster = bootstrap.static_resources.clusters.add(
        name=XDS_CLUSTER, type=cluster_v3.Cluster.STATIC
    )
    cluster.connect_timeout.seconds = 1
    cluster.load_assignment.cluster_name = XDS_CLUSTER
    host = cluster.load_assignment.endpoints.add().lb_endpoints.add()
    host.endpoint.address.socket_address.address = "127.0.0.1"
    host.endpoint.address.socket_address.port_value = 1
    options = http_v3.HttpProtocolOptions()
    options.explicit_http_config.http2_protocol_options.SetInParent()
    cluster.typed_extension_protocol_options[EXTENSION].CopyFrom(pack(options))
