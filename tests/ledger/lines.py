"""Lines of the usage log for tests, and the sums that a ledger has to come to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ext_authz.counters.counters import Charge, CountersAwayError, Settlement
from ext_authz.ledger.row import Row, row

TOLD: dict[str, Any] = {
    "id": "r-1",
    "time": "2026-11-26T10:00:00.123Z",
    "tenant": "acme",
    "team": "search",
    "key": "acme/search/ci",
    "auth": "keys",
    "route": "llm",
    "endpoint": "/chat/completions",
    "method": "POST",
    "held": True,
    "estimate": 15,
    "model": "fast",
    "served": "gpt-4o-mini",
    "provider": "openai",
    "price": "policy",
    "input_price": 1_000_000,
    "output_price": 3_000_000,
    "attempts": 1,
    "input": 12,
    "output": 5,
    "cached": 4,
    "cost": 27_000,
    "told": True,
    "status": 200,
    "details": "via_upstream",
    "ms": 31,
    "first_ms": 12,
    "bytes_in": 100,
    "bytes_out": 400,
}


def line(**members: Any) -> dict[str, Any]:
    """A line as Envoy would write it; a member that is None is left out."""
    return {name: value for name, value in (TOLD | members).items() if value is not None}


def written(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in lines)


def numbered(number: int) -> dict[str, Any]:
    """One of many: each 7th was cut, each 11th refused, each 13th is no model's."""
    cost = {"input": number % 50, "output": number % 30, "cost": number * 7, "id": f"r-{number}"}
    if number % 7 == 0:
        cost |= {"told": None, "cost": None, "input": None, "output": None, "seen": number % 9}
    if number % 11 == 0:
        cost |= {"status": 429, "provider": None, "told": None}
    if number % 13 == 0:
        cost |= {"model": None, "provider": None, "held": None, "endpoint": None}
    return line(**cost, tenant=f"tenant-{number % 3}")


def sums(rows: Iterable[Row]) -> dict[str, tuple[int, ...]]:
    """Requests, tokens and cost by tenant."""
    found: dict[str, list[int]] = {}
    for one in rows:
        own = found.setdefault(one.tenant, [0] * 5)
        for at, number in enumerate((1, one.input, one.output, one.cached, one.cost)):
            own[at] += number
    return {tenant: tuple(own) for tenant, own in found.items()}


def wanted(lines: Iterable[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    """What a ledger of these lines sums up to."""
    return sums(row(one, "nowhere") for one in lines)


@dataclass(slots=True)
class FakeCounters:
    """Keeps what was settled, by the reservation; is away while `away` is set."""

    settled: dict[str, Settlement] = field(default_factory=dict)
    away: bool = False
    closed: bool = False

    async def reserve(self, reservation: str, charges: Iterable[Charge], hold_ms: int) -> Any:
        raise AssertionError("a ledger reserves nothing")

    async def settle(self, settlements: Iterable[Settlement]) -> None:
        if self.away:
            raise CountersAwayError("counters are away")
        for one in settlements:
            self.settled.setdefault(one.reservation, one)

    async def close(self) -> None:
        self.closed = True
