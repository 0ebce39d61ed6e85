"""A policy's rollout as an operator sees it: `serve` with real Envoys, and `gatewright rollout`."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from urllib.request import urlopen

import pytest

from tests.e2e.envoy_process import running, until
from tests.e2e.test_serve import DEADLINE, REPOSITORY, serve
from tests.ports import free_port

CANARY, OTHER = "edge-0", "edge-1"  # positions 1609 and 7917
POLICY = """\
gatewright: v1
name: edge
listeners:
  public: {{ port: {port}, address: 127.0.0.1 }}
{listeners}
{services}
rollout: {{ canary: 20%, then: [100%], hold: 5m, max_errors: 5%, deadline: 10m }}
routes:
  - {{ match: /, {action} }}
"""


class Fleet:
    """A `serve` with an operator's address, and the Envoys by their nodes."""

    def __init__(self, policy, stack):
        self._policy = policy
        self._port = free_port()
        self.write("one")
        self.serve = stack.enter_context(serve(policy, "--operator", "127.0.0.1:0"))
        self.operator = self.serve.next("operator")["address"]
        self.serve.next("rollout", kind="finished")
        self.envoys = {
            node: stack.enter_context(running(bootstrap(self.serve.address, node)))
            for node in (CANARY, OTHER)
        }

    def write(self, body, listeners="", services=""):
        """Save a policy that answers with a body, or with ``body=None`` forwards to ``dead``."""
        respond = f'respond: {{ status: 200, body: "{body}" }}'
        self._policy.write_text(
            POLICY.format(
                port=self._port,
                action="service: dead" if body is None else respond,
                listeners=listeners,
                services=services,
            )
        )

    def ask(self):
        """Have whichever node takes the connection answer a request."""
        with suppress(OSError), urlopen(f"http://127.0.0.1:{self._port}/", timeout=5) as answer:
            answer.read()

    def has(self, node, body):
        """Wait until a node answers so."""
        envoy = self.envoys[node]
        until(lambda: self.fetch(node) == body, f"{node} does not answer {body!r}", envoy)

    def fetch(self, node):
        """What a node would answer; both share one port, so they are asked what they hold."""
        dump = self.envoys[node].json("/config_dump?resource=dynamic_route_configs")
        text = json.dumps(dump)
        return next((word for word in ("one", "two", "three") if f'"{word}"' in text), None)

    def rollout(self, *arguments):
        """Run `gatewright rollout`; give its exit code and all it said."""
        command = [sys.executable, "-m", "cli", "rollout", "--operator", self.operator, *arguments]
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        return done.returncode, done.stdout + done.stderr


def bootstrap(address, node):
    command = [sys.executable, "-m", "cli", "bootstrap", "--json", "--admin", "none"]
    done = subprocess.run(
        [*command, "--ads", address, "--node-id", node],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture
def fleet(tmp_path):
    with ExitStack() as stack:
        yield Fleet(tmp_path / "gateway.yaml", stack)


@pytest.mark.slow
def test_an_operator_leads_a_change_through_its_waves(fleet):
    """Sees it, pauses, resumes, promotes, rolls back, and lifts the quarantine."""
    assert fleet.rollout()[1].startswith("default: all nodes have ")
    code, text = fleet.rollout("promote")
    assert (code, text) == (1, "gatewright rollout: no change is under way\n")

    fleet.write("two")
    fleet.has(CANARY, "two")
    assert fleet.fetch(OTHER) == "one"
    assert "rolling in its canary (20% of the nodes)" in fleet.rollout()[1]
    assert "paused in its canary" in fleet.rollout("pause")[1]
    assert "waits for an operator to resume it" in fleet.rollout("status", "--group", "default")[1]
    assert fleet.rollout("resume")[0] == 0
    assert "rolling in its wave 2 (100% of the nodes)" in fleet.rollout("promote")[1]
    fleet.has(OTHER, "two")
    assert "all nodes have" in fleet.rollout("promote")[1]

    fleet.write("three")
    fleet.has(CANARY, "three")
    code, text = fleet.rollout("rollback")
    assert code == 0
    assert "is quarantined\n  an operator said so" in text
    fleet.has(CANARY, "two")
    assert fleet.rollout("promote")[0] == 1
    assert fleet.rollout("promote", "--force")[0] == 0
    fleet.has(CANARY, "three")
    assert fleet.fetch(OTHER) == "two"
    [group] = json.loads(fleet.rollout("--json")[1])["groups"]
    assert (group["state"], group["wave"]) == ("rolling", 1)


@pytest.mark.slow
def test_a_refusal_in_the_canary_is_told_with_the_line_that_made_it(fleet):
    """The other node keeps serving and never hears of it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        fleet.write("two", f"  second: {{ port: {port}, address: 127.0.0.1 }}")
        told = fleet.serve.next("rollout", kind="rolled_back", group="default")
        assert (told["node"], told["wave"]) == (CANARY, 1)
        assert "refused listener second" in told["reason"]
        diagnostic = fleet.serve.next("diagnostic", code="envoy-refused")
        assert "gateway.yaml:5:" in diagnostic["place"]
        fleet.has(CANARY, "one")
        assert fleet.fetch(OTHER) == "one"
        assert not fleet.envoys[OTHER].stats("listener_manager.lds.update_rejected")[
            "listener_manager.lds.update_rejected"
        ]


@pytest.mark.slow
def test_a_canary_whose_requests_fail_is_rolled_back(fleet):
    """Envoys report how their upstreams answer; the reason counts what failed."""
    fleet.write(None, services="services: { dead: { endpoints: [127.0.0.1:1] } }")
    fleet.serve.next("rollout", kind="started")
    until(lambda: fleet.fetch(CANARY) is None, "the canary has it not")

    def rolled_back():
        for _ in range(20):
            fleet.ask()
        return "is quarantined" in fleet.rollout()[1]

    until(rolled_back, "it is not rolled back")
    told = fleet.serve.next("rollout", kind="rolled_back")
    assert "requests failed" in told["reason"]
    fleet.has(CANARY, "one")
    assert fleet.fetch(OTHER) == "one"
