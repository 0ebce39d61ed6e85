"""Limits that two edges share are exact, whatever their shape, and budgets hold under a rush."""

from __future__ import annotations

import os
import signal
import time

import httpx
import pytest

from tests.e2e.edges import Gateway, digest_of, gateway, key_of
from tests.e2e.envoy_process import until
from tests.e2e.shared_counters import chat_body, send_at_once, statuses, valkey
from tests.ports import free_port

LIMITS = {
    "sliding": "30 requests/hour",
    "calendar": "{ limit: 30 requests/month, window: calendar }",
    "bucket": "{ limit: 30 requests/hour, burst: 30 }",
    "tokens": "{ limit: 30k tokens/hour }",
    "key": "{ limit: 30 requests/hour, each: key }",
}
ADMITTED = 30

POLICY = """\
gatewright: v1
name: shared
edge: {{ folder: edge, workers: 2 }}
counters: {{ store: "{store}", timeout: 500ms, when_away: closed }}
providers:
  openai: {{ api: openai, url: "{{simulator}}/openai/v1", key: env:PROVIDER_KEY }}
prices:
  openai/gpt-4o-mini: {{ input: 1 USD/1M tokens, output: 1 USD/1M tokens }}
models:
  fast: {{ targets: [openai/gpt-4o-mini] }}
routes:
  - {{ name: llm, match: /v1, serve: llm, auth: keys }}
tenants:
{tenants}
"""


def tenant(name: str, *lines: str) -> str:
    more = "".join(f"    {line}\n" for line in lines)
    return f"  {name}:\n    keys: {{ ci: {digest_of(name)} }}\n{more}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Two Envoys with an edge each, and the Valkey that they share."""
    tenants = "".join(tenant(name, f"limits: [{text}]") for name, text in LIMITS.items())
    tenants += tenant("concurrent", "limits: [8 concurrent]")
    tenants += tenant("budget", "budget: 0.01 USD/month")
    tenants += tenant("free")
    port = free_port()
    policy = POLICY.format(store=f"redis://127.0.0.1:{port}/0", tenants=tenants)
    with valkey(port), gateway(tmp_path_factory.mktemp("shared"), policy) as running:
        yield running


@pytest.mark.parametrize("name", LIMITS)
def test_two_edges_admit_together_what_the_limit_says(shared: Gateway, name):
    """90 requests at once through two edges: 30 pass, the others are told which limit of whom."""
    # A thousand tokens each, as far as anybody knows before: 30 of them are reserved.
    body = chat_body(max_tokens=990) if name == "tokens" else chat_body()
    slow = {"x-simulate": "openai=ok:delay=2"} if name == "tokens" else {}
    answers = send_at_once(shared.urls(), 90, name, body, slow)
    found = statuses(answers)
    assert set(found) == {200, 429}
    if name == "tokens":
        assert ADMITTED - 1 <= found[200] <= ADMITTED  # the prompt's own tokens come on top
    else:
        assert found[200] == ADMITTED
    refused = next(answer for answer in answers if answer.status_code == 429)
    error = refused.json()["error"]
    assert f"tenant `{name}`" in error["message"]
    assert int(refused.headers["retry-after"]) >= 1


def test_no_more_run_at_the_same_time_than_the_limit_says(shared: Gateway):
    """Of 40 slow requests at once 8 pass; when these have ended, 8 more do."""
    slow = {"x-simulate": "openai=ok:delay=1.5"}
    assert statuses(send_at_once(shared.urls(), 40, "concurrent", headers=slow))[200] == 8
    first = statuses(send_at_once(shared.urls(), 8, "concurrent", headers=slow))

    def all_pass() -> bool:
        return statuses(send_at_once(shared.urls(), 8, "concurrent")) == {200: 8}

    if first != {200: 8}:
        # The ends of the first ones were still on their way to the counters.
        until(all_pass, "what has ended still counts as running", deadline=5)


@pytest.mark.slow
def test_a_budget_holds_under_a_rush(shared: Gateway):
    """200 requests at once through two edges pass a budget by no more than the estimates err."""
    budget = 10_000_000  # nano-USD
    # A token costs 1,000 nano-USD; each request may use up to 200 of output.
    answers = send_at_once(shared.urls(), 200, "budget", chat_body(max_tokens=200))
    passed = [answer for answer in answers if answer.status_code == 200]
    spent = sum(answer.json()["usage"]["total_tokens"] for answer in passed) * 1_000
    assert 0 < spent <= budget
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "insufficient_quota"
    assert refused.headers["x-should-retry"] == "false"

    def nothing_left() -> bool:
        more = send_at_once(shared.urls(), 20, "budget", chat_body(max_tokens=200))
        passed.extend(answer for answer in more if answer.status_code == 200)
        return statuses(more) == {429: 20}

    # What was reserved and not used comes back; then it is used too, and still the budget holds.
    until(nothing_left, "the budget is never used up", deadline=60)
    spent = sum(answer.json()["usage"]["total_tokens"] for answer in passed) * 1_000
    assert spent <= budget
    assert spent > 0.9 * (budget - 250_000)


def test_answers_carry_what_is_left(shared: Gateway):
    """A client can see its limit, what is left of it, and when it is whole again."""
    [answer] = send_at_once(shared.urls(), 1, "sliding")
    assert answer.headers["x-ratelimit-limit-requests"] == "30"
    assert int(answer.headers["x-ratelimit-remaining-requests"]) <= 30
    assert answer.headers["x-ratelimit-reset-requests"]


@pytest.mark.slow
def test_a_store_that_is_away_is_503_or_open_and_comes_back_by_itself(tmp_path):
    """Killed and stalled: closed limits answer 503, open ones let pass, nobody is told 401."""
    port = free_port()
    tenants = tenant("strict", "limits: [1000 requests/minute]")
    tenants += tenant("lenient", "limits: [{ limit: 1000 requests/minute, when_away: open }]")
    tenants += tenant("free")
    policy = POLICY.format(store=f"redis://127.0.0.1:{port}/0", tenants=tenants)

    def status(running: Gateway, name: str) -> int:
        [answer] = send_at_once(running.urls()[:1], 1, name)
        return answer.status_code

    with gateway(tmp_path, policy, edges=1) as running:
        with valkey(port) as (server, _):
            until(lambda: status(running, "strict") == 200, "the store is not found")
            pid = int(server.client().info()["process_id"])
            os.kill(pid, signal.SIGSTOP)
            try:
                began = time.monotonic()
                assert status(running, "strict") == 503
                assert status(running, "lenient") == 200
                assert status(running, "free") == 200
                assert time.monotonic() - began < 5
            finally:
                os.kill(pid, signal.SIGCONT)
            until(lambda: status(running, "strict") == 200, "it does not recover from a stall")
            os.kill(pid, signal.SIGKILL)
        assert status(running, "strict") == 503
        assert status(running, "lenient") == 200
        bad = httpx.post(
            running.urls()[0] + "/v1/chat/completions",
            json=chat_body(),
            headers={"authorization": f"Bearer {key_of('nobody')}"},
        )
        assert bad.status_code == 401
        with valkey(port):
            until(lambda: status(running, "strict") == 200, "it does not recover from a restart")
