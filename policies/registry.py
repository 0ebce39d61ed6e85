"""The kinds of policy, by name and by where they may stand.

Add a policy in four steps:

1. Write ``policies/<name>.py``: its docstring is the page in the language reference; give it a
   document (what may be written), a frozen plan (what that means, without a word of Envoy's), the
   ``patch_*`` verbs it needs, a valid and an invalid example, and ``KIND``.
2. Add ``<name>.KIND`` to ``KINDS`` below. The order there is the order in which policies patch.
   If it brings an HTTP filter, give the filter its place and the reason in ``compiler/order.py``.
3. Add ``tests/golden/<name>/in.yaml`` and write its outputs with ``UPDATE_GOLDENS=1``.
4. Run ``make docs`` and ``make check test``: every kind's examples are parsed, planned, lowered
   and shown to the real Envoy there, without another line of test.
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
