"""Processes of an edge under their supervisor: as many as are wanted, again and again."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
import time
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import grpc

from ext_authz.service import supervisor
from ext_authz.service.options import Options
from ext_authz.service.server import CHECK
from ext_authz.service.supervisor import Supervisor
from tests.e2e.envoy_process import until
from tests.e2e.plane_thread import running_plane
from tests.ext_authz.asking import question, read, rules
from xds.edge.paths import worker_socket
from xds.edge.resources import RULES, edge_resource
from xds.edge.rules import LedgerStore, write_rules


def served(workers):
    made = rules(workers=workers, ledger=LedgerStore(kind="none"))
    return edge_resource(RULES, "rules", write_rules(made))


class Answer:
    """An answer as `read` takes it."""

    def __init__(self, answer):
        self.answer = answer


class Supervised:
    """A supervisor on a loop of its own thread, with its folders."""

    def __init__(self, folder, plane):
        self.folder = folder / "edge"
        self.folder.mkdir(mode=0o700)
        self.told: list[str] = []
        self._options = Options(
            planes=(plane,),
            node_id="edge-1",
            cluster="test",
            folder=str(self.folder),
            state=str(folder / "state"),
        )
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._ready.wait()

    async def _run(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await Supervisor(self._options, self._stop, self.told.append).run()

    def stop(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def worker(self, number):
        """The pid of a worker, 0 while there is none."""
        wanted = [b"ext_authz.service.worker", str(number).encode()]
        for pid in children():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[2:4] == wanted and str(self.folder).encode() in words[4]:
                return pid
        return 0

    def answers(self):
        """The numbers of the workers that take connections."""
        found = set()
        for number in range(4):
            with socket.socket(socket.AF_UNIX) as asking:
                try:
                    asking.connect(os.path.relpath(self.folder / worker_socket(number)))
                except OSError:
                    continue
            found.add(number)
        return found


def children():
    """The pids of our own processes, of whatever thread they are."""
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            yield from (task / "children").read_text().split()


@contextmanager
def supervised(folder, workers):
    with running_plane() as plane:
        plane.publish(served(workers))
        running = Supervised(folder, plane.plane.address)
        try:
            until(lambda: running.answers() == set(range(workers)), "the workers do not come")
            yield running, plane
        finally:
            running.stop()


def test_there_are_as_many_workers_as_the_rules_say(tmp_path):
    """More, fewer and more again, without a restart; the rest goes on undisturbed."""
    with supervised(tmp_path, 1) as (running, plane):
        first = running.worker(0)
        for wanted in (3, 1, 2):
            plane.publish(served(wanted))
            until(lambda wanted=wanted: running.answers() == set(range(wanted)), f"not {wanted}")
        # At once one fewer and one more: who comes waits for who goes, and keeps its socket.
        plane.publish(served(1))
        until(lambda: "1 worker and the ledger" in running.told[2:], "it is not told")
        plane.publish(served(2))
        until(lambda: running.worker(1) and running.answers() == {0, 1}, "the second is not back")
        assert running.worker(0) == first
    assert running.answers() == set()


def test_a_worker_that_is_killed_or_stops_is_started_again(tmp_path, caplog):
    """By itself, and the log says how it ended."""
    caplog.set_level(logging.WARNING, "gatewright.edge")
    with supervised(tmp_path, 1) as (running, _):
        for end in (signal.SIGKILL, signal.SIGTERM):
            before = running.worker(0)
            os.kill(int(before), end)
            until(
                lambda before=before: (
                    running.worker(0) not in {0, before} and running.answers() == {0}
                ),
                "the worker is not back",
            )
    assert "worker 0 ended by itself with code -9" in caplog.text
    assert "worker 0 ended by itself with code 0" in caplog.text


def test_what_ends_at_its_start_is_tried_later_and_later(tmp_path, monkeypatch, caplog):
    """A process that cannot run costs next to nothing."""
    caplog.set_level(logging.WARNING, "gatewright.edge")
    monkeypatch.setattr(supervisor.sys, "executable", "/bin/false")
    with running_plane() as plane:
        plane.publish(served(1))
        running = Supervised(tmp_path, plane.plane.address)
        ends = []

        def five():
            ends[:] = [one.created for one in caplog.records if "worker 0" in one.message]
            return len(ends) >= 5

        try:
            until(five, "it is not tried again")
        finally:
            running.stop()
    gaps = [after - before for before, after in pairwise(ends)]
    assert all(gap >= 0.05 * 2**turn for turn, gap in enumerate(gaps[:4])), gaps


def test_what_was_asked_before_the_end_is_answered(tmp_path):
    """A question that waits for its route's rules gets its answer, though the worker was told."""
    with (
        supervised(tmp_path, 1) as (running, _),
        grpc.insecure_channel(f"unix:{running.folder / worker_socket(0)}") as channel,
    ):
        check = channel.unary_unary(CHECK)
        assert read(Answer(check(question("orders"), timeout=10))).status == 401
        pid = int(running.worker(0))
        began = time.monotonic()
        waiting = check.future(question("unknown"), timeout=10)
        # The same connection: what was answered behind it shows that it has arrived.
        assert read(Answer(check(question("orders"), timeout=10))).status == 401
        os.kill(pid, signal.SIGTERM)
        assert read(Answer(waiting.result())).status == 503
        assert time.monotonic() - began > 0.5
