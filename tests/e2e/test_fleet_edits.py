"""Random edits of a policy, one after the other, through a real Envoy under load: none fails."""

from __future__ import annotations

import os
import ssl
import threading
import time
from contextlib import contextmanager

import pytest

from cli.publish import by_group
from compiler.pipeline import compile_path
from tests.e2e.config_dump import differences
from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.named_upstream import named_upstream
from tests.e2e.plane_thread import running_plane
from tests.e2e.random_policy import RandomPolicy
from xds.delta import DeltaWatch
from xds.order import ENDPOINT
from xds.secrets import SecretReader
from xds.sotw import SotwWatch
from xds.watch import NOTHING

both_protocols = pytest.mark.parametrize("protocol", ["delta", "sotw"])
DRAIN = 8
"""Seconds. Clients drop a connection that is idle for 5 s: so none is cut while one uses it."""
SEED = int(os.environ.get("GATEWRIGHT_TEST_SEED", "20261122"))


@pytest.fixture(scope="module")
def upstreams():
    with named_upstream("a") as a, named_upstream("b") as b, named_upstream("c") as c:
        yield a, b, c


@pytest.fixture
def edits(tmp_path, upstreams):
    print(f"GATEWRIGHT_TEST_SEED={SEED}")  # noqa: T201 - pytest shows it with a failure
    return RandomPolicy(SEED, tmp_path, upstreams)


def publish(plane, policy):
    """Compile and serve the policy as it is; give what was compiled."""
    compiled = compile_path(policy.path)
    assert compiled.ok, (policy.done[-3:], compiled.diagnostics)
    published = plane.do(by_group(plane.plane, compiled, ""))
    assert not published.unresolved
    return compiled, published


def settle(envoy, compiled, policy):
    """Wait until Envoy has just what was compiled, and shows the newest certificate."""
    resources = tuple(compiled.lowered.resources)
    until(lambda: not differences(envoy, resources), f"not there after {policy.done}", envoy)
    until(lambda: shown(envoy) == policy.certificate.decode(), "an old certificate", envoy)


def shown(envoy):
    try:
        return ssl.get_server_certificate(("127.0.0.1", envoy.port("secure")), timeout=5)
    except OSError:
        return None


def edit_under_load(protocol, policy, turns, batch):
    """Edit again and again; after each batch Envoy must have come to the policy."""
    with running_plane(reader=SecretReader(policy.path.parent, {})) as plane:
        compiled, _ = publish(plane, policy)
        with running(plane.bootstrap(protocol), drain=DRAIN) as envoy:
            settle(envoy, compiled, policy)
            with looking_again(plane), load(envoy.url("public") + "/steady") as requests:
                for turn in range(turns):
                    policy.edit()
                    compiled, published = publish(plane, policy)
                    if (turn + 1) % batch == 0:
                        assert plane.do(plane.plane.acked(published.version)), plane.nacks
                        settle(envoy, compiled, policy)
                        answered = len(requests.answers)
                        until(lambda: len(requests.answers) > answered + 5, "no answers", envoy)  # noqa: B023 - now
            assert not requests.failures, (requests.failures, policy.done)
            assert not plane.nacks


@both_protocols
def test_thirty_random_edits_fail_no_request(protocol, edits):
    """Services, routes, listeners, secrets and files of endpoints come, change, move and go."""
    edit_under_load(protocol, edits, turns=30, batch=10)


@pytest.mark.slow
@both_protocols
def test_two_hundred_random_edits_with_slow_endpoints_fail_no_request(protocol, edits, monkeypatch):
    """Endpoints come 300 ms after their clusters, and edits do not wait for each other."""
    slow_endpoints(monkeypatch, 0.3)
    edit_under_load(protocol, edits, turns=200, batch=10)


def slow_endpoints(monkeypatch, seconds):
    """Have each answer about endpoints that changed wait for so long."""
    first: dict[tuple[int, str], float] = {}
    for protocol in (DeltaWatch, SotwWatch):

        def late(self, resources, *, prune, respond=protocol.respond):
            since = first.setdefault((id(self), resources.version), time.monotonic())
            if self._type_url == ENDPOINT and time.monotonic() - since < seconds:
                return NOTHING
            return respond(self, resources, prune=prune)

        monkeypatch.setattr(protocol, "respond", late)


@contextmanager
def looking_again(plane):
    """Have the server look for what is to be sent, as it does when something happens."""

    async def look():
        plane.plane._server.wake()

    def run():
        while not ended.wait(0.05):
            plane.do(look())

    ended = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
