"""What a gRPC client needs to do without a proxy, made by hand: listener, routes, backend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc

from tests.xds.hand_made import ads, cluster, endpoints, hcm
from xds.resource import Resource, resource
from xds.schema import envoy
from xds.wire import pack

METHOD = "/test.Echo/Name"
"""Unary; the request is empty, and the answer is the backend's name."""


@contextmanager
def backend(name: str) -> Iterator[int]:
    """Serve METHOD until the block ends; gives the port."""
    handler = grpc.method_handlers_generic_handler(
        "test.Echo", {"Name": grpc.unary_unary_rpc_method_handler(lambda _, __: name.encode())}
    )
    server = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()


def api_listener(name: str) -> Resource:
    """The listener named as the client's target, with routes by RDS of the same name."""
    manager = hcm.HttpConnectionManager()
    manager.rds.config_source.CopyFrom(ads())
    manager.rds.route_config_name = name
    router = envoy.extensions.filters.http.router.v3.Router()
    manager.http_filters.add(name="router").typed_config.CopyFrom(pack(router))
    message = envoy.config.listener.v3.Listener(name=name)
    message.api_listener.api_listener.CopyFrom(pack(manager))
    return resource(message)


def api_routes(name: str, *, to: str) -> Resource:
    """All calls to a cluster: gRPC asks for a last route whose prefix is empty."""
    message = envoy.config.route.v3.RouteConfiguration(name=name)
    route = message.virtual_hosts.add(name="all", domains=["*"]).routes.add()
    route.match.prefix = ""
    route.route.cluster = to
    return resource(message)


def api_endpoints(name: str, *ports: int) -> Resource:
    """Endpoints in a locality with a name: gRPC passes over one without weight or locality."""
    made = endpoints(name, *ports)
    for locality in made.message.endpoints:  # type: ignore[attr-defined] # a ClusterLoadAssignment
        locality.locality.region = "here"
    return made


def service(name: str, *, to: str, port: int) -> tuple[Resource, ...]:
    """All that a client of ``xds:///<name>`` asks for."""
    return (api_listener(name), api_routes(name, to=to), cluster(to), api_endpoints(to, port))


def grpc_bootstrap(address: str, *, strict: bool = False) -> str:
    """The client's bootstrap, as JSON for GRPC_XDS_BOOTSTRAP_CONFIG (gRFC A27).

    A client keeps what it has when that is taken away, unless it is ``strict`` (gRFC A88).
    """
    wanted: dict[str, Any] = {
        "xds_servers": [
            {
                "server_uri": address,
                "channel_creds": [{"type": "insecure"}],
                "server_features": ["xds_v3", *(["fail_on_data_errors"] if strict else [])],
            }
        ],
        "node": {"id": "proxyless", "cluster": "test", "locality": {"region": "here"}},
    }
    return json.dumps(wanted)
