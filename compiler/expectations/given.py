"""From what is given, as people write it, to the world that `decide` takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from compiler.decide.world import EPOCH, Answer, Fault, World
from compiler.expectations.limits import limits_named
from compiler.plan import Plan
from compiler.schema.given import ALL, NONE, AnswerDocument, GivenDocument
from policies.limit_text import NANO
from xds.edge.limit import Limit, Unit


class Everybody(Mapping[str, int]):
    """So much is counted for whomever one asks about."""

    __slots__ = ("amount", "others")

    def __init__(self, amount: int, others: Mapping[str, int]) -> None:
        self.amount = amount
        self.others = others

    def __getitem__(self, whom: str) -> int:
        return self.others.get(whom, self.amount)

    def __iter__(self) -> Iterator[str]:
        return iter(self.others)

    def __len__(self) -> int:
        return len(self.others)


def world_of(given: GivenDocument, plan: Plan, now: datetime) -> World:
    """Make the world of a request at ``now``; names that the plan does not have mean nothing."""
    used: dict[str, Mapping[str, int]] = {}
    for name, amounts in given.used.items():
        for limit in limits_named(plan, name):
            by_whom = {whom: _amount(amount, limit) for whom, amount in amounts.items()}
            rest = by_whom.pop(NONE, None)
            used[limit.id] = by_whom if rest is None else Everybody(rest, by_whom)
    return World(
        now=now,
        answers={
            name: tuple(map(answer_of, answers))
            for name, answers in (given.model_extra or {}).items()
        },
        used=used,
        draws=given.draws or (0.0,),
        cooling=frozenset(given.cooling),
        counters_away=given.counters is not None,
        edge_away=given.edge is not None,
        latencies={name: took.total_seconds() for name, took in given.latencies.items()},
    )


def answer_of(said: AnswerDocument) -> Answer:
    """Make an upstream's answer."""
    return Answer(
        status=said.status,
        fault=Fault(said.fault or ""),
        retry_after=said.retry_after,
        input_tokens=said.input_tokens,
        output_tokens=said.output_tokens,
    )


def quiet_moment(plan: Plan) -> datetime:
    """Give the earliest time at which no key has still to begin."""
    keys = [key for tenant in plan.tenants for key in tenant.every_key]
    return max((key.starts for key in keys if key.starts is not None), default=EPOCH)


def _amount(said: Decimal | str, limit: Limit) -> int:
    if isinstance(said, str):
        return limit.amount if said == ALL else 0
    return int(said * (NANO if limit.unit is Unit.COST else 1))
