"""All limits and budgets of a plan, and which of them a name means."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.plan import Plan
from compiler.plan_accounts import PlacedLimit
from xds.edge.limit import Limit


def all_limits(plan: Plan) -> Iterator[PlacedLimit]:
    """Give every limit: of the gateway, of routes, models, providers, tenants, teams and keys."""
    yield from plan.limits
    for route in plan.routes:
        yield from route.limits
    for model in plan.models:
        yield from model.limits
    for provider in plan.providers:
        yield from provider.limits
    for tenant in plan.tenants:
        yield from tenant.limits
        for key in tenant.keys:
            yield from key.limits
        for team in tenant.teams:
            yield from team.limits
            for key in team.keys:
                yield from key.limits


def limits_named(plan: Plan, name: str) -> list[Limit]:
    """Give the limits that ``name`` is the whole name of, or the text."""
    return [
        placed.limit for placed in all_limits(plan) if name in (placed.limit.id, placed.limit.text)
    ]
