"""A whole gateway that translates, redacts and gates: a real Envoy, edge and control plane."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.edges import Gateway, digest_of, gateway, key_of
from tests.e2e.envoy_process import until
from tests.e2e.llm_upstream import (
    Answer,
    Reset,
    Upstream,
    chat,
    message,
    openai_error,
    upstream,
)
from tests.redact.answers import messages

POLICY = """\
gatewright: v1
name: attempts
edge: {{ folder: edge, workers: 1 }}
providers:
  openai: {{ api: openai, url: "http://127.0.0.1:{openai}/v1", key: env:PROVIDER_KEY }}
  claude: {{ api: anthropic, url: "http://127.0.0.1:{claude}/v1", key: env:PROVIDER_KEY }}
models:
  chain:
    targets: [openai/gpt-4o-mini, claude/claude-sonnet-4-5]
    fallback: {{ on: {on}, attempt_timeout: 2s }}
  claude: {{ targets: [claude/claude-sonnet-4-5] }}
  picky:
    targets: [openai/gpt-4o-mini, claude/claude-sonnet-4-5]
    fallback: {{ on: [rate_limited] }}
  back:
    targets: [claude/claude-sonnet-4-5, openai/gpt-4o-mini]
    fallback: {{ on: {on}, attempt_timeout: 2s }}
redactions:
  mail: {{ detect: email }}
routes:
  - {{ name: plain, match: /v1, auth: none, serve: llm, body_limit: 20 MiB }}
  - {{ name: keyed, match: /keyed/v1, auth: keys, serve: llm }}
  - {{ name: private, match: /private/v1, auth: none, serve: llm, redact: mail }}
tenants:
  acme: {{ keys: {{ ci: {acme} }}, redact: mail }}
  globex: {{ keys: {{ ci: {globex} }} }}
"""
ON = "[rate_limited, overloaded, server_error, connect_failure, timeout]"
KEYS = {tenant: digest_of(tenant) for tenant in ("acme", "globex")}
DEADLINE = 30
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
ERROR = b'data: {"error":{"message":"busy","code":503}}\n\n'
pytestmark = pytest.mark.e2e


@dataclass(frozen=True, slots=True)
class Running:
    gateway: Gateway
    client: httpx.Client
    openai: Upstream
    claude: Upstream

    def chat(self, model: str, content: Any = "hi", path: str = "/v1", **more: Any):
        body = {"model": model, "messages": [{"role": "user", "content": content}], **more}
        return self.client.post(f"{path}/chat/completions", json=body)

    def streamed(self, model: str, path: str = "/v1"):
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        return self.client.stream("POST", f"{path}/chat/completions", json=body)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("attempts")
    with upstream() as openai, upstream() as claude:
        policy = POLICY.format(openai=openai.port, claude=claude.port, on=ON, **KEYS)
        with (
            gateway(folder, policy, edges=1, providers=()) as running,
            httpx.Client(base_url=running.urls()[0], timeout=DEADLINE) as client,
        ):
            yield Running(running, client, openai, claude)


@pytest.fixture
def run(module):
    for one, answer in ((module.openai, chat("from gpt")), (module.claude, message("from claude"))):
        one.requests.clear()
        one.answer(answer)
    return module


def stream(*pieces, kind="text/event-stream"):
    return Answer(content_type=kind, chunks=pieces)


def text(answer):
    return answer.json()["choices"][0]["message"]["content"]


def said(body):
    told = ""
    for line in body.split("\n"):
        if line.startswith("data: {"):
            for choice in json.loads(line[6:]).get("choices", ()):
                told += choice["delta"].get("content") or ""
    return told


def test_only_the_second_attempt_is_translated(run):
    """The first went as it came; the second is Anthropic's own, with its key and no other."""
    run.openai.answer(openai_error(429, "slow down"))
    answer = run.chat("chain")
    assert answer.status_code == 200, answer.text
    assert text(answer) == "from claude"
    assert answer.headers["x-gatewright-target"] == "claude/claude-sonnet-4-5"
    (first,), (second,) = run.openai.requests, run.claude.requests
    assert first.path == "/v1/chat/completions"
    assert first.json["messages"] == [{"role": "user", "content": "hi"}]
    assert second.path == "/v1/messages"
    assert second.json["max_tokens"] > 0
    assert second.headers["x-api-key"] == "sk-canary-provider"
    assert "authorization" not in second.headers
    assert int(second.headers["content-length"]) == len(second.body)


def test_a_translated_attempt_may_fail_too(run):
    """And Envoy goes on to the one that needs no translation, with the client's own body."""
    run.claude.answer(Answer(529, b'{"type":"error","error":{"type":"overloaded_error"}}'))
    answer = run.chat("back")
    assert text(answer) == "from gpt"
    assert answer.headers["x-gatewright-attempts"] == "2"
    assert run.openai.requests[0].json["messages"] == [{"role": "user", "content": "hi"}]
    for behaviour in (Reset, Answer(503), Answer(500, b"<html>", "text/html")):
        run.claude.answer(behaviour)
        assert text(run.chat("back")) == "from gpt"


def test_what_is_left_is_the_last_one_s_error_in_the_client_s_schema(run):
    run.claude.answer(Answer(429, b'{"type":"error","error":{"type":"rate_limit_error"}}'))
    answer = run.chat("claude")
    assert answer.status_code == 429
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert "x-gatewright-retry" not in answer.headers
    run.claude.answer(Answer(529))
    answer = run.chat("claude")
    assert answer.status_code == 529
    assert answer.json()["error"]["message"]


@pytest.mark.slow
def test_a_large_body_goes_through_twice(run):
    """Ten megabytes, which the second attempt gets in one piece."""
    run.openai.answer(openai_error(429, "slow down"))
    large = "x" * (10 << 20)
    answer = run.chat("chain", large)
    assert answer.status_code == 200, answer.text
    assert run.claude.requests[0].json["messages"][0]["content"][0]["text"] == large


def test_a_request_that_cannot_be_translated_is_a_400(run):
    answer = run.chat("claude", n=3)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert run.claude.requests == []
    packed = run.client.post(
        "/v1/chat/completions",
        content=json.dumps({"model": "claude", "messages": []}),
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    )
    assert packed.status_code == 415


def test_a_stream_is_translated_as_it_comes(run):
    """The first words are there while the provider still waits to say the last."""
    go_on = threading.Event()

    def pieces():
        body = messages(["one ", "two"])
        at = body.index(b"two")
        at = body.rindex(b"event:", 0, at)
        yield body[:at]
        go_on.wait(DEADLINE)
        yield body[at:]

    run.claude.behave = lambda _request: Answer(content_type="text/event-stream", chunks=pieces())
    with run.streamed("claude") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = answer.iter_lines()
        first = next(line for line in lines if "one" in line)
        go_on.set()
        rest = list(lines)
    assert said("\n".join([first, *rest])) == "one two"
    assert "data: [DONE]" in rest


@pytest.mark.parametrize(
    "pieces",
    [[ERROR], [ROLE], [ROLE, b"data: [DONE]\n\n"], []],
    ids=["error", "end", "done", "nothing"],
)  # fmt: skip
def test_a_native_stream_that_does_not_begin_falls_over(run, pieces):
    """The gate: the client sees the second target's stream alone."""
    run.openai.answer(stream(*pieces))
    run.claude.answer(stream(messages(["from claude"])))
    with run.streamed("chain") as answer:
        body = answer.read().decode()
    assert answer.status_code == 200, body
    assert said(body) == "from claude"
    assert answer.headers["x-gatewright-target"] == "claude/claude-sonnet-4-5"


@pytest.mark.slow
def test_a_stall_falls_over_too(run):
    def stalls():
        yield ROLE
        time.sleep(5)  # the provider's own stall: far more than `attempt_timeout`

    run.openai.behave = lambda _request: Answer(content_type="text/event-stream", chunks=stalls())
    run.claude.answer(stream(messages(["from claude"])))
    with run.streamed("chain") as answer:
        assert said(answer.read().decode()) == "from claude"


def test_a_native_stream_goes_through_the_gate_as_it_is(run):
    pieces = [
        b'data: {"choices":[{"index":0,"delta":{"content":"%d "}}]}\n\n' % n for n in range(99)
    ]
    run.openai.answer(stream(*pieces, b"data: [DONE]\n\n"))
    with run.streamed("chain") as answer:
        body = answer.read()
    assert said(body.decode()).split() == [str(n) for n in range(99)]
    assert run.claude.requests == []


def test_all_streams_failing_is_an_error_of_its_own(run):
    """The gate's, and the edge's whole one: no 200 that holds an error."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    run.openai.answer(stream())
    run.claude.answer(stream(b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n"))
    with run.streamed("chain") as answer:
        told = json.loads(answer.read())
    assert answer.status_code == 503
    assert told["error"]["message"] == "busy"


@pytest.mark.parametrize("more", [b"", b'data: {"choices":[]}\n\n' * 9], ids=["end", "more"])
def test_a_stream_that_does_not_begin_and_may_not_fall_over_is_an_error(run, more):
    """What the gate says in the stream's place reaches the client, whatever comes behind it."""
    run.openai.answer(stream(ERROR, more))
    with run.streamed("picky") as answer:
        told = json.loads(answer.read())
    assert (answer.status_code, told["error"]["message"]) == (503, "busy")
    assert answer.headers["content-type"] == "application/json"
    assert "x-gatewright-retry" not in answer.headers
    assert run.claude.requests == []


def test_a_gate_that_failed_waits_for_no_end(run):
    """A provider that tells of an error and then keeps the connection is not waited for."""
    let_go = threading.Event()

    def hangs():
        yield ERROR
        let_go.wait(DEADLINE)

    run.openai.behave = lambda _request: Answer(content_type="text/event-stream", chunks=hangs())
    began = time.monotonic()
    with run.streamed("picky") as answer:
        assert json.loads(answer.read())["error"]["message"] == "busy"
    took = time.monotonic() - began
    let_go.set()
    assert took < 2


def test_what_is_redacted_is_put_back(run):
    run.openai.behave = lambda request: chat("to " + request.json["messages"][0]["content"])
    answer = run.chat("chain", "mail bob@example.com", "/private/v1")
    assert text(answer) == "to mail bob@example.com"
    assert b"bob@" not in run.openai.requests[0].body
    envoy = run.gateway.edges[0].envoy
    counts = {"found": {"email": 1}, "restored": {"email": 1}}

    def told():
        lines = [json.loads(line) for line in envoy.log.splitlines() if '"redacted"' in line]
        return counts in [line["redacted"] for line in lines]

    until(told, "the access log says nothing of what was redacted", envoy)
    assert "bob@" not in envoy.log


def test_a_tenant_s_redaction_is_for_its_requests(run):
    """Who is asking is what admission found, whatever a client says."""
    run.openai.behave = lambda request: chat("to " + request.json["messages"][0]["content"])
    for tenant, left in (("acme", False), ("globex", True)):
        run.openai.requests.clear()
        answer = run.client.post(
            "/keyed/v1/chat/completions",
            json={"model": "chain", "messages": [{"role": "user", "content": "bob@example.com"}]},
            headers={"authorization": f"Bearer {key_of(tenant)}", "x-gatewright-tenant": "globex"},
        )
        assert text(answer) == "to bob@example.com"
        assert (b"bob@" in run.openai.requests[0].body) == left


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle(run):
    """The client is told, by an error or a broken connection; the next request works."""
    gone = threading.Event()

    def pieces():
        body = messages(["one ", "two"])
        at = body.rindex(b"event:", 0, body.index(b"two"))
        yield body[:at]
        gone.wait(DEADLINE)
        yield body[at:]

    run.claude.behave = lambda _request: Answer(content_type="text/event-stream", chunks=pieces())
    beside = run.gateway.edges[0]
    with run.streamed("claude") as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if "one" in line)
        (worker,) = [pid for pid in beside.children() if _is_worker(pid)]
        os.kill(worker, signal.SIGKILL)
        until(lambda: worker not in beside.children(), "the worker does not end")
        gone.set()
        rest = ""
        try:
            rest = "\n".join(lines)
        except httpx.RemoteProtocolError:
            broken = True
        else:
            broken = '"error"' in rest
    assert broken, rest
    assert "[DONE]" not in rest
    run.claude.answer(message("again"))

    def works():
        answer = run.chat("claude")
        return answer.status_code == 200 and text(answer) == "again"

    until(works, "the edge does not come back", deadline=DEADLINE)


def _is_worker(pid):
    return b"ext_authz.service.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
