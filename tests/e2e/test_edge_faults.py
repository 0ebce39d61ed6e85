"""What an edge stands: counters and control planes that go, processes that are killed."""

from __future__ import annotations

import os
import signal
import time

import httpx
import pytest

from tests.counters.valkeys import valkey
from tests.e2e.edges import digest_of, gateway, key_of
from tests.e2e.envoy_process import until

POLICY = f"""\
gatewright: v1
name: faults
edge: {{ folder: edge, workers: 2 }}
counters: {{ store: env:REDIS_URL, timeout: 100ms }}
routes:
  - name: closed
    match: /closed
    respond: {{ status: 200, body: ok }}
    auth: keys
    limits: [100000 requests/day]
  - name: open
    match: /open
    respond: {{ status: 200, body: ok }}
    auth: keys
    limits: [{{ limit: 100000 requests/day, when_away: open }}]
  - {{ name: free, match: /free, respond: {{ status: 200, body: ok }}, auth: keys }}
tenants:
  acme: {{ keys: {{ ci: {digest_of("acme")} }} }}
"""
KEY = {"authorization": f"Bearer {key_of('acme')}"}
PASSWORD = "canary-of-the-counters"
"""Sent, and taken: any will do for a user that has none."""
pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture
def store():
    with valkey() as server:
        yield server


@pytest.fixture
def running(tmp_path, store):
    url = f"redis://default:{PASSWORD}@127.0.0.1:{store.port}/0"
    with gateway(tmp_path, POLICY, edges=1, environment={"REDIS_URL": url}) as started:
        yield started


@pytest.fixture
def ask(running):
    with httpx.Client(base_url=running.urls()[0], timeout=30, headers=KEY) as client:
        yield client.get


def test_each_limit_says_what_holds_without_counters(running, store, ask):
    """503 for the one that is closed, and never 401; all of it recovers by itself."""
    assert [ask(path).status_code for path in ("/closed", "/open", "/free")] == [200, 200, 200]
    store.stop()
    until(lambda: ask("/closed").status_code == 503, "nobody notices")
    answer = ask("/closed")
    assert answer.json()["code"] == "unavailable"
    assert answer.headers["retry-after"] == "1"
    assert [ask(path).status_code for path in ("/open", "/free")] == [200, 200]
    assert ask("/closed").elapsed.total_seconds() < 0.5
    store.start()
    until(lambda: ask("/closed").status_code == 200, "it does not recover")


def test_workers_come_back_with_all_that_they_need_without_a_control_plane(running, ask):
    """The counters' password too, which is on no disk."""
    edge = running.edges[0]
    assert ask("/closed").status_code == 200
    running.serve.kill()
    for pid in edge.children():
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    statuses = [ask("/closed").status_code]
    while statuses[-1] != 200 and time.monotonic() < end:
        statuses.append(ask("/closed").status_code)
    assert statuses[-1] == 200
    assert [ask("/closed").status_code for _ in range(20)] == [200] * 20
    texts = running.outputs()
    assert [name for name, text in texts.items() if PASSWORD in text] == []


def test_nothing_outlives_a_supervisor_that_is_killed(running, ask):
    """And the next one takes the sockets over."""
    edge = running.edges[0]
    assert ask("/free").status_code == 200
    edge.kill()
    assert ask("/free").status_code == 503
    edge.start()
    until(lambda: ask("/free").status_code == 200, "the edge is not back")
    assert ask("/closed").status_code == 200


def test_an_edge_that_stops_tells_nobody_anything_wrong(running, ask):
    """A stop and a start: 200 or 503, and never a refusal of the key."""
    edge = running.edges[0]
    assert ask("/closed").status_code == 200
    edge.stop()
    edge.start()
    seen = set()
    until(lambda: seen.add(status := ask("/closed").status_code) or status == 200, "not back")
    assert seen <= {200, 503}
