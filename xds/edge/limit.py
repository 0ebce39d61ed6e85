"""A limit: how much of what, in which time, of whom, and what holds when the counters are away.

Amounts are whole numbers: requests, tokens, requests under way, or nano-USD (1 USD is 10**9).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Unit(StrEnum):
    """What a limit counts."""

    REQUESTS = "requests"
    TOKENS = "tokens"  # input and output
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    COST = "cost"  # nano-USD
    CONCURRENT = "concurrent"  # requests under way; no period


METERED = frozenset({Unit.TOKENS, Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.COST})
"""What only requests for models use, and nobody can count without a look into the body."""


class Period(StrEnum):
    """The time in which an amount may be used."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    NONE = "none"  # of CONCURRENT


class Shape(StrEnum):
    """How the time is cut.

    SLIDING: at most the amount in *any* stretch of the period. CALENDAR: in each period of the
    calendar, UTC (days from midnight, months from the 1st). BUCKET: refilled evenly, at most
    ``burst`` at once. CONCURRENT: at most the amount at the same time.
    """

    SLIDING = "sliding"
    CALENDAR = "calendar"
    BUCKET = "bucket"
    CONCURRENT = "concurrent"


class Each(StrEnum):
    """Of whom there is one counter each; ALL is one counter for everybody under the limit."""

    ALL = "all"
    TENANT = "tenant"
    TEAM = "team"
    KEY = "key"
    USER = "user"  # the subject of a JWT; the key where there is none
    CLIENT = "client"  # the client's address


class Away(StrEnum):
    """What a limit says while its counters cannot be reached."""

    OPEN = "open"  # let requests pass
    CLOSED = "closed"  # answer 503


SECONDS = {
    Period.SECOND: 1,
    Period.MINUTE: 60,
    Period.HOUR: 3_600,
    Period.DAY: 86_400,
    Period.MONTH: 2_592_000,  # of SLIDING and BUCKET; CALENDAR months are as long as they are
}


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit at one place of the policy.

    ``id`` names its counters in the store and never changes unless unit, period, shape or place
    do: an edited amount keeps what was counted. ``owner`` is who is limited, as clients are told
    (``tenant `acme```); ``text`` is the limit as it was written (``20 requests/minute``).
    ``burst`` is of BUCKET alone.
    """

    id: str
    owner: str
    text: str
    unit: Unit
    amount: int
    period: Period
    shape: Shape
    burst: int = 0
    each: Each = Each.ALL
    away: Away = Away.CLOSED
    budget: bool = False
    """Whether it was written as a `budget`: its refusal does not go away by waiting a little."""
