"""The stage ``check``: what Envoy would refuse, or fail on later, is found before it is served.

Every reference leads to a resource that is there, no name stands twice, and nothing is larger than
gRPC clients take. Missing references are faults of the compiler and not of a policy; they are
reported all the same, since an Envoy that gets them answers 503 without a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from compiler.diagnostic import Reporter
from compiler.lower.lowered import SIZE_BUDGET, Lowered
from compiler.lower.route_index import route_lists
from compiler.source import Span
from xds.edge.resources import TYPES
from xds.references import references
from xds.resource import Resource
from xds.schema import envoy
from xds.wire import encode, pack, unpack

cluster_v3 = envoy.config.cluster.v3
endpoint_v3 = envoy.config.endpoint.v3
listener_v3 = envoy.config.listener.v3
route_v3 = envoy.config.route.v3
priority_group_v3 = envoy.extensions.router.cluster_specifiers.priority_group.v3

MANY_ROUTES = 2_000
"""Routes that one request may have to be held against, some 0.08 us each."""


def check(lowered: Lowered, reporter: Reporter) -> Lowered:
    """Report what is wrong with the resources as a whole; give them back as they are."""
    counts = Counter((resource.type_url, resource.name) for resource in lowered.resources)
    names: dict[type[Any], set[str]] = {}
    for resource in lowered.resources:
        names.setdefault(type(resource.message), set()).add(resource.name)
    known = _Known(
        clusters=names.get(cluster_v3.Cluster, set()),
        routes=names.get(route_v3.RouteConfiguration, set()),
        endpoints=names.get(endpoint_v3.ClusterLoadAssignment, set()),
        secrets={ref.name for ref in lowered.secrets},
    )
    for resource in lowered.resources:
        at = lowered.origins.get((resource.type_url, resource.name))
        if counts[resource.type_url, resource.name] > 1:
            message = f"{_called(resource)} is there more than once"
            reporter.error("duplicate-resource", message, at)
        _check_size(resource, at, reporter)
        for what, name in _missing(resource, known):
            message = f"{_called(resource)} refers to {what} `{name}`, which is not there"
            reporter.error("dangling-reference", message, at, hint="this is a fault of gatewright")
        if isinstance(resource.message, route_v3.RouteConfiguration):
            _count_routes(resource.message, at, reporter)
    return lowered


class _Known:
    """The names of the resources that may be referred to."""

    __slots__ = ("clusters", "endpoints", "routes", "secrets")

    def __init__(
        self, clusters: set[str], routes: set[str], endpoints: set[str], secrets: set[str]
    ) -> None:
        self.clusters = clusters
        self.routes = routes
        self.endpoints = endpoints
        self.secrets = secrets


def _called(resource: Resource) -> str:
    kind = resource.type_url.rpartition(".")[2]
    return f"{kind} `{resource.name}`"


def _check_size(resource: Resource, at: Span | None, reporter: Reporter) -> None:
    size = resource.message.ByteSize()
    if size <= SIZE_BUDGET:
        return
    hints = {
        route_v3.RouteConfiguration: "spread the routes over several listeners, name fewer hosts "
        "(each host holds the routes of all wider hosts too), or fewer models on a route",
        endpoint_v3.ClusterLoadAssignment: "spread the endpoints over several services",
    }
    reporter.error(
        "resource-too-large",
        f"{_called(resource)} has {size / 2**20:.1f} MiB; gRPC carries less than 4",
        at,
        hint=hints.get(type(resource.message), "make it from less"),
    )


def _missing(resource: Resource, known: _Known) -> Iterator[tuple[str, str]]:
    message: Any = resource.message
    if resource.type_url in TYPES:
        return  # an edge's: it names tenants, models and routes, and nothing of Envoy's
    if isinstance(message, route_v3.RouteConfiguration):
        for name in sorted(set(_clusters(message)) - known.clusters):
            yield "cluster", name
        return
    if isinstance(message, endpoint_v3.ClusterLoadAssignment):
        return
    found = references(encode(pack(message)))
    for what, wanted, there in (
        ("route configuration", found.routes, known.routes),
        ("endpoints", found.endpoints, known.endpoints),
        ("secret", found.secrets, known.secrets),
    ):
        for name in sorted(wanted - there):
            yield what, name


def _clusters(configuration: route_v3.RouteConfiguration) -> Iterator[str]:
    """The clusters that routes name; walked by hand, since there may be many thousands."""
    for virtual_host in configuration.virtual_hosts:
        for routes in route_lists(virtual_host):
            for route in routes:
                if route.HasField("route"):
                    yield from _clusters_of(route.route)


def _clusters_of(action: route_v3.RouteAction) -> Iterator[str]:
    match action.WhichOneof("cluster_specifier"):
        case "cluster":
            yield action.cluster
        case "weighted_clusters":
            for share in action.weighted_clusters.clusters:
                yield share.name
        case "inline_cluster_specifier_plugin":
            plugin = action.inline_cluster_specifier_plugin.extension.typed_config
            specifier = unpack(plugin)
            if isinstance(specifier, priority_group_v3.PriorityGroupClusterSpecifier):
                for group in specifier.priority_groups:
                    for member in group.clusters:
                        yield member.cluster_name


def _count_routes(
    configuration: route_v3.RouteConfiguration, at: Span | None, reporter: Reporter
) -> None:
    for virtual_host in configuration.virtual_hosts:
        longest = max(map(len, route_lists(virtual_host)), default=0)
        if longest > MANY_ROUTES:
            reporter.warning(
                "many-routes",
                f"a request to host `{virtual_host.name}` of listener `{configuration.name}` may "
                f"be held against {longest} routes, one after the other",
                at,
                hint="routes whose paths begin differently are found at once: write prefixes, "
                "paths or templates instead of expressions that begin with anything",
            )
