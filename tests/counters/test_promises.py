"""What each shape promises, whatever is asked of it and when."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.counters import book
from ext_authz.counters.month import month_at
from ext_authz.counters.term import Bill, Term, term_of
from tests.counters.charges import charge, limit
from tests.counters.dict_book import DictBook
from xds.edge.limit import SECONDS, Limit, Period, Shape, Unit

TIMED = st.sampled_from([period for period in Period if period is not Period.NONE])
START = 1_800_000_000_000


@st.composite
def timelines(draw, period: Period):
    """Times and amounts of reservations: rushes, pauses of about a slice, a period, and more."""
    whole = SECONDS[period] * 1000
    steps = st.one_of(
        st.just(0),
        st.integers(0, max(1, whole // 40)),
        st.sampled_from([whole, whole - 1, whole + 1, whole // 2, whole // 60]),
    )
    now = START + draw(st.integers(0, whole))
    asked = []
    for step in draw(st.lists(steps, min_size=1, max_size=60)):
        now += step
        asked.append((now, draw(st.integers(1, 4))))
    return asked


def granted(of: Limit, timeline) -> list[tuple[int, int]]:
    """Reserve all; give the times and amounts of those that were granted, and check the others."""
    kept = DictBook()
    given_to = []
    for number, (now, amount) in enumerate(timeline):
        term = term_of(charge(of, amount))
        verdict = book.reserve(kept, f"r{number}", [term], 0, now)
        if verdict.admitted:
            given_to.append((now, amount))
        else:
            check_retry(kept, term, verdict.retry_ms, now)
    return given_to


def check_retry(kept: DictBook, term: Term, retry: int, now: int) -> None:
    """What was refused fits when it was said that it would, and not a moment before."""
    if not retry:
        assert term.take > (term.burst or term.size)
        return
    for at, fits in ((now + retry - 1, False), (now + retry, True)):
        copy = DictBook()
        copy.counters = dict(kept.counters)
        assert book.reserve(copy, "again", [term], 0, at).admitted is fits


@given(st.data(), TIMED, st.integers(1, 12))
def test_a_sliding_limit_holds_in_any_stretch_of_its_period(data, period, amount):
    """No stretch as long as the period, wherever it begins, has more than the amount."""
    taken = granted(limit(amount=amount, period=period), data.draw(timelines(period)))
    whole = SECONDS[period] * 1000
    for begin, _ in taken:
        assert sum(much for now, much in taken if begin <= now < begin + whole) <= amount


@given(st.data(), TIMED, st.integers(1, 12))
def test_a_sliding_limit_is_late_by_no_more_than_a_slice(data, period, amount):
    """What was taken is back when the period is over and one slice (a fiftieth of it at most)."""
    of = limit(amount=amount, period=period)
    timeline = data.draw(timelines(period))
    kept, whole = DictBook(), SECONDS[period] * 1000
    taken: list[tuple[int, int]] = []
    for number, (now, much) in enumerate(timeline):
        recent = sum(n for at, n in taken if at > now - whole - whole // 50)
        verdict = book.reserve(kept, f"r{number}", [term_of(charge(of, much))], 0, now)
        if recent + much <= amount:
            assert verdict.admitted
        if verdict.admitted:
            taken.append((now, much))


@given(st.data(), TIMED, st.integers(1, 12))
def test_a_calendar_limit_holds_in_each_period_of_the_calendar(data, period, amount):
    """Each second to month has the amount, and all of it."""
    of = limit(amount=amount, period=period, shape=Shape.CALENDAR)
    taken = granted(of, data.draw(timelines(period)))
    windows: dict[int, int] = {}
    for now, much in taken:
        window = month_at(now) if period is Period.MONTH else now // (SECONDS[period] * 1000)
        windows[window] = windows.get(window, 0) + much
    assert all(much <= amount for much in windows.values())


@given(st.data(), TIMED, st.integers(1, 12), st.integers(1, 6))
def test_a_bucket_gives_its_burst_and_what_flows_in(data, period, amount, burst):
    """Between any two grants no more than the burst, and what came in meanwhile, was given."""
    of = limit(amount=amount, period=period, shape=Shape.BUCKET, burst=burst)
    taken = granted(of, data.draw(timelines(period)))
    whole = SECONDS[period] * 1000
    for first in range(len(taken)):
        much = 0
        for now, amount_of_one in taken[first:]:
            much += amount_of_one
            assert (much - burst) * whole <= amount * (now - taken[first][0])


@given(st.integers(1, 50), st.integers(2, 10**6), TIMED)
def test_a_bucket_that_is_drained_evenly_loses_no_fraction(amount, burst, period):
    """Asked for one at the time it says, again and again, it gives the amount in each period."""
    of = limit(amount=amount, period=period, shape=Shape.BUCKET, burst=burst)
    kept, now, whole = DictBook(), START, SECONDS[period] * 1000
    book.reserve(kept, "all", [term_of(charge(of, burst))], 0, now)
    one = term_of(charge(of, 1))
    for number in range(3 * amount):
        verdict = book.reserve(kept, f"early{number}", [one], 0, now)
        now += verdict.retry_ms
        assert book.reserve(kept, f"r{number}", [one], 0, now).admitted
    assert now == START + 3 * whole


class Request(msgspec.Struct):
    estimate: int
    used: int
    settled: bool = False


@given(st.data(), st.sampled_from([Shape.SLIDING, Shape.CALENDAR]), st.integers(1, 100))
def test_a_budget_is_passed_by_no_more_than_the_estimates_were_wrong(data, shape, amount):
    """However reservations and settlements come between each other, in one period."""
    of = limit(Unit.TOKENS, amount, Period.DAY, shape)
    kept, requests = DictBook(), []
    for step in range(data.draw(st.integers(1, 40))):
        open_ones = [request for request in requests if not request.settled]
        if open_ones and data.draw(st.booleans()):
            request = data.draw(st.sampled_from(open_ones))
            request.settled = True
            # By which it is, and not by what it is like.
            name = f"r{[one is request for one in requests].index(True)}"
            bill = Bill(name, (-1, request.used, -1, -1, -1), "", ())
            book.settle(kept, bill, START + step)
            book.settle(kept, bill, START + step)  # once, however often it is told
        else:
            request = Request(data.draw(st.integers(0, 40)), data.draw(st.integers(0, 60)))
            term = term_of(charge(of, request.estimate))
            name = f"r{len(requests)}"
            verdict = book.reserve(kept, name, [term], 3_600_000, START + step)
            spent = sum(r.used if r.settled else r.estimate for r in requests)
            assert verdict.admitted is (spent + request.estimate <= amount)
            if verdict.admitted:
                requests.append(request)
        spent = sum(r.used if r.settled else r.estimate for r in requests)
        wrong = sum(max(0, r.used - r.estimate) for r in requests if r.settled)
        assert kept.counters.get(of.id, (0,))[0] == spent
        assert spent <= amount + wrong
    assert sum(r.used for r in requests) <= amount + sum(
        max(0, r.used - r.estimate) for r in requests
    )


def test_a_late_settlement_is_charged_in_its_own_period():
    """A request of January that is settled in February spends January's budget, not February's."""
    january, february = START, START + 40 * 86_400_000
    of = limit(Unit.COST, 100, Period.MONTH, Shape.CALENDAR, budget=True)
    kept, term = DictBook(), term_of(charge(of, 60))
    assert book.reserve(kept, "late", [term], 50 * 86_400_000, january).admitted
    late = january + 86_400_000 - 1  # holds are a day long at most
    assert not book.reserve(kept, "next", [term], 1000, late).admitted
    # The hold has run out, the estimate is given back, and the bill comes after all.
    assert book.reserve(kept, "next", [term], 1000, late + 1).admitted
    book.settle(kept, Bill("late", (-1, -1, -1, -1, 90), "", ()), late + 2)
    assert kept.counters[of.id][0] == 150
    assert book.reserve(kept, "of february", [term], 1000, february).admitted
    book.settle(kept, Bill("next", (-1, -1, -1, -1, 0), "", ()), february)
    assert kept.counters[of.id][0] == 60


def test_a_concurrent_place_is_free_when_its_request_ends_or_its_hold_does():
    """Eight at once: the ninth waits for a settlement, or for the hold of one that never ends."""
    of = limit(Unit.CONCURRENT, 8, Period.NONE, Shape.CONCURRENT)
    kept, term = DictBook(), term_of(charge(of))
    for number in range(8):
        assert book.reserve(kept, f"r{number}", [term], 1000 + number, START).admitted
    assert not book.reserve(kept, "r8", [term], 1000, START).admitted
    book.settle(kept, Bill("r3", (-1,) * 5, "", ()), START)
    assert book.reserve(kept, "r8", [term], 9000, START).admitted
    assert not book.reserve(kept, "r9", [term], 9000, START + 999).admitted
    assert book.reserve(kept, "r9", [term], 9000, START + 1000).admitted


def test_only_the_provider_that_served_is_charged():
    """A fallback gives back what was held of the first provider and charges the second."""
    first = limit(Unit.TOKENS, 100, id="provider/one/tokens/minute")
    second = limit(Unit.TOKENS, 100, id="provider/two/tokens/minute")
    tenant = limit(Unit.TOKENS, 100)
    kept = DictBook()
    terms = [term_of(charge(of, 40)) for of in (first, tenant)]
    assert book.reserve(kept, "r", terms, 1000, START).admitted
    more = (term_of(charge(second, 1)), term_of(charge(tenant, 1)))
    book.settle(kept, Bill("r", (-1, 30, -1, -1, -1), "two", more), START)
    used = [kept.counters[of.id][0] for of in (first, second, tenant)]
    assert used == [0, 30, 30]


def test_a_reservation_that_holds_nothing_is_remembered_for_as_long_as_it_was_told():
    """And not for a day longer, as those are that have something to give back."""
    kept, term = DictBook(), term_of(charge(limit(amount=10)))
    assert book.reserve(kept, "r", [term], 60_000, START).admitted
    assert kept.reservations["r"].gone == START + 60_000
    assert not kept.holds
    book.reserve(kept, "r", [term], 60_000, START + 59_999)
    assert kept.counters[term.counter][0] == 1
    book.reserve(kept, "r", [term], 60_000, START + 60_000)
    assert kept.counters[term.counter][0] == 2


@given(taken=st.lists(st.sampled_from([1, 2]), max_size=2))
def test_a_fallbacks_limit_is_charged_once_whatever_was_reserved(taken):
    """Also if that were requests alone, or nothing at all, and the answer took ten minutes."""
    of = limit(Unit.TOKENS, 100, id="provider/two/tokens/minute")
    kept, requests = DictBook(), limit(amount=10)
    terms = [term_of(charge(requests, take)) for take in taken]
    assert book.reserve(kept, "r", terms, 660_000, START).admitted
    bill = Bill("r", (-1, 30, -1, -1, -1), "two", (term_of(charge(of, 1)),))
    for late in (599_999, 600_000):
        book.settle(kept, bill, START + late)
    assert kept.counters[of.id][0] == 30
    assert kept.counters.get(requests.id, (0,))[0] == sum(taken)


def test_what_is_settled_before_it_is_reserved_takes_nothing():
    """A client has left, and its line was faster than the edge that was asked about it."""
    kept, of = DictBook(), limit(Unit.CONCURRENT, 1, Period.NONE, Shape.CONCURRENT)
    term = term_of(charge(of, 1))
    book.settle(kept, Bill("gone", (-1, 0, 0, 0, 0), "", ()), START)
    assert book.reserve(kept, "gone", [term], 60_000, START + 5).admitted
    assert book.reserve(kept, "other", [term], 60_000, START + 6).admitted
    assert not book.reserve(kept, "third", [term], 60_000, START + 7).admitted
