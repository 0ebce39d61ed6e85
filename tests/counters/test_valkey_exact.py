"""Two edges and one Valkey: what they admit together is the limit, for every shape."""

from __future__ import annotations

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from ext_authz.counters.counters import Settlement
from ext_authz.counters.valkey import ValkeyCounters
from tests.counters.charges import charge, limit
from xds.edge.limit import SECONDS, Limit, Period, Shape, Unit

GATEWAYS = itertools.count()
TIMED = [period for period in Period if period is not Period.NONE]
START = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC
UNITS = [unit for unit in Unit if unit is not Unit.CONCURRENT]


class Edges:
    """Two stores of one gateway, whose clock the test sets."""

    def __init__(self, url: str) -> None:
        gateway = f"exact {next(GATEWAYS)}"
        self.stores = [ValkeyCounters(url, gateway, timeout_ms=20_000) for _ in range(2)]
        self.names = itertools.count()

    def set_clock(self, now: int | None) -> None:
        for store in self.stores:
            store.now = now

    async def rush(self, of: Limit, count: int, amount: int = 1, hold: int = 600_000):
        """Reserve so many times at once, turn by turn at each edge; give the names granted."""
        names = [f"r{next(self.names)}" for _ in range(count)]
        verdicts = await asyncio.gather(
            *(
                self.stores[number % 2].reserve(name, [charge(of, amount)], hold)
                for number, name in enumerate(names)
            )
        )
        return [name for name, verdict in zip(names, verdicts, strict=True) if verdict.admitted]

    async def use(self, of: Limit, count: int, amount: int) -> int:
        """Rush, and settle those that were granted as they were reserved; give their number."""
        names = await self.rush(of, count, amount)
        for store in self.stores:
            await store.settle([Settlement(name, {}) for name in names])
        return len(names)

    async def close(self) -> None:
        for store in self.stores:
            await store.close()


def drive(url, scenario):
    async def run():
        edges = Edges(url)
        try:
            await scenario(edges)
        finally:
            await edges.close()

    asyncio.run(run())


@pytest.mark.parametrize("period", TIMED)
@pytest.mark.parametrize("unit", UNITS)
def test_sliding(store_url, period, unit):
    """30 of 90 pass; those over the period's edge only when the first have left it."""
    of = limit(unit, 30_000, period)
    whole = SECONDS[period] * 1000
    slice_ms = 20 if period is Period.SECOND else whole // 60

    async def scenario(edges):
        edges.set_clock(START)
        assert await edges.use(of, 40, 1000) == 30
        edges.set_clock(START + whole - 1)
        assert await edges.use(of, 40, 1000) == 0
        edges.set_clock(START + whole + slice_ms)
        assert await edges.use(of, 20, 1000) == 20
        edges.set_clock(START + whole + whole // 2)
        assert await edges.use(of, 90, 1000) == 10

    drive(store_url, scenario)


@pytest.mark.parametrize("period", TIMED)
@pytest.mark.parametrize("unit", UNITS)
def test_calendar(store_url, period, unit):
    """30 pass before the edge of the period, 30 after it, however near to it they come."""
    of = limit(unit, 30_000, period, Shape.CALENDAR)
    month_ends = START + 17 * 86_400_000 - 8 * 3_600_000
    whole = SECONDS[period] * 1000
    edge = month_ends if period is Period.MONTH else (START // whole + 1) * whole

    async def scenario(edges):
        edges.set_clock(edge - 1)
        assert await edges.use(of, 60, 1000) == 30
        edges.set_clock(edge)
        assert await edges.use(of, 60, 1000) == 30

    drive(store_url, scenario)


@pytest.mark.parametrize("period", TIMED)
@pytest.mark.parametrize("unit", UNITS)
def test_bucket(store_url, period, unit):
    """The burst passes at once, then what has flowed in since."""
    of = limit(unit, 30_000, period, Shape.BUCKET, burst=20_000)
    whole = SECONDS[period] * 1000

    async def scenario(edges):
        edges.set_clock(START)
        assert await edges.use(of, 60, 1000) == 20
        edges.set_clock(START + whole // 3 - 1)
        assert await edges.use(of, 60, 1000) == 9
        edges.set_clock(START + whole // 3 + 1)
        assert await edges.use(of, 60, 1000) == 1
        edges.set_clock(START + 3 * whole)
        assert await edges.use(of, 60, 1000) == 20

    drive(store_url, scenario)


def test_concurrent(store_url):
    """8 at once; as many as have ended, or run out, may follow."""
    of = limit(Unit.CONCURRENT, 8, Period.NONE, Shape.CONCURRENT)

    async def scenario(edges):
        edges.set_clock(START)
        running = await edges.rush(of, 50, hold=10_000)
        assert len(running) == 8
        ended = [Settlement(name, {}) for name in running[:3]]
        await asyncio.gather(*(store.settle(ended) for store in edges.stores))
        assert len(await edges.rush(of, 50, hold=60_000)) == 3
        edges.set_clock(START + 10_000)
        assert len(await edges.rush(of, 50)) == 5

    drive(store_url, scenario)


def test_the_servers_own_clock(store_url):
    """Without a clock of the test's the server's counts, and a second's limit holds in it."""
    of = limit(amount=30, period=Period.HOUR)

    async def scenario(edges):
        assert len(await edges.rush(of, 90)) == 30

    drive(store_url, scenario)


def test_two_threads_with_loops_of_their_own(store_url):
    """Edges that really run at the same time admit together what the limit says."""
    of = limit(amount=500, period=Period.HOUR)

    def edge(number: int) -> int:
        async def run():
            store = ValkeyCounters(store_url, "threads", timeout_ms=20_000)
            verdicts = await asyncio.gather(
                *(store.reserve(f"{number}-{at}", [charge(of)], 1000) for at in range(800))
            )
            await store.close()
            return sum(verdict.admitted for verdict in verdicts)

        return asyncio.run(run())

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(edge, range(2))) == 500


def test_many_limits_are_taken_together_or_not_at_all(store_url):
    """The smallest of several limits decides, and the others lose nothing to those refused."""
    smallest = limit(amount=7, period=Period.HOUR)
    others = [
        limit(amount=50, period=Period.DAY, shape=Shape.CALENDAR),
        limit(Unit.TOKENS, 50, Period.MINUTE, Shape.BUCKET, burst=50),
        limit(Unit.CONCURRENT, 50, Period.NONE, Shape.CONCURRENT),
    ]

    async def scenario(edges):
        edges.set_clock(START)
        charges = [charge(of) for of in (*others, smallest)]
        verdicts = await asyncio.gather(
            *(edges.stores[at % 2].reserve(f"r{at}", charges, 60_000) for at in range(40))
        )
        refused = [verdict for verdict in verdicts if not verdict.admitted]
        assert len(refused) == 33
        assert {verdict.refused for verdict in refused} == {3}
        assert {tuple(s.remaining for s in verdict.standings) for verdict in refused} == {
            (43, 43, 43, 0)
        }

    drive(store_url, scenario)


@pytest.mark.parametrize("shape", [Shape.SLIDING, Shape.CALENDAR])
def test_200_requests_pass_a_budget_by_no_more_than_their_estimates_were_wrong(store_url, shape):
    """Reserved at 100 each, used 100 to 120: a budget of 2,000 is passed by 20 times 20 at most."""
    of = limit(Unit.COST, 2000, Period.MONTH, shape, budget=True)

    async def scenario(edges):
        edges.set_clock(START)
        spent = 0

        async def one(number: int) -> None:
            nonlocal spent
            store, name = edges.stores[number % 2], f"r{number}"
            while not (await store.reserve(name, [charge(of, 100)], 600_000)).admitted:
                if spent > 1900:
                    return
                await asyncio.sleep(0)
            used = 100 + number % 21
            spent += used
            await store.settle([Settlement(name, {Unit.COST: used})])

        await asyncio.gather(*(one(number) for number in range(200)))
        assert 1900 < spent <= 2000 + 20 * 20
        verdict = await edges.stores[0].reserve("end", [charge(of, 100)], 1000)
        assert not verdict.admitted
        assert verdict.standings[0].remaining == max(0, 2000 - spent)

    drive(store_url, scenario)
