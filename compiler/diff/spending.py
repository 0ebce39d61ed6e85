"""What the recorded period would have cost under each of two plans, by tenant and model.

Tokens are priced at the target that served them, where the model's targets are the same on both
sides; else by the average of the first targets, as if these had answered. Who may no longer ask
for a model is refused, and costs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from compiler.diff.entitled import Entitlements
from compiler.diff.models import chain, target_name
from compiler.diff.prices import Rate, first_rate, rate_of
from compiler.diff.recorded import Used
from compiler.diff.sides import Sides
from compiler.plan import Plan
from compiler.plan_llm import Model

_NANO = 1_000
"""Pico-USD in one nano-USD."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a tenant's requests for a model cost, in nano-USD: recorded, and under both plans.

    ``refused`` are requests that the later plan refuses; ``unpriced`` those of which a price is
    not known on either side, which are in neither sum.
    """

    tenant: str
    model: str
    requests: int
    recorded: int
    before: int
    after: int
    refused: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class Spending:
    """Groups whose cost or fate differs, the largest difference first, and the sum of all."""

    groups: tuple[Spent, ...]
    total: Spent


class _Priced:
    """One plan's prices, by the names that clients ask by."""

    def __init__(self, plan: Plan, allowed: Entitlements, old_names: Mapping[str, str]) -> None:
        self.models: dict[str, Model] = {}
        for model in plan.models:
            for name in (model.name, *model.aliases):
                self.models[name] = model
        for old, new in old_names.items():
            self.models[old] = self.models[new]
        self._allowed = allowed

    def allows(self, tenant: str, model: str) -> bool:
        """Whether a tenant's request for a model of that name is answered."""
        found = self.models.get(model)
        if found is None:
            return False
        one = self._allowed.tenants.get(tenant)
        if one is None:
            return found.name in self._allowed.public
        return found.name in self._allowed.reaches(one)


def spending(records: Iterable[Used], sides: Sides) -> Spending:
    """Work out both costs of every group; its model is called as clients asked for it."""
    old = _Priced(sides.before, sides.had, sides.renamed.get("models", {}))
    new = _Priced(sides.after, sides.has, {})
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 6)
    for used in records:
        sums = found[used.tenant, used.model]
        sums[0] += used.requests
        sums[1] += used.cost
        had, has = old.models.get(used.model), new.models.get(used.model)
        gone = old.allows(used.tenant, used.model) and not new.allows(used.tenant, used.model)
        was = _cost(used, had, has)
        becomes = 0 if gone else _cost(used, has, had)
        if gone:
            sums[4] += used.requests
        if was is None or becomes is None:
            sums[5] += used.requests if used.input or used.output else 0
            continue
        sums[2] += was
        sums[3] += becomes
    groups = [Spent(tenant, model, *sums) for (tenant, model), sums in found.items()]
    whole = Spent("", "", *(sum(column) for column in zip(*found.values(), strict=True)))
    if not found:
        whole = Spent("", "", 0, 0, 0, 0, 0, 0)
    moved = [one for one in groups if one.before != one.after or one.refused]
    moved.sort(key=lambda one: (-abs(one.after - one.before), one.tenant, one.model))
    return Spending(tuple(moved), whole)


def _cost(used: Used, model: Model | None, other: Model | None) -> int | None:
    """Give nano-USD under the plan of ``model``; None where nobody knows the price."""
    if model is None:
        return None if used.input or used.output else 0
    rate = None
    if other is not None and chain(model.groups) == chain(other.groups):
        rate = _served(used, model)
    rate = rate or first_rate(model)
    if rate is None:
        return None if used.input or used.output else 0
    fresh = used.input - used.cached
    pico = fresh * rate.input + used.cached * rate.cached + used.output * rate.output
    return round(pico / _NANO)


def _served(used: Used, model: Model) -> Rate | None:
    wanted = f"{used.provider}/{used.served}"
    for group in model.groups:
        for target in group.targets:
            if target_name(target) == wanted and target.price is not None:
                return rate_of(target.price)
    return None


def usd(nano: int) -> str:
    """Write nano-USD as USD with two places, or as many as it takes to show anything."""
    value = Fraction(nano, 10**9)
    places = 2 if not value or abs(value) >= Fraction(1, 100) else 6
    return f"{float(value):,.{places}f}"
