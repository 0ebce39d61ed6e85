"""How much may be under way to a service or a provider at once; more gets 503 without waiting.

The limits hold for each Envoy by itself: ``connections``, ``pending`` (requests that wait for a
connection), ``requests``, and ``retries``. What is not written keeps Envoy's default of 1024.
Without ``retries``, retries may be a fifth of all that is under way, and ten at least: a limit that
follows the load, and yet cannot multiply an outage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from policies.base import Place, PolicyKind, cluster_v3
from policies.document import Document, Maybe

Count = Annotated[int, Field(ge=0, le=10_000_000, examples=[1000])]


class Circuit(Document):
    """How much may be under way to a service or a provider at once."""

    connections: Maybe[Count] = None
    """Connections to all endpoints together."""
    pending: Maybe[Count] = None
    """Requests that wait for a connection."""
    requests: Maybe[Count] = None
    """Requests under way."""
    retries: Maybe[Count] = None
    """Retries under way."""


@dataclass(frozen=True, slots=True)
class CircuitPlan:
    """Limits on what is under way; None leaves Envoy's own, or the budget of retries."""

    connections: int | None = None
    pending: int | None = None
    requests: int | None = None
    retries: int | None = None


DEFAULT = CircuitPlan()
"""What a cluster has without the key: a budget for retries, since Envoy's own limit is 3."""


def plan(document: Circuit) -> CircuitPlan:
    """Keep what was written."""
    return CircuitPlan(
        connections=document.connections,
        pending=document.pending,
        requests=document.requests,
        retries=document.retries,
    )


def patch_cluster(plan: CircuitPlan, cluster: cluster_v3.Cluster) -> None:
    """Replace the cluster's thresholds."""
    del cluster.circuit_breakers.thresholds[:]
    limits = cluster.circuit_breakers.thresholds.add()
    if plan.connections is not None:
        limits.max_connections.value = plan.connections
    if plan.pending is not None:
        limits.max_pending_requests.value = plan.pending
    if plan.requests is not None:
        limits.max_requests.value = plan.requests
    if plan.retries is not None:
        limits.max_retries.value = plan.retries
    else:
        limits.retry_budget.budget_percent.value = 20
        limits.retry_budget.min_retry_concurrency.value = 10


KIND = PolicyKind(
    name="circuit",
    places=frozenset({Place.SERVICE, Place.PROVIDER}),
    docs=__doc__,
    document=Circuit,
    plan=plan,
    valid="{ connections: 200, pending: 100, requests: 500, retries: 10 }",
    invalid="requests: -1",
    invalid_code="out-of-range",
    patch_cluster=patch_cluster,
)
