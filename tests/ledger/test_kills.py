"""Nothing is lost and nothing doubled, whatever is killed or away, on real stores."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter

import pytest

from tests.ledger.lines import numbered, sums, wanted, written
from tests.ledger.running_ledger import LedgerProcess, ledger

MANY = 10_000


def lines(count: int, start: int = 0) -> list[dict]:
    return [numbered(number) for number in range(start, start + count)]


def held(some: list[dict]) -> set[str]:
    return {one["id"] for one in some if one.get("held")}


def complete(process: LedgerProcess, some: list[dict]) -> None:
    """Every line has its row, once, with its sums, and every reservation is settled."""
    process.wait(lambda p: len(p.rows()) >= len(some), "rows are missing")
    process.wait(lambda p: set(p.settled()) >= held(some), "reservations are missing")
    rows = process.rows()
    assert max(Counter(row.id for row in rows).values()) == 1
    assert sums(rows) == wanted(some)
    assert set(process.settled()) == held(some)


@pytest.fixture(params=["sqlite", "postgres"])
def process(request, tmp_path):
    url = request.getfixturevalue("postgres").database() if request.param == "postgres" else ""
    with ledger(tmp_path / "edge", url) as made:
        yield made


def test_each_request_has_its_row(process):
    """Lines that come while it runs, and those that came before it did."""
    some = lines(500)
    process.append(written(*some[:300]))
    complete(process, some[:300])
    process.end(signal.SIGTERM)
    process.append(written(*some[300:]))
    process.start()
    complete(process, some)


def test_a_stop_leaves_nothing_behind(process):
    """SIGTERM: what Envoy has written is settled and written before the process ends."""
    process.append(written(*lines(1)))
    complete(process, lines(1))
    process.append(written(*lines(500)))
    process.end(signal.SIGTERM)
    rows = process.rows()
    assert sums(rows) == wanted(lines(500))


@pytest.mark.slow
def test_ten_thousand_lines_over_kills(process):
    """Processes get -9 every moment, with torn lines, garbage and half lines in between."""
    draw = random.Random(4)
    some = lines(MANY)
    whole = written(*some).splitlines(keepends=True)
    done = threading.Event()

    def envoy() -> None:
        at = 0
        while at < len(whole):
            count = draw.randint(1, 60)
            data = b"".join(whole[at : at + count])
            at += count
            if draw.random() < 0.05:
                process.append(b'{"id":"torn","time":"2026-')  # and what follows is whole
            if draw.random() < 0.05:
                process.append(b"garbage\n\0\0\n{}\n")
            cut = draw.randint(0, len(data))
            process.append(data[:cut])
            time.sleep(draw.random() / 100)
            process.append(data[cut:])
        done.set()

    writer = threading.Thread(target=envoy)
    writer.start()
    kills = 0
    while not done.is_set() or kills < 12:
        before = len(process.settled())
        process.wait(
            lambda p, before=before: done.is_set() or len(p.settled()) > before, "it stands still"
        )
        time.sleep(draw.random() / 5)
        process.end()
        kills += 1
        process.start()
    writer.join()
    complete(process, some)
    bad = (process.state / "usage.bad").read_bytes()
    assert b"garbage" in bad
    assert b'"r-' not in bad
    if process.log.stat().st_blocks * 512 < process.log.stat().st_size:
        assert process.log.stat().st_blocks * 512 < process.log.stat().st_size // 2


def test_a_database_that_is_away_loses_nothing(postgres, tmp_path):
    """Reservations are settled all the same; the rows come when it is back, by themselves."""
    some = lines(600)
    with ledger(tmp_path / "edge", postgres.database()) as process:
        process.append(written(*some[:200]))
        complete(process, some[:200])
        postgres.stop()
        try:
            process.append(written(*some[200:]))
            process.wait(lambda p: set(p.settled()) >= held(some), "settling waits")
            process.wait(lambda p: "the usage log keeps" in p.said, "it says nothing")
            process.end()
            process.start()
            process.wait(lambda p: p.said.count("the usage log keeps") >= 1, "it says nothing")
        finally:
            postgres.start()
        complete(process, some)


def test_two_edges_write_into_one_database(postgres, tmp_path):
    """Both make the tables at the same time, and both have all of their rows in them."""
    url = postgres.database()
    some = lines(2_000)
    with ledger(tmp_path / "one", url) as one, ledger(tmp_path / "two", url) as two:
        for at in range(0, 2_000, 100):
            (one, two)[at // 100 % 2].append(written(*some[at : at + 100]))
        for process in (one, two):
            process.wait(lambda p: len(p.rows()) >= len(some), "rows are missing")
        assert sums(one.rows()) == wanted(some)
        assert len({row.id for row in one.rows()}) == len(some)
