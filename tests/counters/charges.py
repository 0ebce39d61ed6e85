"""Limits and charges for tests of counters."""

from __future__ import annotations

from typing import Any

from ext_authz.counters.counters import Charge
from xds.edge.limit import Limit, Period, Shape, Unit


def limit(
    unit: Unit = Unit.REQUESTS,
    amount: int = 10,
    period: Period = Period.MINUTE,
    shape: Shape = Shape.SLIDING,
    **more: Any,
) -> Limit:
    """Make a limit; its id says what it is."""
    more.setdefault("id", f"tenant/acme/{unit}/{period}/{shape}")
    return Limit(
        owner="tenant `acme`",
        text="-",
        unit=unit,
        amount=amount,
        period=period,
        shape=shape,
        **more,
    )


def charge(of: Limit, amount: int = 1) -> Charge:
    """Charge a limit's one counter."""
    return Charge(of, of.id, amount)
