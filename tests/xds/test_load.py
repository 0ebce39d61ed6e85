"""Load reports: sums over a window, by node and by cluster, from Envoy's own message."""

from __future__ import annotations

from xds.bootstrap import CONTROL_PLANE
from xds.load import Load, LoadWindow
from xds.lrs import loads
from xds.schema import envoy


def test_a_window_sums_what_a_node_reported_of_late():
    """Ended requests add up; those under way are of the last report alone."""
    window = LoadWindow(window=10)
    window.report("a", {"one": Load(10, 1, 3)}, now=0)
    window.report("a", {"one": Load(20, 4, 2), "two": Load(5)}, now=5)
    assert window.of("a", 6) == Load(35, 5, 2)
    assert window.of("a", 10) == Load(25, 4, 2)
    assert window.of("a", 20) == Load()


def test_a_change_is_judged_by_what_came_after_it():
    """Errors of before ``since`` are not held against it."""
    window = LoadWindow(window=100)
    window.report("a", {"one": Load(10, 10)}, now=1)
    window.report("a", {"one": Load(10, 0)}, now=5)
    assert window.of("a", 6, since=2).error_ratio == 0


def test_no_request_is_no_verdict():
    """A node without traffic is neither well nor ill."""
    assert LoadWindow().of("nobody", 0).error_ratio is None


def test_a_node_that_is_gone_counts_no_more():
    """Its last report does not linger in the sums of clusters."""
    window = LoadWindow()
    window.report("a", {"one": Load(10, 1)}, now=0)
    window.report("b", {"one": Load(1, 1)}, now=0)
    window.forget("a")
    assert window.by_cluster(1) == {"one": Load(1, 1)}
    assert window.nodes == {"b"}


def test_a_report_is_read_by_cluster():
    """Localities and drops are added up, and the control plane's own cluster is left out."""
    request = envoy.service.load_stats.v3.LoadStatsRequest()
    for name in ("api", CONTROL_PLANE):
        cluster = request.cluster_stats.add(cluster_name=name, total_dropped_requests=2)
        for errors in (0, 3):
            cluster.upstream_locality_stats.add(
                total_successful_requests=10,
                total_error_requests=errors,
                total_requests_in_progress=1,
            )
    assert loads(request) == {"api": Load(25, 5, 2)}
