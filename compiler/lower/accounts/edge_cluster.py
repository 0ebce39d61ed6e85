"""The cluster of the edge: one endpoint a worker, each a Unix socket in the edge's folder.

The folder is there before its sockets are, and a worker may be killed at any time: no request may
notice. So connections that cannot be made are tried at the next worker at once, a worker that
fails is left alone for a moment, and no budget of retries stands in the way of that.
"""

from __future__ import annotations

from datetime import timedelta

from compiler.plan_accounts import Edge
from policies.ads import ads_source
from policies.http_options import http_options
from xds.edge.paths import CLUSTER, worker_socket
from xds.schema import envoy
from xds.wire import pack

cluster_v3 = envoy.config.cluster.v3
core_v3 = envoy.config.core.v3
endpoint_v3 = envoy.config.endpoint.v3
previous_hosts_v3 = envoy.extensions.retry.host.previous_hosts.v3

TIMEOUT = timedelta(seconds=2)
"""What one question may take, attempts and the counters' own store included."""
ATTEMPTS = 5
ATTEMPT_MS = 900
"""What one attempt may take: above what any counters' store is waited for, within `TIMEOUT`."""
UNBOUNDED = 1 << 20


def edge_cluster() -> cluster_v3.Cluster:
    """Make the cluster of all workers.

    It is the same for any number of them: one that is replaced takes the questions that are under
    way with it. Its endpoints are served apart.
    """
    cluster = cluster_v3.Cluster(name=CLUSTER, type=cluster_v3.Cluster.EDS)
    cluster.eds_cluster_config.eds_config.CopyFrom(ads_source())
    cluster.connect_timeout.FromTimedelta(timedelta(milliseconds=250))
    cluster.lb_policy = cluster_v3.Cluster.LEAST_REQUEST
    # With half of the workers out, any of them is as good: one that is out may be back, and what is
    # not there yet is noticed at once. So after all have died, the first one that is back is asked.
    cluster.common_lb_config.healthy_panic_threshold.value = 60.0
    # Else who is out and who is back is said a second late.
    cluster.common_lb_config.update_merge_window.FromTimedelta(timedelta(0))
    with http_options(cluster) as options:
        http2 = options.explicit_http_config.http2_protocol_options
        http2.max_concurrent_streams.value = 1000
        # A body of 64 KiB goes along with some questions.
        http2.initial_stream_window_size.value = 1 << 20
        http2.initial_connection_window_size.value = 8 << 20
    limits = cluster.circuit_breakers.thresholds.add()
    for limit in (
        limits.max_connections,
        limits.max_pending_requests,
        limits.max_requests,
        limits.max_retries,
    ):
        limit.value = UNBOUNDED
    outliers = cluster.outlier_detection
    outliers.consecutive_gateway_failure.value = 5
    outliers.enforcing_consecutive_gateway_failure.value = 100
    outliers.enforcing_consecutive_5xx.value = 0
    outliers.enforcing_success_rate.value = 0
    # A worker is back in the time that a process takes to start.
    outliers.interval.FromTimedelta(timedelta(milliseconds=200))
    outliers.base_ejection_time.FromTimedelta(timedelta(milliseconds=200))
    outliers.max_ejection_time.FromTimedelta(timedelta(seconds=1))
    outliers.max_ejection_percent.value = 100
    return cluster


def edge_endpoints(edge: Edge) -> endpoint_v3.ClusterLoadAssignment:
    """Make its endpoints: the socket of each worker."""
    assignment = endpoint_v3.ClusterLoadAssignment(cluster_name=CLUSTER)
    locality = assignment.endpoints.add()
    for number in range(edge.workers):
        host = locality.lb_endpoints.add()
        host.endpoint.address.pipe.path = f"{edge.folder.rstrip('/')}/{worker_socket(number)}"
    return assignment


def edge_service(timeout: timedelta = TIMEOUT, cluster: str = CLUSTER) -> core_v3.GrpcService:
    """Make the way to ask: a question may be asked again, for an edge takes each once by its id."""
    service = core_v3.GrpcService()
    service.envoy_grpc.cluster_name = cluster
    service.timeout.FromTimedelta(timeout)
    retries = service.retry_policy
    retries.retry_on = "cancelled,connect-failure,refused-stream,reset,unavailable"
    retries.num_retries.value = ATTEMPTS - 1
    retries.retry_back_off.base_interval.FromMilliseconds(2)
    # Envoy also takes this for what one attempt may take. The waits themselves stay far below it:
    # 2 ms, doubled with each attempt.
    retries.retry_back_off.max_interval.FromMilliseconds(ATTEMPT_MS)
    # At another worker, that is.
    elsewhere = retries.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts")
    elsewhere.typed_config.CopyFrom(pack(previous_hosts_v3.PreviousHostsPredicate()))
    # One that is gone has nothing to do, so of two it is drawn three times in four, even while it
    # is known to be out: as often as needed.
    retries.host_selection_retry_max_attempts = 50
    return service
