"""What limits are counted in: reserve before a request, settle after it, all or nothing.

Stores (`embedded`, `valkey`) share these words. A reservation may hold many charges; it is granted
whole or not at all, in one step that no other reservation can come between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from xds.edge.limit import Limit, Unit


class CountersAwayError(Exception):
    """The store cannot be reached, or did not answer in time; nothing is known of the outcome."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request takes of one limit: ``counter`` is the limit's id with whose it is."""

    limit: Limit
    counter: str
    amount: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a counter stands after a reservation: what is left, and when all of it is back (ms)."""

    remaining: int
    reset_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a reservation was granted; ``refused`` is the place of the charge that did not fit.

    Of several that did not it is the one that takes longest. ``retry_ms`` is when it would fit at
    the earliest, if nobody took any and nothing were given back; 0 if that is unknown (CONCURRENT)
    or never (more than the limit has). ``standings`` are in the order of the charges, as they are
    after the reservation (or without it).
    """

    admitted: bool
    refused: int = -1
    retry_ms: int = 0
    standings: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a request has used in the end, by unit; units it lacks stay as they were reserved.

    ``provider`` is who served (empty: nobody); holds of other providers' limits come to nothing,
    and ``more`` are charges that were not reserved (limits of a provider that a fallback led to).
    """

    reservation: str
    used: Mapping[Unit, int]
    provider: str = ""
    more: tuple[Charge, ...] = field(default=())


class Counters(Protocol):
    """A store of counters. Reservations and settlements with a name that was seen are no-ops."""

    async def reserve(self, reservation: str, charges: Sequence[Charge], hold_ms: int) -> Verdict:
        """Take all charges or none; what is only estimated is held for ``hold_ms`` at most.

        REQUESTS are charged at once. CONCURRENT, tokens and COST are held until they are settled;
        a hold that expires is given back. Holds last for a day at most. A second reservation of a
        name that was granted is granted and takes nothing; one that was refused is tried anew.
        What holds nothing, or has no charges at all, is remembered for as long: a minute is enough
        against repetitions, more is needed where ``more`` may be settled. An empty name is one that
        nobody repeats or settles: all of it is charged at once. Raises CountersAwayError.
        """

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Turn holds into what was really used, in the periods in which they were reserved.

        A hold that has expired by now is charged all the same, if that is no longer than a day ago;
        one that was settled already, or was never made, is not charged again; if one that was
        never made is asked for within a minute, it is granted and takes nothing. A charge of
        ``more`` whose counter was reserved is left out. Raises CountersAwayError.
        """

    async def close(self) -> None:
        """Let go of connections and files."""
