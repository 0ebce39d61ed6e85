"""The first target is the one that lately began to answer first: a whole gateway, measured."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ext_authz.latency.latencies import TRIES
from simulator.config import Provider
from tests.e2e.edges import Beside, digest_of, gateway, key_of
from tests.e2e.envoy_process import until
from xds.edge import usage_line as line
from xds.edge.attempt import FIRST
from xds.edge.paths import USAGE_LOG

WORKERS = 2
POLICY = f"""\
gatewright: v1
name: latency
edge: {{ folder: edge, workers: {WORKERS} }}
providers:
  alpha: {{ api: openai, url: "{{simulator}}/alpha/v1", key: env:PROVIDER_KEY }}
  beta: {{ api: openai, url: "{{simulator}}/beta/v1", key: env:PROVIDER_KEY }}
models:
  quick:
    targets: [alpha/large, beta/large]
    choose: latency
    fallback: {{ on: [rate_limited, server_error, connect_failure] }}
routes:
  - {{ name: open, match: /open, serve: llm, auth: none }}
  - {{ name: llm, match: /v1, serve: llm, auth: keys, limits: [100000 requests/day] }}
tenants:
  acme: {{ keys: {{ ci: {digest_of("acme")} }} }}
"""
ALPHA, BETA = "alpha/large", "beta/large"
SLOW, SLOWER = "slow:0.1", "slow:0.3"
pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    providers = (Provider("alpha", "openai"), Provider("beta", "openai"))
    folder = tmp_path_factory.mktemp("latency")
    with gateway(folder, POLICY, edges=1, providers=providers) as started:
        yield started


@pytest.fixture
def http(running):
    key = {"authorization": f"Bearer {key_of('acme')}"}
    with httpx.Client(base_url=running.urls()[0], timeout=30, headers=key) as client:
        yield client


@pytest.fixture
def served(http):
    """Sends a request, and tells which target answered it."""

    def send(path: str = "/v1", *, stream: bool = False, **headers: str) -> str:
        messages = [{"role": "user", "content": "Hello"}]
        body = {"model": "quick", "messages": messages, "stream": stream}
        answer = http.post(f"{path}/chat/completions", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        target: str = answer.headers["x-gatewright-target"]
        return target

    return send


@pytest.fixture
def most(served):
    """Sends requests, several at once, until nearly all of forty are answered by one target."""
    with ThreadPoolExecutor(8) as pool:

        def send(wanted: str, **more: bool | str) -> None:
            def found() -> int:
                return Counter(pool.map(lambda _: served(**more), range(40)))[wanted]

            until(lambda: found() >= 36, f"{wanted} does not come to be tried first", deadline=60)

        yield send


def slow(running, alpha: str, beta: str) -> None:
    running.simulator.set_scenario("alpha", alpha)
    running.simulator.set_scenario("beta", beta)


@pytest.mark.parametrize(("path", "stream"), [("/open", False), ("/v1", True)])
def test_the_one_that_answers_first_is_tried_first(running, most, path, stream):
    """Wherever it is written, also when it changes, for whoever asks."""
    for alpha, beta, fastest in ((SLOW, "ok", BETA), ("ok", SLOW, ALPHA)):
        slow(running, alpha, beta)
        most(fastest, path=path, stream=stream)


def test_a_target_that_fails_is_left_before_its_clients_notice(running, most, http):
    """Those that it fails go on to the other; it is not asked for each of them."""
    slow(running, "ok", SLOW)
    most(ALPHA)
    slow(running, "429", SLOW)
    most(BETA)
    before = len(running.simulator.requests_to("alpha"))
    most(BETA)
    assert len(running.simulator.requests_to("alpha")) - before <= 6


def test_a_target_that_is_well_again_is_found(running, most):
    """By the few requests that explore; it was never forgotten for good."""
    slow(running, "500", SLOW)
    most(BETA)
    slow(running, "ok", SLOW)
    most(ALPHA)


def test_clients_have_no_say_in_it_and_providers_are_not_told(running, most, served):
    """A header that names the other one is dropped before anybody looks."""
    slow(running, SLOW, "ok")
    most(BETA)
    found = Counter(served(**{FIRST: "0"}) for _ in range(20))
    assert found[BETA] >= 17
    assert not [one for one in running.simulator.requests if FIRST in dict(one.headers)]


def test_the_usage_log_says_who_was_tried_first(running, most, served):
    """And when the one that served had the whole request."""
    slow(running, "ok", SLOW)
    most(ALPHA)
    slow(running, "429", SLOW)
    file = running.edges[0].folder / "edge" / USAGE_LOG

    def gone_on() -> list[dict[str, Any]]:
        # What the ledger has taken is zeros, and may end within a line.
        recent = file.read_bytes().rpartition(b"\0")[2].splitlines()
        lines = [json.loads(one) for one in recent if one.startswith(b"{")]
        return [one for one in lines if one[line.ATTEMPTS] == 2]

    until(lambda: bool(served() and gone_on()), "no request has gone on")
    last = gone_on()[-1]
    assert (last[line.CHOSEN], last[line.PROVIDER], last[line.STATUS]) == (0, "beta", 200)
    assert last[line.FIRST] - last[line.SENT] >= 100


def test_a_worker_that_starts_again_knows_what_was_known(running, most, served):
    """It reads the end of the log: the slow one is not tried all over again."""
    slow(running, SLOWER, "ok")
    most(BETA)
    beside = running.edges[0]
    workers = _workers(beside)
    assert len(workers) == WORKERS
    for pid in workers:
        os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        now = _workers(beside)
        return len(now) == WORKERS and not now & workers

    until(back, "the workers do not come back")
    until(lambda: _answers(served), "nobody answers")
    before = len(running.simulator.requests_to("alpha"))
    for _ in range(20):
        served()
    assert len(running.simulator.requests_to("alpha")) - before < TRIES


def _answers(served) -> bool:
    try:
        served()
    except AssertionError:
        return False
    return True


def _workers(beside: Beside) -> set[int]:
    return {
        pid
        for pid in beside.children()
        if b"ext_authz.service.worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }
