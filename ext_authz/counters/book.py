"""How reservations and settlements are entered: the one algorithm, on any book that holds state.

Pure but for the book, and ``now`` is a parameter. The embedded store runs it on a database's rows,
tests run it on a dictionary, and `counters.lua` is the same, line by line, for Redis and Valkey.

An estimate is counted where it was taken, at once; a settlement, or the hold's expiry, adds what
it differs from the truth. Expired holds are given back by whoever reserves next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from ext_authz.counters import shapes
from ext_authz.counters.counters import Standing, Verdict
from ext_authz.counters.shapes import NEVER, State
from ext_authz.counters.term import (
    AT_ONCE,
    DUE_AT_ONCE,
    GIVEN_BACK,
    HELD,
    LATE_MS,
    SETTLED,
    SETTLED_MS,
    UNDER_WAY,
    UNUSED,
    Bill,
    Hold,
    Reservation,
    Term,
)


class Book(Protocol):
    """What is remembered. What is kept for so many ms may be forgotten after that, or later."""

    def counter(self, name: str) -> State:
        """A counter's state, empty where there is none."""

    def set_counter(self, name: str, state: State, keep_ms: int) -> None:
        """Remember a counter's state."""

    def reservation(self, name: str) -> Reservation | None:
        """What is known of a reservation; what is gone by its own word may still be told."""

    def set_reservation(self, name: str, reservation: Reservation, due: int | None) -> None:
        """Remember a reservation, and when its hold is due (ms since 1970), if it has any."""

    def due(self, now: int, most: int) -> Sequence[str]:
        """Reservations whose holds are due, the earliest first, then by name."""


MARGIN_MS: Final = 60_000
"""For how much longer than it must everything is kept: clocks of tests may be slower than ours."""


def reserve(book: Book, name: str, terms: Sequence[Term], hold_ms: int, now: int) -> Verdict:
    """Take all terms or none, see `Counters.reserve`."""
    _give_back(book, now)
    known = book.reservation(name) if name else None
    if known is not None and known.gone > now:
        return Verdict(admitted=True, standings=_standings(book, {}, terms, now))
    until = now + min(hold_ms, LATE_MS)
    states: dict[str, State] = {}
    holds: list[Hold] = []
    refused, longest = -1, -1
    for place, term in enumerate(terms):
        state = _present(book, states, term, now)
        if shapes.used(term, state, now) + term.take > shapes.capacity(term):
            wait = shapes.wait(term, state, now)
            if wait > longest:
                refused, longest = place, wait
            continue
        slot = shapes.slot(term, state, now, until)
        states[term.counter] = shapes.add(term, state, now, slot, term.take)
        if term.unit != AT_ONCE or term.provider:
            holds.append(Hold(term, slot))
    if refused >= 0:
        retry = longest if longest < NEVER else 0
        return Verdict(False, refused, retry, _standings(book, {}, terms, now))
    for term in terms:
        state = states[term.counter]
        book.set_counter(term.counter, state, shapes.keep(term, state, now) + MARGIN_MS)
    if name:
        book.set_reservation(name, *_record(holds, until))
    return Verdict(admitted=True, standings=_standings(book, states, terms, now))


def _record(holds: list[Hold], until: int) -> tuple[Reservation, int | None]:
    """What is remembered of a reservation, and when it is due, if anything is to be given back."""
    if any(hold.term.unit != AT_ONCE for hold in holds):
        return Reservation(HELD, until + LATE_MS, tuple(holds)), until
    return Reservation(HELD, until, tuple(holds)), None


def settle(book: Book, bill: Bill, now: int) -> None:
    """Turn a reservation into what was used, once, see `Counters.settle`."""
    known = book.reservation(bill.reservation)
    if known is None:
        # It may be on its way, for a request that has ended meanwhile: then it takes nothing.
        book.set_reservation(bill.reservation, Reservation(SETTLED, now + SETTLED_MS), None)
        return
    if known.gone <= now or known.stage == SETTLED:
        return
    reserved: set[str] = set()
    for hold in known.holds:
        term = hold.term
        reserved.add(term.counter)
        if term.unit == AT_ONCE:
            continue
        owed = term.take
        if term.unit == UNDER_WAY or (term.provider and term.provider != bill.provider):
            owed = 0
        elif bill.used[term.unit] != UNUSED:
            owed = bill.used[term.unit]
        _correct(book, hold, owed - (term.take if known.stage == HELD else 0), now)
    for term in bill.more:
        if term.unit == UNDER_WAY or term.counter in reserved:
            continue
        taken = bill.used[term.unit]
        state = _present(book, {}, term, now)
        slot = shapes.slot(term, state, now, now)
        _correct(book, Hold(term, slot), term.take if taken == UNUSED else taken, now)
    gone = now + SETTLED_MS
    book.set_reservation(bill.reservation, Reservation(SETTLED, gone), None)


def _give_back(book: Book, now: int) -> None:
    for name in book.due(now, DUE_AT_ONCE):
        known = book.reservation(name)
        if known is None or known.stage != HELD:
            continue
        for hold in known.holds:
            if hold.term.unit != AT_ONCE:
                _correct(book, hold, -hold.term.take, now)
        book.set_reservation(name, Reservation(GIVEN_BACK, known.gone, known.holds), None)


def _correct(book: Book, hold: Hold, amount: int, now: int) -> None:
    """Add an amount, which may be negative, where a hold was taken."""
    if not amount:
        return
    term = hold.term
    state = _present(book, {}, term, now)
    state = shapes.add(term, state, now, hold.slot, amount)
    book.set_counter(term.counter, state, shapes.keep(term, state, now) + MARGIN_MS)


def _present(book: Book, states: dict[str, State], term: Term, now: int) -> State:
    state = states.get(term.counter)
    if state is None:
        state = shapes.advance(term, book.counter(term.counter), now)
    return state


def _standings(
    book: Book, states: dict[str, State], terms: Sequence[Term], now: int
) -> tuple[Standing, ...]:
    told = []
    for term in terms:
        state = _present(book, states, term, now)
        left = shapes.capacity(term) - shapes.used(term, state, now)
        reset = shapes.reset(term, state, now)
        told.append(Standing(max(0, left), reset if reset < NEVER else 0))
    return tuple(told)
