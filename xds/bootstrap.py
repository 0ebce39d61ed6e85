"""The Envoy bootstrap that subscribes to a control plane, and nothing else.

Source: envoy/config/bootstrap/v3/bootstrap.proto. All that is dynamic comes over one ADS stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from xds.bootstrap_tls import ClientTls, transport_socket
from xds.lease import TTL_FEATURE, WRAPPER_FEATURE
from xds.overload import DEFAULT, Overload, overload_manager
from xds.runtime_layer import BASE, BASE_LAYER, RUNTIME_LAYER
from xds.schema import envoy, google
from xds.wire import pack

CONTROL_PLANE: Final = "gatewright/control-plane"
"""The bootstrap's one static cluster."""


class AddressError(ValueError):
    """An address is neither ``host:port``, ``[v6]:port`` nor ``unix:/path``."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens: a host (name or IP) and port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_ip(self) -> bool:
        """Whether the host is an address and not a name."""
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return bool(self.path) or (self.is_ip and ip_address(self.host).is_loopback)


def address(text: str) -> Address:
    """Read ``host:port``, ``[v6]:port`` or ``unix:/path``; raise AddressError."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/"):
            raise AddressError(f"{text!r}: the path of a unix socket must be absolute")
        return Address(path=path)
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise AddressError(f"{text!r} is neither host:port nor unix:/path")
    if ":" in host and text[0] != "[":
        raise AddressError(f"{text!r}: write an IPv6 address in brackets, as in [::1]:18000")
    return Address(host=host, port=int(port))


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What a bootstrap depends on. ``node_id`` must be unique in a fleet; keepalive in seconds.

    ``fallbacks`` are further control planes, in the order in which they are tried while those
    before them are away. ``load_reports`` has Envoy tell the control plane how its requests fare.
    ``region``, ``zone`` and ``metadata`` are what the groups of a policy tell nodes apart by.
    """

    ads: Address
    node_id: str
    cluster: str
    protocol: Literal["delta", "sotw"] = "delta"
    admin: Address | None = None
    keepalive_interval: int = 30
    keepalive_timeout: int = 5
    fallbacks: tuple[Address, ...] = ()
    tls: ClientTls | None = None
    load_reports: bool = False
    region: str = ""
    zone: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    overload: Overload = DEFAULT


def bootstrap(wanted: Bootstrap) -> envoy.config.bootstrap.v3.Bootstrap:
    """Make the message.

    Envoy waits for its first clusters and listeners without a limit: an Envoy that gave up would
    call itself ready and serve nothing.
    """
    core = envoy.config.core.v3
    api = core.ApiConfigSource
    message = envoy.config.bootstrap.v3.Bootstrap()
    message.node.id = wanted.node_id
    message.node.cluster = wanted.cluster
    # Envoy knows both, and says neither by itself.
    message.node.client_features.extend((TTL_FEATURE, WRAPPER_FEATURE))
    if wanted.region or wanted.zone:
        message.node.locality.region = wanted.region
        message.node.locality.zone = wanted.zone
    if wanted.metadata:
        message.node.metadata.update(dict(wanted.metadata))
    if wanted.admin is not None:
        message.admin.address.CopyFrom(_address(wanted.admin))
    ads = message.dynamic_resources.ads_config
    ads.api_type = api.DELTA_GRPC if wanted.protocol == "delta" else api.GRPC
    ads.transport_api_version = core.V3
    ads.set_node_on_first_message_only = True
    ads.grpc_services.add().envoy_grpc.cluster_name = CONTROL_PLANE
    for source in (message.dynamic_resources.cds_config, message.dynamic_resources.lds_config):
        source.ads.SetInParent()
        source.resource_api_version = core.V3
        source.initial_fetch_timeout.seconds = 0
    if wanted.load_reports:
        reports = message.cluster_manager.load_stats_config
        reports.api_type = api.GRPC
        reports.transport_api_version = core.V3
        reports.grpc_services.add().envoy_grpc.cluster_name = CONTROL_PLANE
    message.bootstrap_extensions.append(internal_listeners())
    message.overload_manager.CopyFrom(overload_manager(wanted.overload))
    _add_runtime(message)
    message.static_resources.clusters.append(_control_plane(wanted))
    return message


def internal_listeners() -> envoy.config.core.v3.TypedExtensionConfig:
    """Let there be listeners inside of Envoy, which stand in for providers that cool down."""
    extension = envoy.extensions.bootstrap.internal_listener.v3.InternalListener()
    return envoy.config.core.v3.TypedExtensionConfig(
        name="envoy.bootstrap.internal_listener", typed_config=pack(extension)
    )


def _add_runtime(message: envoy.config.bootstrap.v3.Bootstrap) -> None:
    """Have the policy's runtime keys followed, and let the admin interface override them."""
    base = message.layered_runtime.layers.add(name=BASE_LAYER).static_layer
    base.update(BASE)
    followed = message.layered_runtime.layers.add(name=RUNTIME_LAYER).rtds_layer
    followed.name = RUNTIME_LAYER
    followed.rtds_config.ads.SetInParent()
    followed.rtds_config.resource_api_version = envoy.config.core.v3.V3
    # Last, so that it wins. Envoy has this layer by default, but not beside others.
    message.layered_runtime.layers.add(name="admin").admin_layer.SetInParent()


def _control_plane(wanted: Bootstrap) -> envoy.config.cluster.v3.Cluster:
    kinds = envoy.config.cluster.v3.Cluster
    planes = (wanted.ads, *wanted.fallbacks)
    by_name = any(not one.path and not one.is_ip for one in planes)
    cluster = kinds(
        name=CONTROL_PLANE,
        type=kinds.STRICT_DNS if by_name else kinds.STATIC,
        connect_timeout=google.protobuf.Duration(seconds=5),
    )
    cluster.load_assignment.cluster_name = CONTROL_PLANE
    for priority, one in enumerate(planes):
        locality = cluster.load_assignment.endpoints.add(priority=priority)
        locality.lb_endpoints.add().endpoint.address.CopyFrom(_address(one))
    if wanted.fallbacks:
        cluster.health_checks.append(_health_check())
    if wanted.tls is not None:
        cluster.transport_socket.CopyFrom(transport_socket(wanted.tls))
    options = envoy.extensions.upstreams.http.v3.HttpProtocolOptions()
    http2 = options.explicit_http_config.http2_protocol_options
    # A control plane that vanished without a word (a cut cable, a frozen machine) is noticed.
    http2.connection_keepalive.interval.seconds = wanted.keepalive_interval
    http2.connection_keepalive.timeout.seconds = wanted.keepalive_timeout
    cluster.typed_extension_protocol_options[
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    ].CopyFrom(pack(options))
    return cluster


def _health_check() -> envoy.config.core.v3.HealthCheck:
    """Ask a control plane whether it has something to serve, over one connection that is kept.

    Envoy's own xDS failover (two gRPC services) is for its start alone: once the first has
    answered, only that one is tried again. Endpoints of falling priority are left and come back to
    at any time. A wrong answer does no harm: a stream that is open stays where it is.
    """
    seconds = google.protobuf.Duration
    check = envoy.config.core.v3.HealthCheck(
        timeout=seconds(seconds=3),
        interval=seconds(seconds=2),
        interval_jitter=seconds(seconds=1),
        no_traffic_interval=seconds(seconds=2),
    )
    check.unhealthy_threshold.value = 1
    check.healthy_threshold.value = 1
    check.grpc_health_check.SetInParent()
    return check


def _address(at: Address) -> envoy.config.core.v3.Address:
    message = envoy.config.core.v3.Address()
    if at.path:
        message.pipe.path = at.path
    else:
        message.socket_address.address = at.host
        message.socket_address.port_value = at.port
    return message
