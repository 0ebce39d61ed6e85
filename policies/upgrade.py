"""Which protocol a client may change to on this route; without the key, none.

``websocket`` passes the connection through once the service has agreed. The route's ``timeout``
ends with the handshake; ``idle_timeout`` (default 5m) ends a connection in which nobody speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from policies.base import Place, PolicyKind, route_v3


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A protocol by its name in the ``Upgrade`` header."""

    protocol: str


def patch_route(plan: Upgrade, route: route_v3.Route) -> None:
    """Allow the upgrade on this route alone."""
    route.route.upgrade_configs.add(upgrade_type=plan.protocol)


KIND = PolicyKind(
    name="upgrade",
    places=frozenset({Place.ROUTE}),
    docs=__doc__,
    document=Literal["websocket"],
    plan=Upgrade,
    valid="websocket",
    invalid="h2c",
    invalid_code="unknown-word",
    patch_route=patch_route,
)
