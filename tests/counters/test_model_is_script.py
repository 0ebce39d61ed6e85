"""The script of Redis and Valkey, and the rows of SQLite, do what the model does: step by step."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest
import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ext_authz.counters import book
from ext_authz.counters.counters import Charge, Settlement
from ext_authz.counters.rows import Rows
from ext_authz.counters.term import Reservation, bill_of, term_of
from ext_authz.counters.valkey import ValkeyCounters, key_prefix
from tests.counters.charges import limit
from tests.counters.dict_book import DictBook
from xds.edge.limit import SECONDS, Limit, Period, Shape, Unit

NUMBERS = itertools.count()
HELD_UNITS = (Unit.TOKENS, Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.COST)
TIMED = [period for period in Period if period is not Period.NONE]


@st.composite
def limits(draw) -> Limit:
    shape = draw(st.sampled_from(list(Shape)))
    amount = draw(st.sampled_from([1, 3, 7, 100, 12_345, 10**12]))
    if shape is Shape.CONCURRENT:
        made = limit(Unit.CONCURRENT, amount, Period.NONE, shape)
    else:
        unit = draw(st.sampled_from([Unit.REQUESTS, *HELD_UNITS]))
        burst = draw(st.integers(1, amount)) if shape is Shape.BUCKET else 0
        made = limit(unit, amount, draw(st.sampled_from(TIMED)), shape, burst=burst)
    place = draw(st.sampled_from(["tenant/acme", "provider/one", "provider/two"]))
    return msgspec.structs.replace(made, id=f"{place}/{next(NUMBERS)}")


NAMES = st.sampled_from([""] + [f"request-{number}" for number in range(8)])
SHARES = st.sampled_from([0, 1, 2, 3, 7, 30, 10**11])


class Stores(RuleBasedStateMachine):
    """Does the same to the model, to a Valkey and to a file, and compares all that they hold."""

    url: str
    folder: object
    runner: asyncio.Runner

    @initialize(
        chosen=st.lists(limits(), min_size=1, max_size=6),
        start=st.integers(1_700_000_000_000, 1_900_000_000_000),
    )
    def begin(self, chosen, start):
        self.limits, self.now = chosen, start
        gateway = f"model {next(NUMBERS)}"
        self.model = DictBook()
        self.rows = Rows(self.folder / f"{next(NUMBERS)}.db")
        self.valkey = ValkeyCounters(self.url, gateway, timeout_ms=5000)
        self.client = redis.Redis.from_url(self.url)
        self.prefix = key_prefix(gateway)

    @rule(
        name=NAMES,
        shares=st.lists(SHARES, max_size=6),
        hold=st.sampled_from([1, 50, 5_000, 600_000, 10**9]),
    )
    def reserve(self, name, shares, hold):
        charges = [Charge(of, of.id, take) for of, take in zip(self.limits, shares, strict=False)]
        self.compare_reserve(name, charges, hold)

    @rule(name=NAMES, twice=st.integers(0, 5), shares=st.tuples(SHARES, SHARES))
    def reserve_one_counter_twice(self, name, twice, shares):
        of = self.limits[twice % len(self.limits)]
        self.compare_reserve(name, [Charge(of, of.id, take) for take in shares], 1000)

    def compare_reserve(self, name, charges, hold):
        terms = [term_of(charge) for charge in charges]
        expected = book.reserve(self.model, name, terms, hold, self.now)
        self.valkey.now = self.now
        assert self.runner.run(self.valkey.reserve(name, charges, hold)) == expected
        with self.rows.transaction(self.now):
            assert book.reserve(self.rows, name, terms, hold, self.now) == expected
        self.compare()

    @rule(
        name=NAMES,
        used=st.dictionaries(st.sampled_from(HELD_UNITS), SHARES),
        provider=st.sampled_from(["", "one", "two"]),
        more=st.lists(st.integers(0, 5), max_size=2, unique=True),
    )
    def settle(self, name, used, provider, more):
        charges = [Charge(of, of.id, 2) for at, of in enumerate(self.limits) if at in more]
        settlement = Settlement(name, used, provider, tuple(charges))
        book.settle(self.model, bill_of(settlement), self.now)
        self.valkey.now = self.now
        self.runner.run(self.valkey.settle([settlement]))
        with self.rows.transaction(self.now):
            book.settle(self.rows, bill_of(settlement), self.now)
        self.compare()

    @rule(
        asked=st.lists(st.tuples(NAMES, SHARES, st.sampled_from([0, 1, 600_000]))),
        settled=st.sets(NAMES),
    )
    def in_one_transaction(self, asked, settled):
        """What waits at an edge shares a transaction of the file, and round trips of the server."""
        self.valkey.now = self.now
        with self.rows.transaction(self.now):
            for name, take, hold in asked:
                charges = [Charge(of, of.id, take) for of in self.limits]
                terms = [term_of(charge) for charge in charges]
                expected = book.reserve(self.model, name, terms, hold, self.now)
                assert book.reserve(self.rows, name, terms, hold, self.now) == expected
                assert self.runner.run(self.valkey.reserve(name, charges, hold)) == expected
            settlements = [Settlement(name, {Unit.TOKENS: 5}) for name in sorted(settled)]
            for settlement in settlements:
                book.settle(self.model, bill_of(settlement), self.now)
                book.settle(self.rows, bill_of(settlement), self.now)
        self.runner.run(self.valkey.settle(settlements))
        self.compare()

    @rule(ms=st.integers(0, 2000))
    def a_moment_passes(self, ms):
        self.now += ms

    @rule(
        period=st.sampled_from([SECONDS[period] * 1000 for period in TIMED]),
        part=st.sampled_from([0.02, 0.3, 0.99, 1, 1.02, 1.5]),
        ms=st.integers(-2, 2),
    )
    def a_part_of_a_period_passes(self, period, part, ms):
        self.now += max(0, int(period * part) + ms)

    @rule(back=st.sampled_from([1, 50, 3_000, 100_000, 10**8]))
    def the_clock_goes_back(self, back):
        self.now -= back

    def compare(self):
        """All counters and reservations of the model are in the stores, number for number."""
        names, known = list(self.model.counters), list(self.model.reservations)
        if names:
            kept = self.client.mget([f"{self.prefix}:c:{name}" for name in names])
            states = [tuple(msgspec.msgpack.decode(state)) for state in kept]
            assert dict(zip(names, states, strict=True)) == self.model.counters
        for name in known:
            kept = self.client.get(f"{self.prefix}:r:{name}")
            # A record may be forgotten when it is gone: redis counts that from the real time.
            assert kept is not None
            stage, gone, holds = msgspec.msgpack.decode(kept)
            told = msgspec.convert((stage, gone, holds or ()), Reservation)
            assert told == self.model.reservations[name]
        held = self.client.zrange(f"{self.prefix}:holds", 0, -1, withscores=True)
        assert {name.decode(): due for name, due in held} == self.model.holds
        with self.rows.transaction(self.now):
            assert {name: self.rows.counter(name) for name in names} == self.model.counters
            assert {name: self.rows.reservation(name) for name in known} == self.model.reservations

    def teardown(self):
        if hasattr(self, "valkey"):
            self.runner.run(self.valkey.close())
            self.client.close()
            self.rows.close()


@pytest.mark.parametrize(
    "examples", [30, pytest.param(1000, marks=(pytest.mark.slow, pytest.mark.timeout(600)))]
)
def test_every_store_does_what_the_model_does(store_url, tmp_path, examples):
    """Thousands of random steps, with clocks that jump and go back: the same numbers everywhere."""
    with asyncio.Runner() as runner:
        Stores.url, Stores.folder, Stores.runner = store_url, tmp_path, runner
        run_state_machine_as_test(
            Stores,
            settings=settings(max_examples=examples, stateful_step_count=40, deadline=None),
        )
