"""`gatewright replay`: recorded requests under two policies."""

import gzip
import io
import json
import sys
import tracemalloc

import pytest

from cli import exits
from cli.main import main
from cli.replay import CHANGED
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.recorded.line import parse_line
from compiler.replaying.replay import Replay

POLICY = """\
gatewright: v1
name: edge
listeners: { local: { port: 8080, address: 127.0.0.1 } }
providers:
  openai: { api: openai, key: env:A }
  backup: { api: openai, url: https://b.example/v1, key: env:B }
models:
  fast: { targets: [openai/gpt-4o-mini] }
redactions: { personal: { detect: pii } }
services: { orders: { endpoints: [orders.internal:8080] } }
prices:
  openai/gpt-4o-mini: { input: 1 USD/1M tokens, output: 2 USD/1M tokens }
  backup/llama: { input: 2 USD/1M tokens, output: 2 USD/1M tokens }
tenants:
  acme:
    keys: { ci: { sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } }
routes:
  - { name: llm, match: /v1, serve: llm, auth: keys }
  - { name: orders, match: /orders, service: orders }
redact: personal
"""
LLM = {
    "request_id": "llm-1",
    "time": "2026-11-27T03:30:00.123Z",
    "route": "llm/chat/completions/fast",
    "method": "POST",
    "path": "/v1/chat/completions",
    "status": 200,
    "attempts": 1,
    "gen_ai.request.model": "fast",
    "gen_ai.provider.name": "openai",
    "upstream_model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "tenant": "acme",
    "key": "acme/ci",
    "auth": "keys",
}
REST = {
    "request_id": "rest-1",
    "route": "orders",
    "method": "GET",
    "path": "/orders/7",
    "host": "shop.example",
    "status": 200,
    "upstream": "service/orders",
    "attempts": 1,
}
LINES = [LLM, {**LLM, "request_id": "llm-2"}, REST, {**REST, "path": "/nowhere", "status": 404}]


@pytest.fixture
def replayed(tmp_path, capsys):
    before, log = tmp_path / "before.yaml", tmp_path / "access.log"
    before.write_text(POLICY)
    log.write_text("".join(json.dumps(line) + "\n" for line in LINES))

    def run(*changes, options=(), path=log):
        after = tmp_path / "after.yaml"
        text = POLICY
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        after.write_text(text)
        code = main(["replay", str(path), str(before), str(after), *options])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def told(replayed, *changes):
    code, out, _ = replayed(*changes, options=("--json",))
    assert code == CHANGED
    shown = json.loads(out)
    found = {(one["kind"], one["before"], one["after"]): one for one in shown["changes"]}
    return shown, found


def test_the_same_policy_changes_nothing(replayed):
    """0, and how many were looked at."""
    code, out, _ = replayed()
    assert (code, out) == (exits.OK, "4 requests, 0 change (0.0 %)\n")


def test_who_serves_and_what_it_costs(replayed):
    """Another target: its tenants, ids, and the same tokens at its price."""
    shown, found = told(replayed, ("[openai/gpt-4o-mini]", "[backup/llama]"))
    one = found["served", "openai/gpt-4o-mini", "backup/llama"]
    assert (one["requests"], one["tenants"], one["examples"]) == (
        *(2, {"acme": 2}),
        ["llm-1", "llm-2"],
    )
    assert (shown["requests"], shown["changed"]) == (4, 2)
    cost = shown["cost"]["fast"]
    assert (cost["before_usd"], cost["after_usd"], cost["changed"]) == ("0.0024", "0.0044", 2)
    _, out, _ = replayed(("[openai/gpt-4o-mini]", "[backup/llama]"))
    assert "4 requests, 2 change (50.0 %)\n" in out
    assert "served: 2 requests\n        2  openai/gpt-4o-mini -> backup/llama\n" in out
    assert "           acme 2\n           such as llm-1, llm-2\n" in out
    assert "  fast: 0.0024 USD -> 0.0044 USD (+83.3 %)\n" in out


def test_redaction(replayed):
    """What is no longer looked for is a change, though all is answered alike."""
    shown, found = told(replayed, ("\nredact: personal", ""))
    assert ("redaction", "personal", "none") in found
    assert shown["kinds"] == {"redaction": 2}


def test_identity_and_status(replayed):
    """A key that is gone is refused."""
    _, found = told(replayed, ("{ ci: {", "{ cd: {"))
    assert found["identity", "acme/ci", "refused"]["requests"] == 2
    assert any(kind == "status" and after.startswith("401") for kind, _, after in found)


def test_routes_and_what_services_see(replayed):
    """A route that is gone, one that is new, and a path that is rewritten."""
    _, found = told(replayed, ("name: orders, match: /orders", "name: new, match: /nowhere"))
    assert ("route", "orders", "none") in found
    assert ("route", "none", "new") in found
    rewrite = ("service: orders }", "service: orders, rewrite: { prefix: /v2 } }")
    _, found = told(replayed, rewrite)
    ((_, before, after),) = found
    assert (before, after) == ("path /orders...", "path /v2...")


def test_lines_that_cannot_be_read_are_counted(replayed, tmp_path):
    """The first is shown with its place; a log of nothing else is an error."""
    log = tmp_path / "odd.log.gz"
    log.write_bytes(gzip.compress(b"nonsense\n\n" + json.dumps(LLM).encode() + b"\n[]\n"))
    code, out, _ = replayed(path=log)
    assert code == exits.OK
    assert f"2 lines cannot be read; the first: {log}:1: it is no JSON\n" in out
    log.write_bytes(b"nonsense\n")
    assert replayed(path=log)[0] == exits.POLICY
    log.write_bytes(gzip.compress(json.dumps(LLM).encode() * 1000)[:-20])
    code, _, err = replayed(path=log)
    assert code == exits.ENVIRONMENT
    assert "cannot be read" in err
    log.write_bytes(gzip.compress(json.dumps(LLM).encode())[:40] + b"\xff" * 40)
    code, _, err = replayed(path=log)
    assert code == exits.ENVIRONMENT
    assert "cannot be read" in err


def test_a_log_may_come_from_elsewhere(replayed, monkeypatch):
    """`-` is standard input."""
    text = (json.dumps(LLM) + "\n").encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(text))))
    assert replayed(path="-")[1].startswith("1 request, 0 change")


def test_a_side_that_is_wrong_is_said(replayed):
    """Its errors, and which one it is; 2 is kept for changes."""
    code, _, err = replayed(("service: orders", "service: order"))
    assert code == exits.POLICY
    assert "did you mean `orders`?" in err
    assert "B (" in err
    with pytest.raises(SystemExit) as ended:
        replayed(options=("--examples", "many"))
    assert ended.value.code == exits.POLICY


def test_memory_does_not_grow_with_the_log():
    """Requests that all have a path, a client and an id of their own."""
    plans = [
        compile_sources(sources_of({"gateway.yaml": text}), until="plan").plan
        for text in (POLICY, POLICY.replace("service: orders", "respond: 200"))
    ]
    replay = Replay(*plans)
    replay._known.clear()

    def some(start, count):
        for number in range(start, start + count):
            path = {"path": f"/orders/{number % 500}", "request_id": f"id-{number}"}
            replay.add(parse_line(json.dumps({**REST, **path})))

    some(0, 500)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    some(500, 1_500)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert replay.tally.requests == 2_000
    assert after - before < 500_000
