"""Official SDKs and plain clients with keys, through a real Envoy and its edge."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import anthropic
import httpx
import openai
import pytest

from tests.e2e.edges import digest_of, gateway, key_of
from tests.e2e.envoy_process import until
from xds.edge.paths import worker_socket

POLICY = f"""\
gatewright: v1
name: guarded
edge: {{ folder: edge, workers: 2 }}
providers:
  openai: {{ api: openai, url: "{{simulator}}/openai/v1", key: env:PROVIDER_KEY }}
  claude: {{ api: anthropic, url: "{{simulator}}/claude/v1", key: env:PROVIDER_KEY }}
models:
  fast: {{ targets: [openai/gpt-4o-mini], aliases: [quick] }}
  smart: {{ targets: [openai/gpt-4o] }}
  haiku: {{ targets: [claude/claude-haiku] }}
  opus: {{ targets: [claude/claude-opus], access: on_request }}
routes:
  - {{ name: llm, match: /v1, serve: llm, auth: keys }}
  - name: inner
    match: /inner
    respond: {{ status: 200, body: inside }}
    auth: keys
    allow: [acme]
  - {{ name: either, match: /either, respond: {{ status: 200, body: either }}, auth: [keys, none] }}
  - name: places
    match: /places
    respond: {{ status: 200, body: place }}
    auth: none
    limits: [2 concurrent]
tenants:
  acme: {{ keys: {{ ci: {digest_of("acme")} }} }}
  small: {{ keys: {{ ci: {digest_of("small")} }}, models: [fast] }}
  slow: {{ keys: {{ ci: {digest_of("slow")} }}, limits: [3 requests/day] }}
  poor: {{ keys: {{ ci: {digest_of("poor")} }}, budget: 0.000001 USD/month }}
  far: {{ keys: {{ ci: {digest_of("far")} }}, addresses: [198.51.100.0/24] }}
  old: {{ keys: {{ ci: {{ sha256: {digest_of("old")}, expires: 2020-01-01 }} }} }}
prices:
  openai/gpt-4o-mini: {{ input: 1 USD/1M tokens, output: 3 USD/1M tokens }}
"""
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with gateway(tmp_path_factory.mktemp("keys"), POLICY, edges=1) as started:
        yield started


@pytest.fixture
def http(running):
    with httpx.Client(base_url=running.urls()[0], timeout=30) as client:
        yield client


@contextmanager
def sdks(running, whose):
    base = running.urls()[0]
    with (
        openai.OpenAI(api_key=key_of(whose), base_url=f"{base}/v1", max_retries=0) as one,
        anthropic.Anthropic(api_key=key_of(whose), base_url=base, max_retries=0) as other,
    ):
        yield one, other


def bearer(whose):
    return {"authorization": f"Bearer {key_of(whose)}"}


pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def test_each_sdk_gets_in_with_the_key_where_it_puts_it(running):
    """OpenAI's as a bearer, Anthropic's as `x-api-key`; the provider sees its own key."""
    with sdks(running, "acme") as (one, other):
        assert one.chat.completions.create(model="fast", messages=HELLO).choices
        assert other.messages.create(model="haiku", messages=HELLO, max_tokens=16).content
    seen = [str(record.headers) for record in running.simulator.requests]
    assert seen
    assert not [text for text in seen if key_of("acme") in text]


def test_an_unknown_and_an_expired_key_are_told_the_same(running):
    """401 of the SDK's own class, with one message for both."""
    told = set()
    for whose in ("nobody", "old"):
        with sdks(running, whose) as (one, other):
            with pytest.raises(openai.AuthenticationError) as raised:
                one.chat.completions.create(model="fast", messages=HELLO)
            told.add(raised.value.body["message"])
            with pytest.raises(anthropic.AuthenticationError) as raised:
                other.messages.create(model="haiku", messages=HELLO, max_tokens=16)
            told.add(raised.value.body["error"]["message"])
    assert len(told) == 1


def test_a_model_that_is_not_the_tenants_does_not_exist(running):
    """By its own name and by an alias, and a model on request is nobody's."""
    with sdks(running, "small") as (one, other):
        for name in ("smart", "nonsense"):
            with pytest.raises(openai.NotFoundError) as raised:
                one.chat.completions.create(model=name, messages=HELLO)
            assert raised.value.code == "model_not_found"
            assert raised.value.body["message"] == f"The model `{name}` does not exist"
        with pytest.raises(anthropic.NotFoundError):
            other.messages.create(model="haiku", messages=HELLO, max_tokens=16)
        with pytest.raises(openai.NotFoundError):
            one.models.retrieve("smart")
        assert one.models.retrieve("quick").id == "quick"
    with sdks(running, "acme") as (_, other), pytest.raises(anthropic.NotFoundError):
        other.messages.create(model="opus", messages=HELLO, max_tokens=16)


def test_each_identity_is_listed_its_own_models(running):
    """In both APIs' shapes, as both SDKs read them."""
    for whose, names in (
        ("small", ["fast", "quick"]),
        ("acme", ["fast", "haiku", "quick", "smart"]),
    ):
        with sdks(running, whose) as (one, other):
            assert [model.id for model in one.models.list()] == names
            assert [model.id for model in other.models.list()] == names


def test_a_limit_is_told_with_whose_it_is(running):
    """429 of the SDK's own class, with when to come back, and what is left in each answer."""
    with sdks(running, "slow") as (one, _):
        left = []
        for _ in range(3):
            answer = one.chat.completions.with_raw_response.create(model="fast", messages=HELLO)
            left.append(answer.headers["x-ratelimit-remaining-requests"])
        assert left == ["2", "1", "0"]
        with pytest.raises(openai.RateLimitError) as raised:
            one.chat.completions.create(model="fast", messages=HELLO)
    assert "tenant `slow` is limited to 3 requests/day" in raised.value.body["message"]
    headers = raised.value.response.headers
    assert 0 < int(headers["retry-after"]) <= 86_400
    assert headers["x-should-retry"] == "false"
    assert headers["x-ratelimit-limit"] == "3"


def test_a_budget_that_is_used_up_is_a_quota(running):
    """The code by which clients know that waiting a little is of no use."""
    with sdks(running, "poor") as (one, _), pytest.raises(openai.RateLimitError) as raised:
        one.chat.completions.create(model="fast", messages=HELLO)
    assert raised.value.code == "insufficient_quota"
    assert "budget" in raised.value.body["message"]


def test_routes_and_addresses_refuse_who_is_known(running, http):
    """403, as problem details where no LLM client asks."""
    assert http.get("/inner", headers=bearer("acme")).text == "inside"
    for whose, path in (("small", "/inner"), ("far", "/either")):
        answer = http.get(path, headers=bearer(whose))
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
    with sdks(running, "far") as (one, _), pytest.raises(openai.PermissionDeniedError):
        one.models.list()


def test_a_bad_credential_is_refused_where_none_would_do(http):
    """Whoever shows a key should know that it is not good."""
    assert http.get("/either").text == "either"
    assert http.get("/either", headers=bearer("acme")).text == "either"
    assert http.get("/either", headers=bearer("nobody")).status_code == 401
    assert http.get("/either", headers={"authorization": "Bearer sk-else"}).status_code == 401
    assert http.get("/either", headers={"x-api-key": "sk-else"}).status_code == 401
    assert http.get("/either", headers={"authorization": "Basic eDp5"}).text == "either"


def test_requests_of_nobody_give_their_places_back(http):
    """A concurrent limit on a route where nobody is asked: its requests are settled, too."""
    for number in range(8):
        until(lambda: http.get("/places").status_code == 200, f"no place for request {number}")


def test_a_worker_that_is_killed_is_noticed_by_nobody(running):
    """With -9,  each in turn under load: every answer is right, none fails."""
    edge = running.edges[0]
    statuses: dict[str, list[int]] = {"acme": [], "nobody": []}
    done = threading.Event()

    def load(whose):
        with httpx.Client(base_url=running.urls()[0], timeout=30) as client:
            while not done.is_set():
                statuses[whose].append(client.get("/inner", headers=bearer(whose)).status_code)

    threads = [threading.Thread(target=load, args=(who,)) for who in (*statuses, *statuses)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            for number in range(2):
                pid = worker(edge, number)
                os.kill(pid, signal.SIGKILL)
                until(
                    lambda number=number, pid=pid: (
                        worker(edge, number) not in {0, pid} and answers(edge, number)
                    ),
                    "the worker is not back",
                )
                seen = len(statuses["acme"])
                until(lambda seen=seen: len(statuses["acme"]) > seen + 100, "no more answers")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert set(statuses["acme"]) == {200}, refused(edge)
    assert set(statuses["nobody"]) == {401}


def worker(edge, number):
    """The pid of a worker, 0 while there is none."""
    for pid in edge.children():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"ext_authz.service.worker" in words and str(number).encode() in words:
            return pid
    return 0


def refused(edge):
    return [line for line in edge.envoy.log.splitlines() if '"status":503' in line]


def answers(edge, number):
    """Tell whether somebody takes connections on a worker's socket."""
    path = edge.folder / "edge" / worker_socket(number)
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(os.path.relpath(path))
        except OSError:
            return False
    return True


def test_the_control_plane_may_be_away(running, http):
    """What holds goes on to hold, also for an edge that starts again meanwhile."""
    edge = running.edges[0]
    running.serve.kill()
    assert http.get("/inner", headers=bearer("acme")).status_code == 200
    edge.stop()
    edge.start()
    until(lambda: http.get("/inner", headers=bearer("acme")).status_code == 200, "no edge")
    assert http.get("/inner", headers=bearer("nobody")).status_code == 401
