"""The same limits for the reference rate-limit service (github.com/envoyproxy/ratelimit), as YAML.

It answers the descriptors that Envoy asks by where a limit on requests needs nothing else of an
edge (`compiler.lower.accounts.rate_limits`). It counts in windows that begin with the unit, and
knows no bursts and no tokens: limits that it cannot keep are not in its file, and the routes under
them ask an edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compiler.guards import FLEETWIDE
from compiler.plan import Plan
from xds.edge.limit import Each, Limit, Unit

WHOSE = {Each.TENANT: "tenant", Each.CLIENT: "remote_address"}
"""The second entry of a descriptor, where each of somebody has a counter."""


def ratelimit_config(plan: Plan) -> dict[str, Any]:
    """Make one domain's configuration; the domain is the gateway's name."""
    limits = {limit.id: limit for limit in _limits(plan)}
    return {
        "domain": plan.name,
        "descriptors": [_descriptor(limits[name]) for name in sorted(limits)],
    }


def _limits(plan: Plan) -> Iterator[Limit]:
    for placed in plan.shared_limits:
        limit = placed.limit
        if not placed.per_edge and limit.unit is Unit.REQUESTS and limit.each in FLEETWIDE:
            yield limit


def _descriptor(limit: Limit) -> dict[str, Any]:
    rate = {"rate_limit": {"unit": limit.period.value, "requests_per_unit": limit.amount}}
    named = {"key": "limit", "value": limit.id}
    if limit.each not in WHOSE:
        return {**named, **rate}
    # A key without a value is a counter for each value.
    return {**named, "descriptors": [{"key": WHOSE[limit.each], **rate}]}
