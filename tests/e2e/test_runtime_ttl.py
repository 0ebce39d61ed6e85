"""Runtime keys with a TTL: the real Envoy drops them once its control plane has vanished."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

import httpx
import pytest

from tests.e2e.envoy_process import running, until
from tests.e2e.plane_thread import running_plane
from tests.e2e.test_runtime import answer, forked, runtime
from tests.xds.hand_made import listener
from xds.resource import resource

TTL = 2.0


def layer(ttl):
    """All requests are answered `new`, for as many seconds."""
    return resource(
        runtime(test_share=100).message, ttl=None if ttl is None else timedelta(seconds=ttl)
    )


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["delta", "sotw"])
def test_keys_last_as_long_as_the_control_plane(protocol):
    """Renewed by heartbeats over three TTLs; when it is gone, Envoy falls back by itself."""
    with running_plane() as plane:
        plane.publish(listener(), forked(), layer(TTL))
        with running(plane.bootstrap(protocol)) as envoy:
            until(lambda: answer(envoy) == "new", "not new", envoy)
            end = time.monotonic() + 3 * TTL
            while time.monotonic() < end:
                assert answer(envoy) == "new"
                time.sleep(0.1)
            assert not plane.nacks
            assert list(envoy.stats(r"runtime\.load_error$").values()) == [0]
            plane.do(plane.plane.stop(grace=0.0))
            until(lambda: answer(envoy) == "old", "still new", envoy)
            assert "test.share" not in envoy.json("/runtime")["entries"]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["delta", "sotw"])
def test_keys_come_back_with_the_control_plane(protocol):
    """Whatever version Envoy says it has."""
    resources = (listener(), forked(), layer(TTL))
    with running_plane() as first:
        first.publish(*resources)
        listen = first.plane.address
        with running(first.bootstrap(protocol)) as envoy:
            until(lambda: answer(envoy) == "new", "not new", envoy)
            first.do(first.plane.stop(grace=0.0))
            until(lambda: answer(envoy) == "old", "still new", envoy)
            with running_plane(listen) as second:
                second.publish(*resources)
                until(lambda: answer(envoy) == "new", "not new again", envoy)
                assert not second.nacks


@pytest.mark.slow
def test_keys_without_a_ttl_stay():
    """For as long as one with a TTL would have been gone."""
    with running_plane() as plane:
        plane.publish(listener(), forked(), layer(None))
        with running(plane.bootstrap("delta")) as envoy:
            until(lambda: answer(envoy) == "new", "not new", envoy)
            plane.do(plane.plane.stop(grace=0.0))
            end = time.monotonic() + 2 * TTL
            while time.monotonic() < end:
                assert answer(envoy) == "new"
                time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["delta", "sotw"])
def test_a_frozen_envoy_gets_its_keys_back(protocol):
    """It may drop them as it wakes, before it reads the heartbeats that came in time."""
    with running_plane() as plane:
        plane.publish(listener(), forked(), layer(TTL))
        with running(plane.bootstrap(protocol)) as envoy:
            until(lambda: answer(envoy) == "new", "not new", envoy)
            os.kill(envoy.pid, signal.SIGSTOP)
            time.sleep(2 * TTL)
            os.kill(envoy.pid, signal.SIGCONT)
            until(lambda: answer(envoy) == "new", "not new again", envoy)
            assert httpx.get(envoy.admin + "/ready", trust_env=False).is_success
