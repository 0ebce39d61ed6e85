"""Which limits and budgets of a plan a name means."""

from __future__ import annotations

from compiler.plan import Plan
from xds.edge.limit import Limit


def limits_named(plan: Plan, name: str) -> list[Limit]:
    """Give the limits that ``name`` is the whole name of, or the text."""
    limits = (placed.limit for placed in plan.every_limit)
    return [limit for limit in limits if name in (limit.id, limit.text)]
