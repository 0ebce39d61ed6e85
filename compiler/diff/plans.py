"""Compare two plans: the changes of behaviour, the worst first.

Each area is a function of the two sides, in one tuple. Together they tell of every field of a plan
that takes part in comparisons; plans that are equal but for the order of routes that cannot meet,
of grants and of contacts have no changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from compiler.diff.access import access
from compiler.diff.accounts import accounts
from compiler.diff.change import NOTHING, Area, Change, Changes, Severity
from compiler.diff.gateway import fleet, issuers, stores
from compiler.diff.lanes import lanes
from compiler.diff.limits import limits, resets
from compiler.diff.models import models
from compiler.diff.order import order
from compiler.diff.places import listeners, services
from compiler.diff.prices import prices
from compiler.diff.providers import providers
from compiler.diff.redactions import redactions
from compiler.diff.routes import routes
from compiler.diff.sides import Sides, at, sides_of
from compiler.diff.together import together
from compiler.plan import Plan

AREAS: tuple[Callable[[Sides], Iterator[Change]], ...] = (
    redactions,
    providers,
    issuers,
    access,
    accounts,
    limits,
    models,
    routes,
    order,
    services,
    listeners,
    prices,
    lanes,
    fleet,
    stores,
)


def diff_plans(before: Plan, after: Plan) -> Changes:
    """Give all that `after` does otherwise than `before`; no entries where that is nothing."""
    return Changes(()) if before == after else changes_of(sides_of(before, after))


def changes_of(sides: Sides) -> Changes:
    """Give the same of two plans that stand beside each other."""
    if sides.original == sides.after:
        return Changes(())
    found = [change for area in AREAS for change in area(sides)]
    found += resets(sides)
    found += _names(sides)
    return Changes(tuple(sorted(together(dict.fromkeys(found)), key=lambda one: one.order)))


def _names(sides: Sides) -> Iterator[Change]:
    """Tell of new names: a model is asked for by its own, all others stand in logs and such."""
    for section, names in sides.renamed.items():
        noun = section.removesuffix("s")
        olds = {one.name: one for one in getattr(sides.original, section)}
        news = {one.name: one for one in getattr(sides.after, section)}
        for old, new in names.items():
            words = f"is called `{new}` now"
            severity, reach = Severity.NEUTRAL, NOTHING
            if section == "models" and old not in news[new].aliases:
                words += f": who asks for `{old}` is answered 404"
                severity = Severity.LOSS
                reach = replace(sides.models([new]), models=frozenset({old, new}))
            yield Change(
                Area.NAMES,
                severity,
                f"{noun} `{old}`",
                words,
                old,
                new,
                reach,
                at(olds[old]),
                at(news[new]),
            )
