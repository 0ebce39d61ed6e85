"""Runs `gatewright up` for a test as a user would, and reads the events that it tells."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.envoy_process import TEST_ENVOY

REPOSITORY = Path(__file__).parents[2]
DEADLINE = 60.0


class Up:
    """A running `gatewright up --json`; ``ready`` is its event of that name."""

    def __init__(self, process: subprocess.Popen[str], ready_within: float) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._coming: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.ready = self.next("ready", ready_within)

    def next(self, event: str, within: float = DEADLINE, **facts: Any) -> dict[str, Any]:
        """The next event of that name (with those facts) that has not been waited for yet."""
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            try:
                one = self._coming.get(timeout=left)
            except queue.Empty:
                break
            assert one is not None, f"`up` ended before {event!r}: {self.events}"
            if one["event"] == event and facts.items() <= one.items():
                return one
        raise AssertionError(f"no event {event!r} within {within} s: {self.events}")

    def url(self, listener: str) -> str:
        return f"http://127.0.0.1:{self.ready['listeners'][listener]['port']}"

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(DEADLINE)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            self.events.append(event)
            self._coming.put(event)
        self._coming.put(None)


@contextmanager
def running_up(
    policy: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[Up]:
    """Run `up` on free ports until the block ends; fails where it does not get ready."""
    command = [sys.executable, "-m", "cli", "up", "--json", "--ports", "auto", "--concurrency", "1"]
    if TEST_ENVOY:
        command += ["--envoy", TEST_ENVOY]
    process = subprocess.Popen(
        [*command, *options, str(policy)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield Up(process, DEADLINE)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(DEADLINE)
        finally:
            process.kill()
