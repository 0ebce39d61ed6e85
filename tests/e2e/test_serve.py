"""`gatewright serve` as a process, with a real Envoy that was started by `gatewright bootstrap`."""

from __future__ import annotations

import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]
DEADLINE = 30.0

POLICY = """\
gatewright: v1
name: edge
listeners:
  public: {{ port: {port}, address: 127.0.0.1 }}
routes:
  - {{ match: /, respond: {{ status: 200, body: "{body}" }} }}
"""


class Serve:
    """A running `gatewright serve --json`; ``address`` is where it serves."""

    def __init__(self, process):
        self.process = process
        self.events = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.address = self.next("listening")["address"]

    def next(self, event, **facts):
        """The next event of that name and with those facts; earlier ones are passed over."""
        seen = []
        end = time.monotonic() + DEADLINE
        while (left := end - time.monotonic()) > 0:
            try:
                one = self.events.get(timeout=left)
            except queue.Empty:
                break
            assert one is not None, f"serve ended before {event!r}: {seen}"
            seen.append(one)
            if one["event"] == event and facts.items() <= one.items():
                return one
        raise AssertionError(f"no event {event!r} with {facts}: {seen}")

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put(None)


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


@contextmanager
def serve(policy, *arguments, listen="127.0.0.1:0", **options):
    process = command("serve", policy, "--json", "--listen", listen, *arguments, **options)
    try:
        yield Serve(process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(DEADLINE)
        process.stdout.close()


def bootstrap(address, *arguments):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cli", "bootstrap", "--json", "--admin", "none"),
            *("--ads", address, "--node-id", "edge-1", *arguments),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


def fetch(port):
    try:
        return urlopen(f"http://127.0.0.1:{port}/", timeout=5).read().decode()
    except OSError:
        return None


@pytest.fixture
def policy(tmp_path):
    """Writes the policy with a body, and gives its path; ``port`` is the listener's."""

    class Policy:
        path = tmp_path / "gateway.yaml"
        port = free_port()

        def write(self, body):
            self.path.write_text(POLICY.format(port=self.port, body=body))

    made = Policy()
    made.write("one")
    return made


@pytest.mark.parametrize("protocol", ["--delta", "--sotw"])
def test_a_saved_file_is_live_without_a_failed_request(policy, protocol):
    """And a wrong one changes nothing but what is told."""
    with (
        serve(policy.path) as served,
        running(bootstrap(served.address, protocol)) as envoy,
    ):
        until(lambda: fetch(policy.port) == "one", "the first policy is not live", envoy)
        with load(f"http://127.0.0.1:{policy.port}/") as requests:
            policy.write("two")
            requests.wait_for("two")
            policy.path.write_text("gatewright: v1\nname: edge\nlistenerz: {}\n")
            assert served.next("diagnostic")["place"] == f"{policy.path}:3:1"
            served.next("wrong")
            requests.wait_for("two")
            policy.write("three")
            requests.wait_for("three")
        assert not requests.failures


def test_what_envoy_refuses_is_shown_at_its_line(policy):
    """A port that another process has is Envoy's to find out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        text = POLICY.format(port=policy.port, body="one").replace(
            "routes:",
            f"  busy: {{ port: {taken.getsockname()[1]}, address: 127.0.0.1 }}\nroutes:",
        )
        policy.path.write_text(text)
        with serve(policy.path) as served, running(bootstrap(served.address)) as envoy:
            told = served.next("diagnostic", code="envoy-refused")
            line = text.splitlines().index(next(x for x in text.splitlines() if "busy" in x)) + 1
            assert told["place"].startswith(f"{policy.path}:{line}:")
            assert "edge-1" in told["message"]
            assert "in use" in told["message"]
            until(lambda: fetch(policy.port) == "one", "the rest is not live", envoy)
            taken.close()
            served.process.send_signal(signal.SIGHUP)
            busy = taken_port(text)
            until(lambda: fetch(busy) == "one", "SIGHUP did not try again", envoy)


def taken_port(text):
    return int(text.split("busy: { port: ")[1].split(",")[0])


def test_the_stored_snapshot_is_served_when_the_policy_is_gone(policy, tmp_path):
    """After a restart, to an Envoy that is new as well."""
    state = tmp_path / "state"
    with serve(policy.path, "--state", state) as served:
        published = served.next("published")
        until((state / "last-good.snapshot").exists, "nothing was stored")
        served.process.terminate()
        assert served.process.wait(DEADLINE) == 0
    policy.path.unlink()
    with serve(policy.path, "--state", state) as served:
        with running(bootstrap(served.address)) as envoy:
            until(lambda: fetch(policy.port) == "one", "the stored policy is not live", envoy)
        served.next("wrong")
    assert published["version"]


def test_a_killed_plane_comes_back_to_envoys_that_serve_on(policy, tmp_path):
    """Kill -9 costs no request, and the next edit is live again."""
    listen = f"127.0.0.1:{free_port()}"
    arguments = ("--state", tmp_path / "state")
    with serve(policy.path, *arguments, listen=listen) as served:
        context = running(bootstrap(served.address))
        envoy = context.__enter__()
        try:
            until(lambda: fetch(policy.port) == "one", "not live", envoy)
            with load(f"http://127.0.0.1:{policy.port}/") as requests:
                served.process.kill()
                served.process.wait(DEADLINE)
                with serve(policy.path, *arguments, listen=listen) as again:
                    again.next("log", message="stream opened")
                    policy.write("two")
                    requests.wait_for("two")
            assert not requests.failures
        finally:
            context.__exit__(None, None, None)


def test_a_secret_that_cannot_be_read_is_told_at_its_line_and_comes_later(policy, tmp_path):
    """The listener that needs it waits; the others do not."""
    secure = free_port()
    policy.path.write_text(
        POLICY.format(port=policy.port, body="one").replace(
            "routes:",
            f"  secure: {{ port: {secure}, address: 127.0.0.1,\n"
            "    tls: { certificate: file:tls.pem, key: file:tls.key } }\nroutes:",
        )
    )
    with serve(policy.path) as served, running(bootstrap(served.address)) as envoy:
        told = served.next("diagnostic", code="unreadable-secret")
        assert told["severity"] == "error"
        assert told["place"].startswith(f"{policy.path}:5:")
        until(lambda: fetch(policy.port) == "one", "the rest is not live", envoy)
        from tests.e2e.certificates import self_signed

        self_signed(tmp_path, "tls")
        until(lambda: accepts(secure), "the listener did not come", envoy)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_exit_codes_tell_what_went_wrong(policy, tmp_path):
    """Scripts rely on them."""
    assert command("serve", tmp_path / "none").wait(DEADLINE) == 3
    assert command("serve", policy.path, "--listen", "nowhere").wait(DEADLINE) == 2
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        assert command("serve", policy.path, "--listen", at).wait(DEADLINE) == 3
    policy.path.write_text("gatewright: v1\n")
    assert command("serve", policy.path, "--listen", "127.0.0.1:0").wait(DEADLINE) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(policy, number):
    """With exit code 0, though an Envoy is connected."""
    with serve(policy.path) as served, running(bootstrap(served.address)) as envoy:
        until(lambda: fetch(policy.port) == "one", "not live", envoy)
        served.process.send_signal(number)
        assert served.process.wait(DEADLINE) == 0
        assert fetch(policy.port) == "one"
