"""Take an endpoint out for a while after it failed too often in a row.

``consecutive_5xx`` counts 5xx answers and failed connections; ``consecutive_gateway_errors`` only
502, 503, 504 and failed connections. Only those that are written are counted; with neither, five
5xx in a row. An endpoint is out for ``eject_for`` times the number of times it was out before, and
never more than ``max_ejected`` of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from policies.base import Place, PolicyKind, cluster_v3
from policies.document import Document, Maybe
from policies.values import Duration, Percentage


class Outliers(Document):
    """Take an endpoint out for a while after it failed too often in a row."""

    consecutive_5xx: Maybe[Annotated[int, Field(ge=1, le=10_000, examples=[5])]] = None
    """5xx answers and failed connections in a row."""
    consecutive_gateway_errors: Maybe[Annotated[int, Field(ge=1, le=10_000, examples=[5])]] = None
    """502, 503, 504 and failed connections in a row."""
    interval: Duration = timedelta(seconds=10)
    """How often Envoy looks whether an endpoint may come back."""
    eject_for: Duration = timedelta(seconds=30)
    """How long an endpoint is out the first time."""
    max_ejected: Percentage = 50
    """How many of the endpoints may be out at once."""


@dataclass(frozen=True, slots=True)
class OutlierPlan:
    """What is counted (None: not), and for how long and how many are taken out."""

    consecutive_5xx: int | None
    consecutive_gateway_errors: int | None
    interval: timedelta
    eject_for: timedelta
    max_ejected: int


def plan(document: Outliers) -> OutlierPlan:
    """Count five 5xx where nothing is said."""
    consecutive_5xx = document.consecutive_5xx
    if consecutive_5xx is None and document.consecutive_gateway_errors is None:
        consecutive_5xx = 5
    return OutlierPlan(
        consecutive_5xx=consecutive_5xx,
        consecutive_gateway_errors=document.consecutive_gateway_errors,
        interval=document.interval,
        eject_for=document.eject_for,
        max_ejected=document.max_ejected,
    )


def patch_cluster(plan: OutlierPlan, cluster: cluster_v3.Cluster) -> None:
    """Switch on what was asked for and off what Envoy counts by itself (success rates)."""
    detection = cluster.outlier_detection
    detection.interval.FromTimedelta(plan.interval)
    detection.base_ejection_time.FromTimedelta(plan.eject_for)
    # Envoy's own limit on the growing time is 300 s, and may not be less than the first time.
    detection.max_ejection_time.FromTimedelta(max(plan.eject_for, timedelta(seconds=300)))
    detection.max_ejection_percent.value = plan.max_ejected
    detection.enforcing_success_rate.value = 0
    detection.enforcing_consecutive_5xx.value = 0 if plan.consecutive_5xx is None else 100
    if plan.consecutive_5xx is not None:
        detection.consecutive_5xx.value = plan.consecutive_5xx
    if plan.consecutive_gateway_errors is not None:
        detection.consecutive_gateway_failure.value = plan.consecutive_gateway_errors
        detection.enforcing_consecutive_gateway_failure.value = 100


KIND = PolicyKind(
    name="outliers",
    places=frozenset({Place.SERVICE, Place.PROVIDER}),
    docs=__doc__,
    document=Outliers,
    plan=plan,
    valid="{ consecutive_5xx: 5, consecutive_gateway_errors: 3, eject_for: 30s, max_ejected: 50% }",
    invalid="max_ejected: 50",
    invalid_code="bad-percentage",
    patch_cluster=patch_cluster,
)
