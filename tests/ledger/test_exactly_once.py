"""The property: rows sum up to the lines, however the log is cut and whenever it all dies."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ext_authz.ledger.bookmark import START, read_bookmark, write_bookmark
from ext_authz.ledger.columns import COLUMNS, TABLE
from ext_authz.ledger.holes import Holes
from ext_authz.ledger.quarantine import Quarantine
from ext_authz.ledger.row import Row
from ext_authz.ledger.settling import Settling
from ext_authz.ledger.spool import Spool
from ext_authz.ledger.writing import Writing
from tests.ledger.lines import FakeCounters, numbered, sums, wanted, written
from xds.edge.rules import Rules

RULES = Rules(gateway="g")


class KilledError(Exception):
    """The process is gone, at this point."""


@dataclass(slots=True)
class Machine:
    """An edge's disk, and the process that reads the log; `crash` is where it dies next."""

    folder: Path
    counters: FakeCounters = field(default_factory=FakeCounters)
    appended: int = 0
    moved: int = 0
    settling: Settling = field(init=False)
    writing: Writing = field(init=False)
    spools: dict[str, Spool] = field(default_factory=dict)
    holes: Holes = field(init=False)

    @property
    def log(self) -> Path:
        return self.folder / "usage.log"

    async def boot(self) -> None:
        """Begin as `run_ledger` does."""
        self.holes = Holes(frozenset(("settled", "written")))
        self.settling = Settling(lambda: RULES, lambda _: self.counters, self._at("settled"))
        quarantine = Quarantine(self.folder / "bad")
        self.writing = Writing(lambda: RULES, lambda _: None, self.folder, quarantine)
        self.spools = {
            "settled": Spool(self.log, read_bookmark(self._at("settled")) or START),
            "written": Spool(self.log, await self.writing.bookmark() or START),
        }

    def _at(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    async def step(self, name: str, crash: int) -> bool:
        """Take one batch; 1 dies before it, 2 when it is stored and not noted, 3 before holes."""
        spool = self.spools[name]
        batch = spool.read()
        if batch is None:
            return False
        if crash == 1:
            raise KilledError
        before = read_bookmark(self._at(name))
        await (self.settling if name == "settled" else self.writing).take(batch)
        if crash == 2:
            if before is None:
                self._at(name).unlink()
            else:
                write_bookmark(self._at(name), before)
            raise KilledError
        spool.take(batch)
        if crash == 3:
            raise KilledError
        if spool.descriptor is not None:
            self.holes.passed(name, spool.descriptor, batch.end.offset)
        return True

    async def die(self) -> None:
        for spool in self.spools.values():
            spool.close()
        await self.writing.close()

    def rows(self) -> list[Row]:
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as connection:
            names = ", ".join(f'"{name}"' for name in COLUMNS)
            found = connection.execute(f"SELECT {names} FROM {TABLE}").fetchall()
        return [Row(**dict(zip(COLUMNS, one, strict=True))) for one in found]


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 60_000)),
        st.tuples(st.sampled_from(["settled", "written"]), st.integers(0, 3)),
        st.tuples(st.just("rotate"), st.just(0)),
    ),
    max_size=40,
)


async def play(folder: Path, count: int, events: list[tuple[str, int]]) -> None:
    lines = [numbered(number) for number in range(count)]
    whole = written(*lines)
    machine = Machine(folder)
    machine.log.touch()
    await machine.boot()
    for what, number in [*events, ("append", len(whole))]:
        if what == "append":
            with machine.log.open("ab") as file:
                file.write(whole[machine.appended : machine.appended + number])
            machine.appended = min(len(whole), machine.appended + number)
        elif what == "rotate":
            # As Envoy leaves a file: behind a whole line, and then it writes to the next one.
            end = whole.find(b"\n", machine.appended) + 1 if machine.appended else 0
            if not end:
                continue
            with machine.log.open("ab") as file:
                file.write(whole[machine.appended : end])
            machine.appended = max(machine.appended, end)
            machine.moved += 1
            machine.log.rename(machine.folder / f"usage.log.{machine.moved}")
            machine.log.touch()
        else:
            try:
                await machine.step(what, number)
            except KilledError:
                await machine.die()
                await machine.boot()
    for name in ("settled", "written"):
        while await machine.step(name, 0):
            pass
    rows = machine.rows()
    assert sums(rows) == wanted(lines)
    assert len(rows) == count
    assert set(machine.counters.settled) == {one["id"] for one in lines if one.get("held")}
    assert not (machine.folder / "bad").exists()
    await machine.die()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 600), EVENTS)
@example(2, [("append", 1), ("rotate", 0), ("rotate", 0)])  # twice, and then nothing comes
def test_rows_sum_up_to_the_lines(count, events):
    """Whatever is cut, rotated, punched and killed, and wherever."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), count, events))


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.integers(1, 600), EVENTS)
def test_rows_sum_up_to_the_lines_again_and_again(count, events):
    """The same, longer."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), count, events))
