"""Lower a listener's routes: one route configuration, with a virtual host for each host named.

Envoy takes the most particular virtual host and looks nowhere else. In the language, a request
that no route of its own host takes goes on to the routes of wider hosts. So every virtual host
holds, after its own routes, those of all hosts that cover it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.lower.route_index import index_hosts
from compiler.plan import Listener, Route
from compiler.route_order import routes_by_host
from xds.schema import envoy
from xds.shards import part_name, table_in_parts

route_v3 = envoy.config.route.v3

ANY = "*"

IN_PARTS_FROM = 16 * 1024
"""Bytes from which a route table is served by virtual host where that works: what is smaller costs
little as a whole."""
LARGEST_PART = 4
"""The largest virtual host may be one in so many of such a table; else a change costs as much."""

_ENVOYS_BODY_LIMIT = 4096


def lower_routes(
    listener: Listener,
    routes: Sequence[Route],
    lowered: Mapping[str, Sequence[route_v3.Route]],
) -> route_v3.RouteConfiguration:
    """Make the route configuration of ``routes`` (in the order in which they are tried).

    ``lowered`` has the Envoy routes of each by the route's name; one without any is left out.
    """
    configuration = route_v3.RouteConfiguration(name=listener.name)
    # `api.example.com:8443` is `api.example.com`: hosts are matched by name.
    configuration.ignore_port_in_host_matching = True
    for host, tried in sorted(routes_by_host(routes).items()):
        domain = host or ANY
        virtual_host = configuration.virtual_hosts.add(name=domain, domains=[domain])
        for route in tried:
            virtual_host.routes.extend(lowered.get(route.name, ()))
        if listener.on_demand:
            _end_with_not_found(virtual_host)
    index_hosts(configuration)
    on_demand = listener.on_demand and bool(configuration.virtual_hosts)
    if on_demand or _pays_in_parts(configuration):
        configuration.name = table_in_parts(listener.name, on_demand=on_demand)
        for virtual_host in configuration.virtual_hosts:
            # Envoy removes a virtual host by the name of the resource that it came as.
            virtual_host.name = part_name(configuration.name, virtual_host.domains[0])
    longest = max(
        (
            len(message.direct_response.body.inline_string.encode())
            for messages in lowered.values()
            for message in messages
            if message.HasField("direct_response")
        ),
        default=0,
    )
    if longest > _ENVOYS_BODY_LIMIT:
        configuration.max_direct_response_body_size_bytes.value = longest
    return configuration


def _end_with_not_found(virtual_host: route_v3.VirtualHost) -> None:
    """Answer 404 in the end: Envoy would ask for the host anew whenever it finds no route."""
    last = virtual_host.routes.add(name="not-found")
    last.match.prefix = "/"
    last.direct_response.status = 404


def _pays_in_parts(configuration: route_v3.RouteConfiguration) -> bool:
    size = configuration.ByteSize()
    if size < IN_PARTS_FROM:
        return False
    return LARGEST_PART * max(host.ByteSize() for host in configuration.virtual_hosts) <= size
