"""Limits of the plan: what is written at a place, with the name that its counters keep."""

from __future__ import annotations

from collections.abc import Sequence

from compiler.limiting import limit_of
from compiler.linking.linked import Linked
from compiler.plan_accounts import PlacedLimit
from compiler.schema.limits import BudgetDocument, LimitDocument
from compiler.source import Path

GATEWAY = "the gateway"
"""Whose limits those at the top are, as clients are told."""


def plan_limits(
    limits: Sequence[LimitDocument] | None,
    budgets: Sequence[BudgetDocument] | None,
    path: Path,
    place: str,
    owner: str,
    linked: Linked,
) -> tuple[PlacedLimit, ...]:
    """Plan the limits, then the budgets, that are written below ``path``, each sorted by its name.

    ``place`` is what their names begin with, and ``owner`` is whose they are.
    """
    if not limits and not budgets:
        return ()
    away = linked.document.counters.when_away
    lists: tuple[tuple[str, Sequence[LimitDocument | BudgetDocument] | None], ...] = (
        ("limits", limits),
        ("budget", budgets),
    )
    planned = [
        PlacedLimit(
            limit_of(written, place, owner, away),
            isinstance(written, LimitDocument) and written.per == "edge",
            linked.locate((*path, key, index)),
        )
        for key, listed in lists
        for index, written in enumerate(listed or ())
    ]
    return tuple(sorted(planned, key=lambda one: (one.limit.budget, one.limit.id)))


def plan_gateway_limits(linked: Linked) -> tuple[PlacedLimit, ...]:
    """Plan the limits of the whole gateway."""
    document = linked.document
    return plan_limits(document.limits, document.budget, (), "gateway", GATEWAY, linked)
