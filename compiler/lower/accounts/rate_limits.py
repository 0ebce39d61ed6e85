"""Limits on requests that all Envoys share, where nothing else is asked of an edge.

Envoy asks the rate-limit service of the edge, or one of yours, with a descriptor for each limit
that a request is under: `(limit, ID)`, and whose it is where each has a counter of its own. Those
of the gateway are the same for all requests; the others come from the metadata of the route and of
the request (`slots`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.gates import RETRY_AFTER
from compiler.lower.accounts.edge_cluster import TIMEOUT, edge_service
from compiler.lower.accounts.names import NAMESPACE
from compiler.lower.accounts.slots import Key, Slots, filled, slot, slots_of
from compiler.plan import Plan, Route
from compiler.plan_accounts import PlacedLimit
from compiler.plan_llm import Model, Provider
from policies.http_options import http_options
from xds.edge.limit import Away, Each
from xds.edge.paths import CLUSTER
from xds.edge.usage_line import AUTHZ, TENANT
from xds.schema import envoy
from xds.wire import pack

cluster_v3 = envoy.config.cluster.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
limit_v3 = envoy.extensions.filters.http.ratelimit.v3
core_v3 = envoy.config.core.v3
route_v3 = envoy.config.route.v3

FILTER = "envoy.filters.http.ratelimit"
YOURS = "gatewright/ratelimit"
"""The cluster of a rate-limit service that is not the edge's."""
LIMIT = "limit"
CLIENT = "client"

_METADATA = route_v3.RateLimit.Action.MetaData


def rate_limit_filter(plan: Plan, routes: Iterable[Route]) -> hcm_v3.HttpFilter:
    """The filter, switched off; the domain is the gateway's name."""
    yours = bool(plan.edge.ratelimit)
    config = limit_v3.RateLimit(
        domain=plan.name,
        enable_x_ratelimit_headers=limit_v3.RateLimit.DRAFT_VERSION_03,
        enable_retry_after_header=plan.envoy >= RETRY_AFTER.since,
        disable_x_envoy_ratelimited_header=True,
        failure_mode_deny=closed(plan, routes),
    )
    config.timeout.FromTimedelta(TIMEOUT)
    config.status_on_error.code = 503
    service = config.rate_limit_service
    service.transport_api_version = core_v3.V3
    service.grpc_service.CopyFrom(edge_service(cluster=YOURS if yours else CLUSTER))
    config.rate_limits.extend(_actions(plan, slots_of(plan)))
    return hcm_v3.HttpFilter(name=FILTER, typed_config=pack(config), disabled=True)


def closed(plan: Plan, routes: Iterable[Route]) -> bool:
    """Tell whether requests are refused while nobody answers: if any limit of them says so."""
    placed = [
        *plan.limits,
        *(limit for route in routes for limit in route.limits),
        *(limit for model in plan.models for limit in model.limits),
        *(limit for provider in plan.providers for limit in provider.limits),
        *(limit for tenant in plan.tenants for limit in tenant.limits),
        *(limit for tenant in plan.tenants for team in tenant.teams for limit in team.limits),
    ]
    return any(one.limit.away is Away.CLOSED for one in placed if not one.per_edge)


def ask_limits(route: Route, made: route_v3.Route, more: Iterable[PlacedLimit]) -> dict[str, str]:
    """Switch the filter on for a route; give what its metadata have to say of its limits.

    ``more`` are those of the model that an Envoy route leads to, and of its providers.
    """
    on = route_v3.FilterConfig()
    on.config.SetInParent()
    made.typed_per_filter_config[FILTER].CopyFrom(pack(on))
    return {**filled("route", route.limits), **filled("model", more)}


def limits_of(model: Model, providers: dict[str, Provider]) -> tuple[PlacedLimit, ...]:
    """The limits of a model, and of the providers that its requests go to at first."""
    names = dict.fromkeys(target.provider for target in model.groups[0].targets)
    return (*model.limits, *(limit for name in names for limit in providers[name].limits))


def your_cluster(address: str) -> cluster_v3.Cluster:
    """The cluster of a rate-limit service at ``host:port``."""
    host, _, port = address.rpartition(":")
    cluster = cluster_v3.Cluster(name=YOURS, type=cluster_v3.Cluster.STRICT_DNS)
    cluster.connect_timeout.FromTimedelta(TIMEOUT)
    cluster.dns_lookup_family = cluster_v3.Cluster.V4_PREFERRED
    cluster.load_assignment.cluster_name = YOURS
    endpoint = cluster.load_assignment.endpoints.add().lb_endpoints.add().endpoint
    endpoint.address.socket_address.address = host.strip("[]")
    endpoint.address.socket_address.port_value = int(port)
    with http_options(cluster) as options:
        options.explicit_http_config.http2_protocol_options.SetInParent()
    return cluster


def _actions(plan: Plan, slots: Slots) -> Iterator[route_v3.RateLimit]:
    for placed in plan.limits:
        if not placed.per_edge:
            made = route_v3.RateLimit()
            known = made.actions.add().generic_key
            known.descriptor_key = LIMIT
            known.descriptor_value = placed.limit.id
            whose(placed.limit.each, made)
            yield made
    for key in slots.routes:
        yield _from_metadata(key, NAMESPACE, _METADATA.ROUTE_ENTRY)
    for key in slots.tenants:
        yield _from_metadata(key, NAMESPACE, _METADATA.DYNAMIC)


def _from_metadata(
    key: Key, namespace: str, source: route_v3.RateLimit.Action.MetaData.Source.ValueType
) -> route_v3.RateLimit:
    made = route_v3.RateLimit()
    named = made.actions.add().metadata
    named.descriptor_key = LIMIT
    named.metadata_key.key = namespace
    named.metadata_key.path.add().key = slot(key)
    named.source = source
    whose(key[1], made)
    return made


def whose(each: Each, made: route_v3.RateLimit) -> None:
    """Add to a descriptor whose counter it is."""
    if each is Each.CLIENT:
        made.actions.add().remote_address.SetInParent()
    elif each is Each.TENANT:
        named = made.actions.add().metadata
        named.descriptor_key = TENANT
        named.metadata_key.key = AUTHZ
        named.metadata_key.path.add().key = TENANT
