"""Runs `gatewright serve` for a test as an operator would, and reads the events that it tells."""

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

REPOSITORY = Path(__file__).parents[2]
DEADLINE = 60.0


class ServeProcess:
    """A running `serve --json`; ``address`` is where it serves, ``said`` all that it wrote."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.said: list[str] = []
        self._coming: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.listening = self.next("listening")
        self.address: str = self.listening["address"]

    def next(self, event: str, within: float = DEADLINE, **facts: Any) -> dict[str, Any]:
        """The next event of that name and with those facts; earlier ones are passed over."""
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            try:
                one = self._coming.get(timeout=left)
            except queue.Empty:
                break
            assert one is not None, f"`serve` ended before {event!r}: {self.said}"
            if one["event"] == event and facts.items() <= one.items():
                return one
        raise AssertionError(f"no {event!r} with {facts} within {within} s: {self.said}")

    def hang_up(self) -> None:
        """Send SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """End it politely, and give its exit code."""
        self.process.terminate()
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def kill(self) -> None:
        """End it with -9."""
        self.process.kill()
        self.process.wait(DEADLINE)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith("{"):
                event = json.loads(line)
                self.events.append(event)
                self._coming.put(event)
        self._coming.put(None)


@contextmanager
def serving(
    *arguments: object,
    listen: str = "127.0.0.1:0",
    environment: Mapping[str, str] | None = None,
) -> Iterator[ServeProcess]:
    """Run `serve` with these arguments until the block ends."""
    command = [sys.executable, "-m", "cli", "serve", "--json", "--listen", listen]
    process = subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        # What it says in any way is looked at.
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield ServeProcess(process)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(DEADLINE)
        finally:
            process.kill()
            process.wait()


def bootstrap(*arguments: object) -> dict[str, Any]:
    """What `gatewright bootstrap` prints, with admin left out."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cli", "bootstrap", "--json", "--admin", "none"),
            *map(str, arguments),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded
