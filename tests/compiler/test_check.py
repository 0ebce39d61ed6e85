"""The stage `check`: dangling references, duplicates and sizes, each at its line."""

from __future__ import annotations

import pytest

from compiler.check import MANY_ROUTES, check
from compiler.diagnostic import Reporter, Severity
from compiler.lower.lowered import SIZE_BUDGET, Lowered
from compiler.source import Span
from policies.secret import SecretKind, SecretRef
from policies.upstream_tls import UpstreamTls, patch_cluster
from xds.resource import resource
from xds.schema import envoy
from xds.wire import pack

cluster_v3 = envoy.config.cluster.v3
endpoint_v3 = envoy.config.endpoint.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
listener_v3 = envoy.config.listener.v3
priority_group_v3 = envoy.extensions.router.cluster_specifiers.priority_group.v3
route_v3 = envoy.config.route.v3

AT = Span("gateway.yaml", 3, 1, 3, 9)


def diagnostics(*messages, secrets=()):
    resources = tuple(map(resource, messages))
    origins = {(made.type_url, made.name): AT for made in resources}
    lowered = Lowered(resources, tuple(secrets), origins)
    reporter = Reporter()
    assert check(lowered, reporter) is lowered
    assert all(d.span == AT for d in reporter.diagnostics)
    return [(d.code, d.message) for d in reporter.diagnostics]


def routes(*actions, name="public"):
    configuration = route_v3.RouteConfiguration(name=name)
    host = configuration.virtual_hosts.add(name="any", domains=["*"])
    for action in actions:
        host.routes.add(match=route_v3.RouteMatch(prefix="/"), route=action)
    return configuration


def a_cluster(name):
    return cluster_v3.Cluster(name=name, type=cluster_v3.Cluster.STRICT_DNS)


def weighted(*names):
    action = route_v3.RouteAction()
    for name in names:
        action.weighted_clusters.clusters.add(name=name).weight.value = 1
    return action


def prioritised(*names):
    specifier = priority_group_v3.PriorityGroupClusterSpecifier()
    for name in names:
        specifier.priority_groups.add(name=name).clusters.add(cluster_name=name)
    action = route_v3.RouteAction()
    extension = action.inline_cluster_specifier_plugin.extension
    extension.name = "envoy.router.cluster_specifier_plugin.priority_group"
    extension.typed_config.CopyFrom(pack(specifier))
    return action


@pytest.mark.parametrize(
    "action",
    [route_v3.RouteAction(cluster="gone"), weighted("there", "gone"), prioritised("there", "gone")],
    ids=["cluster", "weighted", "priority-group"],
)
def test_a_route_to_a_cluster_that_is_not_there(action):
    """However a route names its clusters, each must be there."""
    ((code, message),) = diagnostics(a_cluster("there"), routes(action))
    assert code == "dangling-reference"
    assert "cluster `gone`" in message


def test_a_listener_whose_routes_are_not_there():
    """A listener that waits for routes for ever answers nothing."""
    hcm = hcm_v3.HttpConnectionManager()
    hcm.rds.route_config_name = "other"
    listener = listener_v3.Listener(name="public")
    listener.filter_chains.add().filters.add(name="hcm", typed_config=pack(hcm))
    ((code, message),) = diagnostics(listener, routes())
    assert code == "dangling-reference"
    assert "route configuration `other`" in message


def test_a_cluster_whose_secret_or_endpoints_are_not_there():
    """Envoy would hold the cluster back without a word."""
    cluster = cluster_v3.Cluster(name="service/a", type=cluster_v3.Cluster.EDS)
    ref = SecretRef(SecretKind.TRUST, ("file:ca.pem",))
    patch_cluster(UpstreamTls(sni="a.test", trust=ref), cluster)
    codes = [message for _, message in diagnostics(cluster)]
    assert any("endpoints `service/a`" in message for message in codes)
    assert any("secret `trust/file:ca.pem`" in message for message in codes)
    there = endpoint_v3.ClusterLoadAssignment(cluster_name="service/a")
    assert diagnostics(cluster, there, secrets=[ref]) == []


def test_a_name_given_twice():
    """Two resources of one type and name: Envoy would take the last, or refuse both."""
    codes = [code for code, _ in diagnostics(a_cluster("a"), a_cluster("a"))]
    assert codes == ["duplicate-resource"] * 2


def test_a_resource_larger_than_grpc_carries():
    """An error with a way out, before a client falls into a loop of retries."""
    configuration = routes()
    configuration.virtual_hosts[0].name = "x" * SIZE_BUDGET
    ((code, _),) = diagnostics(configuration)
    assert code == "resource-too-large"


def test_many_routes_under_one_host_are_a_warning():
    """Envoy tries them one by one, which is slow and not wrong."""
    configuration = route_v3.RouteConfiguration(name="public")
    host = configuration.virtual_hosts.add(name="any", domains=["*"])
    for _ in range(MANY_ROUTES + 1):
        host.routes.add()
    made = resource(configuration)
    reporter = Reporter()
    check(Lowered((made,), (), {}), reporter)
    assert [(d.code, d.severity) for d in reporter.diagnostics] == [
        ("many-routes", Severity.WARNING)
    ]
