"""Lower a service: a cluster, and its endpoints apart from it where they are addresses."""

from __future__ import annotations

from itertools import groupby

from compiler.diagnostic import Reporter
from compiler.lower.attached import attached
from compiler.plan import EndpointAddress, Protocol, Resolution, Service
from policies import circuit
from policies.ads import ads_source
from policies.base import Place
from policies.http_options import http_options
from policies.upstream_tls import UpstreamTls
from xds.schema import envoy

cluster_v3 = envoy.config.cluster.v3
endpoint_v3 = envoy.config.endpoint.v3

_TYPES: dict[Resolution, cluster_v3.Cluster.DiscoveryType.ValueType] = {
    Resolution.STATIC: cluster_v3.Cluster.EDS,
    Resolution.DNS: cluster_v3.Cluster.STRICT_DNS,
    Resolution.LOGICAL_DNS: cluster_v3.Cluster.LOGICAL_DNS,
}


def cluster_name(service: str) -> str:
    """The name of a service's cluster: its identity, and never an index."""
    return f"service/{service}"


def lower_service(
    service: Service, reporter: Reporter
) -> tuple[cluster_v3.Cluster, endpoint_v3.ClusterLoadAssignment | None]:
    """Make a service's cluster, and its endpoints where they are served apart (EDS)."""
    cluster = cluster_v3.Cluster(name=cluster_name(service.name), type=_TYPES[service.resolution])
    cluster.connect_timeout.FromTimedelta(service.connect_timeout)
    endpoints = load_assignment(cluster.name, service.endpoints)
    if service.resolution is Resolution.STATIC:
        cluster.eds_cluster_config.eds_config.CopyFrom(ads_source())
    else:
        cluster.load_assignment.CopyFrom(endpoints)
        # Else a name with an AAAA record is only tried over IPv6, there or not.
        cluster.dns_lookup_family = cluster_v3.Cluster.V4_PREFERRED
        cluster.respect_dns_ttl = True
    with http_options(cluster) as options:
        if service.protocol is Protocol.HTTP1:
            options.explicit_http_config.http_protocol_options.SetInParent()
        else:
            options.explicit_http_config.http2_protocol_options.SetInParent()
    circuit.patch_cluster(circuit.DEFAULT, cluster)
    for kind, applied in attached(Place.SERVICE, service.policies):
        if isinstance(applied.plan, UpstreamTls):
            _check_names(service, applied.plan, reporter)
        if kind.patch_cluster is not None:
            kind.patch_cluster(applied.plan, cluster)
    return cluster, endpoints if service.resolution is Resolution.STATIC else None


def load_assignment(
    name: str, endpoints: tuple[EndpointAddress, ...]
) -> endpoint_v3.ClusterLoadAssignment:
    """Group endpoints by priority and zone, in that order; priorities are made dense."""
    assignment = endpoint_v3.ClusterLoadAssignment(cluster_name=name)
    levels = {p: rank for rank, p in enumerate(sorted({e.priority for e in endpoints}))}
    ordered = sorted(endpoints, key=lambda e: (e.priority, e.zone, e.host, e.port))
    for (priority, zone), group in groupby(ordered, key=lambda e: (e.priority, e.zone)):
        locality = assignment.endpoints.add(priority=levels[priority])
        if zone:
            locality.locality.zone = zone
        for endpoint in group:
            host = locality.lb_endpoints.add()
            host.load_balancing_weight.value = endpoint.weight
            socket = host.endpoint.address.socket_address
            socket.address = endpoint.host
            socket.port_value = endpoint.port
    return assignment


def _check_names(service: Service, tls: UpstreamTls, reporter: Reporter) -> None:
    """An address has no name that a certificate could be held against."""
    if service.resolution is Resolution.STATIC and tls.sni is None and not tls.verify:
        at = next(applied.at for applied in service.policies if applied.plan is tls)
        reporter.error(
            "tls-without-name",
            f"service `{service.name}` has TLS to IP addresses, but no name to verify",
            at,
            hint="give `sni`, or list names or addresses under `verify`",
        )
