"""Decide recorded requests under two plans, one after the other.

The first plan is taken for the one that served them: what providers and services did then is given
to both. Draws among shares fall alike on both sides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from compiler.decide.decide import decide
from compiler.decide.trace import Trace
from compiler.plan import Plan
from compiler.plan_llm import Price
from compiler.recorded.again import asked_again
from compiler.recorded.line import Recorded
from compiler.replaying.change import Change, Kind, changes, paths, served
from compiler.replaying.tally import Tally

_REMEMBERED = 5_000
"""Decisions that are kept, for requests of which many are alike."""


_Decided = tuple[Trace, Trace, tuple[Change, ...]]
"""What is decided on both sides, and what differs but for cost."""


class Replay:
    """Two plans, and the count of what is different between them."""

    def __init__(self, before: Plan, after: Plan, *, examples: int = 3) -> None:
        self.tally = Tally(examples=examples)
        self._plans = (before, after)
        self._moments = sorted({*_moments(before), *_moments(after)})
        self._prices = tuple(_prices(plan) for plan in self._plans)
        self._known: OrderedDict[Recorded, _Decided] = OrderedDict()

    def add(self, line: Recorded) -> None:
        """Decide one request on both sides, and count what differs."""
        decided = self._decided(line)
        before, after, found = decided
        costs = [
            _cost(trace, prices, line)
            for trace, prices in zip((before, after), self._prices, strict=True)
        ]
        if before.model is not None or after.model is not None:
            model = before.model or after.model or ""
            self.tally.spend(model, *costs)
            if None not in costs and costs[0] != costs[1]:
                sides = (f"{model} by {served(one)}" for one in (before, after))
                found = (*found, Change(Kind.COST, *sides))
        self.tally.add(line.id, line.tenant, found)

    def _decided(self, line: Recorded) -> _Decided:
        """Decide, or remember: tokens, ids and moments between which nothing ends take no part."""
        moment = bisect_right(self._moments, line.at) if line.at is not None else -1
        key = replace(line, id=str(moment), at=None, input_tokens=0, output_tokens=0)
        key = replace(key, cost_nano_usd=None)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        request, world = asked_again(line, self._plans[0])
        before, after = (decide(plan, request, world) for plan in self._plans)
        found = changes(before, after, world)
        moved = paths(before, after)
        if moved is not None and all(one.kind is not Kind.SENT for one in found):
            found = (*found, Change(Kind.SENT, *_apart(*moved)))
        made = (before, after, found)
        self._known[key] = made
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return made


def _apart(one: str, other: str) -> tuple[str, str]:
    """Give what sets two paths apart, without the part that each request has of its own."""
    shortest = min(len(one), len(other))
    same = 0
    while same < shortest and one[-1 - same] == other[-1 - same]:
        same += 1
    rest = "..." if same > 1 else ""
    end = -same if same > 1 else None
    return f"path {one[:end]}{rest}", f"path {other[:end]}{rest}"


def _cost(trace: Trace, prices: dict[tuple[str, str], Price | None], line: Recorded) -> int | None:
    """Give what the tokens of the log cost by who serves now, in pico-USD."""
    if trace.served is None or trace.cost is None:
        # Nobody was paid: nothing, unless somebody serves whose price nobody knows.
        return 0 if trace.served is None else None
    price = prices.get((trace.model or "", trace.served))
    if price is None:
        return None
    return line.input_tokens * price.input + line.output_tokens * price.output


def _prices(plan: Plan) -> dict[tuple[str, str], Price | None]:
    return {
        (model.name, f"{target.provider}/{target.model}"): target.price
        for model in plan.models
        for group in model.groups
        for target in group.targets
    }


def _moments(plan: Plan) -> Iterator[datetime]:
    """Give the times at which something begins or ends."""
    for tenant in plan.tenants:
        for key in tenant.every_key:
            yield from (one for one in (key.starts, key.expires) if one is not None)
        yield from (grant.until for grant in tenant.grants if grant.until is not None)
