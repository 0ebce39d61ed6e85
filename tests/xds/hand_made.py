"""Small resources made by hand, so that the control plane is tested without the compiler."""

from __future__ import annotations

from xds.resource import Resource, resource
from xds.schema import envoy
from xds.wire import pack

core = envoy.config.core.v3
hcm = envoy.extensions.filters.network.http_connection_manager.v3
tls = envoy.extensions.transport_sockets.tls.v3


def ads():
    """The one ConfigSource there is."""
    source = core.ConfigSource(resource_api_version=core.V3)
    source.ads.SetInParent()
    return source


def listener(name="public", *, port=0, routes=None, secret=None) -> Resource:
    """An HTTP listener that takes its routes over RDS; with ``secret`` it does TLS by SDS."""
    manager = hcm.HttpConnectionManager(stat_prefix=name)
    manager.rds.config_source.CopyFrom(ads())
    manager.rds.route_config_name = routes or name
    router = envoy.extensions.filters.http.router.v3.Router()
    manager.http_filters.add(name="router").typed_config.CopyFrom(pack(router))
    message = envoy.config.listener.v3.Listener(name=name)
    message.address.socket_address.address = "127.0.0.1"
    message.address.socket_address.port_value = port
    chain = message.filter_chains.add()
    chain.filters.add(name="http").typed_config.CopyFrom(pack(manager))
    if secret is not None:
        context = tls.DownstreamTlsContext()
        certificate = context.common_tls_context.tls_certificate_sds_secret_configs.add(name=secret)
        certificate.sds_config.CopyFrom(ads())
        chain.transport_socket.name = "tls"
        chain.transport_socket.typed_config.CopyFrom(pack(context))
    return resource(message)


def routes(name="public", *, to=None, body=None, timeout=None) -> Resource:
    """A route configuration: everything ``to`` a cluster, or answered with ``body``."""
    message = envoy.config.route.v3.RouteConfiguration(name=name)
    route = message.virtual_hosts.add(name="all", domains=["*"]).routes.add(name="all")
    route.match.prefix = "/"
    if to is None:
        route.direct_response.status = 200
        route.direct_response.body.inline_string = body or "hello"
    else:
        route.route.cluster = to
        if timeout:
            route.route.timeout.seconds = timeout
    # A route to a cluster that is not there is accepted, as with RDS, and answers 503.
    message.validate_clusters.value = False
    return resource(message)


def cluster(name="orders", *, connect_timeout=1) -> Resource:
    """A cluster whose endpoints come over EDS."""
    kinds = envoy.config.cluster.v3.Cluster
    message = kinds(name=name, type=kinds.EDS)
    message.connect_timeout.seconds = connect_timeout
    message.eds_cluster_config.eds_config.CopyFrom(ads())
    message.eds_cluster_config.service_name = name
    return resource(message)


def endpoints(name="orders", *ports: int) -> Resource:
    """The endpoints of a cluster: ports on loopback."""
    message = envoy.config.endpoint.v3.ClusterLoadAssignment(cluster_name=name)
    locality = message.endpoints.add()
    locality.load_balancing_weight.value = 1
    for port in ports:
        address = locality.lb_endpoints.add().endpoint.address.socket_address
        address.address = "127.0.0.1"
        address.port_value = port
    return resource(message)


def certificate(name, chain: bytes, key: bytes) -> Resource:
    """An SDS secret with a certificate and its key."""
    message = tls.Secret(name=name)
    message.tls_certificate.certificate_chain.inline_bytes = chain
    message.tls_certificate.private_key.inline_bytes = key
    return resource(message)
