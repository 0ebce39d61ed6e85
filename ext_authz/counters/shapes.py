"""How a counter counts, for each shape of a limit: pure functions from a state to the next one.

A state is a tuple of whole numbers; the empty one is a counter that nobody has used.

- SLIDING: ``(used, slice, amount, slice, amount, ...)``, slices in order, those of the period only.
  A slice is freed when no part of it is in the period any more, so that at most the limit's size
  is used in *any* stretch of the period, and never more.
- CALENDAR: ``(used, window)``.
- BUCKET: ``(since, taken, full)``: the bucket was full at ``since`` and ``taken`` was taken from
  then on, less what is made good in rebasing by whole periods; ``full`` is when it was last full.
  No fraction is ever rounded away.
- CONCURRENT: ``(used, until)``; ``until`` is when the last hold expires.

A clock that went back does not free anything: the counter waits where it was, but begins anew when
that is more than a period away. `counters.lua` does the same, number for number; products beyond
2**53 are floats in both.
"""

from __future__ import annotations

import math
from typing import Final

from ext_authz.counters.month import DAY_MS, month_at, month_begins
from ext_authz.counters.term import BUCKET, CALENDAR, CONCURRENT, LATE_MS, SLIDING, Term

State = tuple[int, ...]

NEVER: Final = 2**53
"""A wait that has no end: the amount is more than the limit has at all."""

_KEEP_MOST: Final = 3_650 * DAY_MS
"""Ten years: a slow bucket that a bill has overdrawn by far is forgiven then."""


def advance(term: Term, state: State, now: int) -> State:
    """Bring a state to the present: what has passed is freed."""
    shape = term.shape
    if shape == SLIDING:
        return _advance_slices(term, state, now)
    if shape == CALENDAR:
        window = now // term.period if term.period else month_at(now)
        if state and window <= state[1] <= window + 1:
            return state
        return (0, window)
    if shape == BUCKET:
        return _advance_bucket(term, state, now)
    return state or (0, 0)


def _advance_slices(term: Term, state: State, now: int) -> State:
    here, count = now // term.slice, term.period // term.slice
    if len(state) < 3:
        return (0,)
    head = state[-2]
    if head > here + count:
        return (0,)
    first = max(here, head) - count
    at, used = 1, state[0]
    while at < len(state) and state[at] < first:
        used -= state[at + 1]
        at += 2
    return state if at == 1 else (used, *state[at:])


def _advance_bucket(term: Term, state: State, now: int) -> State:
    if not state or state[0] > now + term.period:
        return (now, 0, now)
    since, taken, full = state
    periods = (now - since) // term.period
    if periods > 0:
        taken -= periods * term.size
        since += periods * term.period
    if taken - _refilled(term, since, now) <= 0 and now >= since:
        return (now, 0, now)
    return (since, taken, full)


def _refilled(term: Term, since: int, now: int) -> int:
    """What has come into a bucket in less than a period."""
    return math.floor(float(max(0, now - since)) * term.size / term.period)


def capacity(term: Term) -> int:
    """The most that one reservation can ever take."""
    return term.burst if term.shape == BUCKET else term.size


def used(term: Term, state: State, now: int) -> int:
    """How much of the capacity is taken in a state that has been brought to the present."""
    if term.shape == BUCKET:
        return state[1] - _refilled(term, state[0], now)
    return state[0]


def slot(term: Term, state: State, now: int, until: int) -> int:
    """Where what is taken now is counted, to be found again; ``until`` is the end of its hold."""
    if term.shape == SLIDING:
        here = now // term.slice
        return max(here, state[-2]) if len(state) > 2 else here
    if term.shape == CALENDAR:
        return state[1]
    return now if term.shape == BUCKET else until


def add(term: Term, state: State, now: int, place: int, amount: int) -> State:
    """Count an amount, which may be negative, in the slot in which it was taken.

    The state has been brought to the present. What was taken in a slot that has passed counts for
    nothing any more, either way.
    """
    shape = term.shape
    if shape == SLIDING:
        return _add_to_slice(term, state, now, place, amount)
    if shape == CALENDAR:
        return (max(0, state[0] + amount), state[1]) if place == state[1] else state
    if shape == BUCKET:
        since, taken, full = state
        if amount < 0 and place < full:
            return state  # it had flowed back by itself
        if taken + amount <= _refilled(term, since, now):
            return (now, 0, now)
        return (since, taken + amount, full)
    return (max(0, state[0] + amount), max(state[1], place) if amount > 0 else state[1])


def _add_to_slice(term: Term, state: State, now: int, place: int, amount: int) -> State:
    head = state[-2] if len(state) > 2 else 0
    if place < max(now // term.slice, head) - term.period // term.slice:
        return state
    at = len(state)
    while at > 1 and state[at - 2] >= place:
        at -= 2
    before = state[at + 1] if at < len(state) and state[at] == place else None
    if before is None:
        if amount <= 0:
            return state
        return (state[0] + amount, *state[1:at], place, amount, *state[at:])
    after = max(0, before + amount)
    kept = (place, after) if after else ()
    return (state[0] + after - before, *state[1:at], *kept, *state[at + 2 :])


def wait(term: Term, state: State, now: int) -> int:
    """In how many ms the term's amount fits, if nobody else takes any; 0 is unknown.

    It is known not to fit now.
    """
    if term.take > capacity(term):
        return NEVER
    need = used(term, state, now) + term.take - capacity(term)
    if term.shape == SLIDING:
        at = 1
        while at < len(state) - 2 and state[at + 1] < need:
            need -= state[at + 1]
            at += 2
        return _slice_ends(term, state[at]) - now
    if term.shape == CALENDAR:
        return _window_ends(term, state[1]) - now
    if term.shape == BUCKET:
        return _made_good(term, state, state[1] + term.take - term.burst) - now
    return 0


def reset(term: Term, state: State, now: int) -> int:
    """In how many ms all is free again, if nobody takes any; 0 where all is, or unknown."""
    if term.shape == SLIDING:
        return _slice_ends(term, state[-2]) - now if len(state) > 2 else 0
    if term.shape == CALENDAR:
        return _window_ends(term, state[1]) - now if state[0] else 0
    if term.shape == BUCKET:
        return _made_good(term, state, state[1]) - now if state[1] else 0
    return 0


def keep(term: Term, state: State, now: int) -> int:
    """For how many ms a state has to be kept; after that it is as good as empty."""
    if term.shape == CONCURRENT:
        return max(0, state[1] - now) + LATE_MS
    return min(reset(term, state, now), _KEEP_MOST)


def _slice_ends(term: Term, place: int) -> int:
    return (place + term.period // term.slice + 1) * term.slice


def _window_ends(term: Term, window: int) -> int:
    return (window + 1) * term.period if term.period else month_begins(window + 1)


def _made_good(term: Term, state: State, amount: int) -> int:
    """When so much has come into a bucket since its state's beginning."""
    if not term.size:
        return NEVER
    return state[0] + math.ceil(float(amount) * term.period / term.size)
