"""What stores keep and pass on of a charge: numbers instead of words, arrays instead of objects.

`counters.lua` reads the same arrays by place, so their order is part of the store's format.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ext_authz.counters.counters import Charge, Settlement
from xds.edge.limit import SECONDS, Period, Shape, Unit

SLIDING: Final = 0
CALENDAR: Final = 1
BUCKET: Final = 2
CONCURRENT: Final = 3

_SHAPES: Final = {
    Shape.SLIDING: SLIDING,
    Shape.CALENDAR: CALENDAR,
    Shape.BUCKET: BUCKET,
    Shape.CONCURRENT: CONCURRENT,
}

AT_ONCE: Final = 0
"""The unit of what is known when it is reserved: requests. It is never given back."""
UNDER_WAY: Final = 5
"""The unit of what is given back whole when it is settled: concurrent requests."""
_UNITS: Final = {
    Unit.REQUESTS: AT_ONCE,
    Unit.TOKENS: 1,
    Unit.INPUT_TOKENS: 2,
    Unit.OUTPUT_TOKENS: 3,
    Unit.COST: 4,
    Unit.CONCURRENT: UNDER_WAY,
}
UNUSED: Final = -1
"""In place of a settlement's amount: this unit stays as it was reserved."""

_SLICES: Final = {Period.SECOND: 50}
"""Into how many slices a sliding period is cut, where it is not 60: 20 ms are whole, 16.7 not."""

LATE_MS: Final = 24 * 3_600_000
"""For how long after its hold a reservation can be settled, and how long a hold may be."""
SETTLED_MS: Final = 60_000
"""For how long a settled reservation's name is known: longer than any retry takes to come."""
DUE_AT_ONCE: Final = 100
"""How many expired holds one reservation gives back at most: nobody waits long for others'."""


class Term(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A charge of one counter; ``period`` and ``slice`` in ms, ``period`` 0 is a calendar month.

    ``provider`` is named where the limit is one of a provider's own.
    """

    counter: str
    shape: int
    size: int
    period: int
    slice: int
    burst: int
    unit: int
    provider: str
    take: int


class Hold(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A term that was taken, and in which slice, period, or time (`shapes.slot`)."""

    term: Term
    slot: int


class Reservation(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a store remembers of one reservation until ``gone`` (ms since 1970)."""

    stage: int
    gone: int
    holds: tuple[Hold, ...] = ()


HELD: Final = 0
GIVEN_BACK: Final = 1
SETTLED: Final = 2


class Bill(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A settlement; ``used`` by unit, from requests to cost, ``UNUSED`` where it says nothing."""

    reservation: str
    used: tuple[int, int, int, int, int]
    provider: str
    more: tuple[Term, ...]


def term_of(charge: Charge) -> Term:
    """Say a charge in numbers."""
    limit = charge.limit
    period, slice_ms = 0, 0
    if limit.period is not Period.NONE:
        period = SECONDS[limit.period] * 1000
        slice_ms = period // _SLICES.get(limit.period, 60)
        if limit.period is Period.MONTH and limit.shape is Shape.CALENDAR:
            period = 0
    provider = limit.id.split("/", 2)[1] if limit.id.startswith("provider/") else ""
    return Term(
        charge.counter,
        _SHAPES[limit.shape],
        limit.amount,
        period,
        slice_ms,
        limit.burst,
        _UNITS[limit.unit],
        provider,
        charge.amount,
    )


def bill_of(settlement: Settlement) -> Bill:
    """Say a settlement in numbers."""
    used = settlement.used
    return Bill(
        settlement.reservation,
        (
            UNUSED,
            used.get(Unit.TOKENS, UNUSED),
            used.get(Unit.INPUT_TOKENS, UNUSED),
            used.get(Unit.OUTPUT_TOKENS, UNUSED),
            used.get(Unit.COST, UNUSED),
        ),
        settlement.provider,
        tuple(term_of(charge) for charge in settlement.more),
    )
