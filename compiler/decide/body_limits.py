"""How large a request's body may be."""

from __future__ import annotations

from typing import Final

from compiler.plan import Route
from policies import body_limit

BODY_BYTES: Final = 32 << 20
"""The largest body of a request for a model where the policy says nothing."""


def body_bytes_of(route: Route) -> int:
    """Give the largest body that a route takes, in bytes."""
    for applied in route.policies:
        if applied.kind == body_limit.KIND.name:
            return int(applied.plan.bytes)
    return BODY_BYTES
