"""Ask each endpoint of a service whether it is well, and send nothing to those that are not.

One of ``path`` (GET over HTTP; ``expect`` lists the statuses that are well, default 200), ``grpc``
(the gRPC health protocol; ``true`` for the server as a whole, or a service's name), ``tcp`` (a
connection is enough). When more than half of the endpoints are ill Envoy uses all of them, since
then the check is more likely wrong than they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from policies.base import Place, PolicyKind, cluster_v3
from policies.document import Document, Items, Maybe
from policies.http_options import EXTENSION, http_v3
from policies.values import Duration, Host, refuse, shown
from xds.schema import envoy
from xds.wire import decode

type_v3 = envoy.type.v3

_RANGE = re.compile(r"([1-5][0-9]{2})-([1-5][0-9]{2})")


def _statuses(value: Any) -> Any:
    if type(value) is int and 100 <= value <= 599:
        return (value, value)
    if isinstance(value, str) and (found := _RANGE.fullmatch(value)):
        first, last = int(found[1]), int(found[2])
        if first <= last:
            return (first, last)
    if isinstance(value, tuple):
        return value
    return refuse(
        "bad-status", f"{shown(value)} is no status", "write `200`, or a range: `200-299`"
    )


Statuses = Annotated[
    tuple[int, int],
    BeforeValidator(_statuses),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^[1-5][0-9]{2}-[1-5][0-9]{2}$"},
            ],
            "description": "An HTTP status, or a range of them, both ends included.",
            "examples": [200, "200-299"],
        }
    ),
]


class Health(Document):
    """Ask each endpoint of a service whether it is well."""

    path: Maybe[Annotated[str, Field(pattern=r"^/[\x21-\x7e]*$", examples=["/healthz"])]] = None
    """GET this path; well is what answers with a status in `expect`."""
    grpc: Maybe[Literal[True] | Annotated[str, Field(min_length=1)]] = None
    """Call grpc.health.v1: `true` for the server as a whole, or the name of a service."""
    tcp: Maybe[Literal[True]] = None
    """Connect; well is what accepts."""
    expect: Annotated[Items[Statuses], Field(min_length=1)] = ((200, 200),)
    """Statuses that are well, with `path`."""
    host: Maybe[Host] = None
    """The Host (authority) to ask for; default: the service's name."""
    interval: Duration = timedelta(seconds=10)
    """From one check to the next."""
    timeout: Duration = timedelta(seconds=2)
    """How long one check may take."""
    healthy_after: Annotated[int, Field(ge=1, le=100)] = 2
    """Good checks until an ill endpoint is well."""
    unhealthy_after: Annotated[int, Field(ge=1, le=100)] = 3
    """Bad checks until a well endpoint is ill."""

    @model_validator(mode="after")
    def _one_way(self) -> Health:
        given = [key for key in ("path", "grpc", "tcp") if getattr(self, key) is not None]
        if len(given) != 1:
            refuse(
                "bad-health",
                f"a health check asks in one way, this in {len(given)}",
                "give one of `path`, `grpc`, `tcp`",
            )
        return self


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One of ``path``, ``grpc`` (empty: the whole server) and neither (a TCP connection)."""

    path: str | None
    grpc: str | None
    expect: tuple[tuple[int, int], ...]
    host: str | None
    interval: timedelta
    timeout: timedelta
    healthy_after: int
    unhealthy_after: int


def plan(document: Health) -> HealthCheck:
    """Sort the statuses; take `true` for the gRPC server as a whole."""
    return HealthCheck(
        path=document.path,
        grpc="" if document.grpc is True else document.grpc,
        expect=tuple(sorted(set(document.expect))),
        host=document.host,
        interval=document.interval,
        timeout=document.timeout,
        healthy_after=document.healthy_after,
        unhealthy_after=document.unhealthy_after,
    )


def patch_cluster(plan: HealthCheck, cluster: cluster_v3.Cluster) -> None:
    """Check each host of the cluster, at the same pace before the first request as after it."""
    check = cluster.health_checks.add()
    check.timeout.FromTimedelta(plan.timeout)
    check.interval.FromTimedelta(plan.interval)
    # Else a cluster that no request has reached yet is checked once a minute.
    check.no_traffic_interval.FromTimedelta(plan.interval)
    check.interval_jitter_percent = 10
    # A host that DNS or EDS adds gets its first request after its first check.
    cluster.common_lb_config.ignore_new_hosts_until_first_hc = True
    check.healthy_threshold.value = plan.healthy_after
    check.unhealthy_threshold.value = plan.unhealthy_after
    # Envoy would say the cluster's name, whose slash no server takes for a host.
    host = plan.host or cluster.name.rpartition("/")[2]
    if plan.path is not None:
        http = check.http_health_check
        http.path = plan.path
        http.host = host
        for first, last in plan.expect:
            http.expected_statuses.add(start=first, end=last + 1)
        if _speaks_http2(cluster):
            http.codec_client_type = type_v3.CodecClientType.HTTP2
    elif plan.grpc is not None:
        check.grpc_health_check.service_name = plan.grpc
        check.grpc_health_check.authority = host
    else:
        check.tcp_health_check.SetInParent()


def _speaks_http2(cluster: cluster_v3.Cluster) -> bool:
    options = decode(
        http_v3.HttpProtocolOptions, cluster.typed_extension_protocol_options[EXTENSION].value
    )
    return options.explicit_http_config.HasField("http2_protocol_options")


KIND = PolicyKind(
    name="health",
    places=frozenset({Place.SERVICE}),
    docs=__doc__,
    document=Health,
    plan=plan,
    valid="""\
path: /healthz
expect: [200, 204-206]
interval: 5s
timeout: 1s
healthy_after: 1
unhealthy_after: 3
host: orders.internal
""",
    invalid="{ path: /healthz, tcp: true }",
    invalid_code="bad-health",
    patch_cluster=patch_cluster,
)
