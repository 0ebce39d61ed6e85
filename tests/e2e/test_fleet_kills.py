"""Control planes are killed, and Envoy refuses a part of a policy: no request fails by it."""

from __future__ import annotations

import random
import shutil
import socket
import time
from contextlib import ExitStack
from functools import partial

import pytest

from compiler.pipeline import compile_path
from tests.e2e.config_dump import differences
from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.plane_thread import running_plane
from tests.e2e.random_policy import RandomPolicy
from tests.e2e.serve_process import bootstrap, serving
from tests.e2e.test_fleet_edits import DRAIN, SEED, publish, settle, upstreams
from tests.ports import free_port
from xds.secrets import SecretReader

__all__ = ["upstreams"]

both_protocols = pytest.mark.parametrize("protocol", ["delta", "sotw"])


@pytest.fixture
def policy(tmp_path, upstreams):
    print(f"GATEWRIGHT_TEST_SEED={SEED}")  # noqa: T201 - pytest shows it with a failure
    return RandomPolicy(SEED, tmp_path, upstreams)


def _is_met(serve):
    return any(event.get("message") == "stream opened" for event in serve.events)


@pytest.mark.slow
@both_protocols
def test_a_plane_killed_at_any_moment_costs_no_request(protocol, policy, tmp_path):
    """It comes back with the disk that it left, with a newer one, or with none at all."""
    chance = random.Random(SEED)
    listen, state = f"127.0.0.1:{free_port()}", tmp_path / "state"
    with ExitStack() as stack:
        serve = stack.enter_context(serving(policy.path, "--state", state, listen=listen))
        serve.next("published")
        envoy = stack.enter_context(
            running(bootstrap("--ads", listen, "--node-id", "edge-1", f"--{protocol}"), drain=DRAIN)
        )
        settle(envoy, compile_path(policy.path), policy)
        requests = stack.enter_context(load(envoy.url("public") + "/steady"))
        for disk in ("same", "newer", "empty") * 2:
            policy.edit()
            # Any moment: while it reads, compiles, sends, or stores.
            time.sleep(chance.uniform(0, 0.6))
            serve.kill()
            policy.done.append(f"killed, then the disk is {disk}")
            if disk == "empty":
                shutil.rmtree(state, ignore_errors=True)
            if disk == "newer":
                policy.edit()
                with serving(policy.path, "--state", state) as other:
                    other.next("published")
                policy.edit()
            serve = stack.enter_context(serving(policy.path, "--state", state, listen=listen))
            serve.next("published")
            # Envoy may be there before what it is sent.
            until(partial(_is_met, serve), f"no stream: {serve.said}")
            settle(envoy, compile_path(policy.path), policy)
    assert not requests.failures, (requests.failures, policy.done)
    assert len(requests.answers) > 100


@both_protocols
def test_what_is_good_goes_live_beside_what_envoy_refuses(protocol, policy):
    """A listener whose port is taken: it is refused once, and edit after edit goes live."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        running_plane(reader=SecretReader(policy.path.parent, {})) as plane,
    ):
        compiled, _ = publish(plane, policy)
        with running(plane.bootstrap(protocol), drain=DRAIN) as envoy:
            settle(envoy, compiled, policy)
            with load(envoy.url("public") + "/steady") as requests:
                policy.poison(taken.getsockname()[1])
                for _ in range(3):
                    for _ in range(3):
                        policy.edit()
                        compiled, _ = publish(plane, policy)
                    due = [one for one in compiled.lowered.resources if one.name != "poison"]
                    until(lambda: not differences(envoy, due), "not there", envoy)  # noqa: B023 - now
                policy.poison(None)
                compiled, published = publish(plane, policy)
                assert plane.do(plane.plane.acked(published.version))
                settle(envoy, compiled, policy)
            assert not requests.failures, (requests.failures, policy.done)
        assert [nack.names for nack in plane.nacks] == [("poison",)]
