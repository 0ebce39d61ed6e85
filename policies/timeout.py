"""How long a forwarded request may take, over all of its attempts.

The time runs from the end of the request to the end of the answer, retries included. A request
that takes longer gets 504. ``none`` waits for ever, as long downloads and gRPC streams need; a
stream that says nothing is still ended by ``idle_timeout``. Without the key a route takes
``defaults.timeout``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from policies.base import Place, PolicyKind, route_v3
from policies.values import Timeout


@dataclass(frozen=True, slots=True)
class RequestTimeout:
    """The bound on a whole request; zero is none."""

    total: timedelta


def patch_route(plan: RequestTimeout, route: route_v3.Route) -> None:
    """Bound the route's requests; zero must be written, since Envoy's default is 15 s."""
    route.route.timeout.FromTimedelta(plan.total)


KIND = PolicyKind(
    name="timeout",
    places=frozenset({Place.ROUTE}),
    docs=__doc__,
    document=Timeout,
    plan=RequestTimeout,
    valid="5s",
    invalid="5",
    invalid_code="bad-duration",
    patch_route=patch_route,
)
