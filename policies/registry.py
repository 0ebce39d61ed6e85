"""The kinds of policy, by name and by where they may stand.

``CONTRIBUTING.md`` tells how one is added. The order of ``KINDS`` is the order in which policies
patch; tests parse, plan, lower and show each kind's examples to the real Envoy, wherever it stands.
"""

from __future__ import annotations

from typing import Any

from policies import (
    balance,
    body_limit,
    circuit,
    downstream_tls,
    headers,
    headers_limit,
    health,
    idle_timeout,
    outliers,
    retries,
    rewrite,
    timeout,
    trusted_hops,
    upgrade,
    upstream_tls,
)
from policies.base import Place, PolicyKind

KINDS: tuple[PolicyKind[Any], ...] = (
    downstream_tls.KIND,
    headers_limit.KIND,
    trusted_hops.KIND,
    idle_timeout.KIND,
    timeout.KIND,
    retries.KIND,
    rewrite.KIND,
    headers.KIND,
    body_limit.KIND,
    upgrade.KIND,
    upstream_tls.KIND,
    health.KIND,
    outliers.KIND,
    circuit.KIND,
    balance.KIND,
)

_BY_PLACE: dict[Place, dict[str, PolicyKind[Any]]] = {
    place: {kind.name: kind for kind in KINDS if place in kind.places} for place in Place
}


def kinds_at(place: Place) -> dict[str, PolicyKind[Any]]:
    """The kinds that may stand in a place by their name, in the order in which they patch."""
    return _BY_PLACE[place]


def find(place: Place, name: str) -> PolicyKind[Any]:
    """The kind of that name in that place (`tls` of a listener is not that of a service)."""
    return _BY_PLACE[place][name]
