"""`gatewright explain` of requests: words, curl's words, lines of a log, the world around."""

import gzip
import io
import json
import sys

import pytest

from cli import exits
from cli.main import main

KEY = "gw_abcdefghijklmnopqrstuvwxyz012345"
POLICY = """\
gatewright: v1
name: edge
listeners:
  local: { port: 8080, address: 127.0.0.1 }
  other: { port: 8081, address: 127.0.0.1 }
providers:
  openai: { api: openai, key: env:OPENAI_API_KEY }
  backup: { api: openai, url: https://backup.example/v1, key: env:BACKUP_API_KEY }
models:
  fast:
    targets: [openai/gpt-4o-mini, backup/llama]
    fallback: { on: [rate_limited, timeout, connect_failure], attempt_timeout: 20s }
services: { orders: { endpoints: [orders.internal:8080] } }
tiers: { pro: { limits: [600 requests/minute] } }
tenants:
  acme:
    tier: pro
    keys: { ci: { sha256: SHA } }
routes:
  - { name: llm, match: /v1, serve: llm, auth: keys }
  - { name: orders, match: /orders, service: orders }
  - { name: old, match: /old, listeners: [other], redirect: { path: /orders } }
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    import hashlib

    path = tmp_path_factory.mktemp("policy") / "gateway.yaml"
    path.write_text(POLICY.replace("SHA", hashlib.sha256(KEY.encode()).hexdigest()))
    return path


@pytest.fixture
def explained(policy, capsys):
    def run(*words):
        code = main(["explain", *words, str(policy)])
        out, err = capsys.readouterr()
        assert code == exits.OK, err
        return out

    return run


@pytest.fixture
def told(policy, capsys):
    def run(*words):
        code = main(["explain", "--json", "--policy", str(policy), *words])
        out, err = capsys.readouterr()
        assert code == exits.OK, err
        return json.loads(out)

    return run


def test_a_trace_shows_the_lines_of_the_policy(explained, policy):
    """Each step with its place at the right, and what comes of it in the end."""
    out = explained("POST /v1/chat/completions", "--model", "fast", "--key", "acme/ci")
    lines = out.splitlines()
    assert lines[0] == "POST /v1/chat/completions"
    assert any("route `llm`" in line and line.endswith(f"{policy}:20:5") for line in lines)
    assert any("key `acme/ci`" in line and line.endswith(f"{policy}:18:13") for line in lines)
    assert lines[-1] == "= 200 from openai/gpt-4o-mini"


@pytest.mark.parametrize(
    "words", [("GET", "/orders/7"), ("GET /orders/7",), ("/orders/7",), ("http://h/orders/7",)]
)
def test_a_request_may_be_written_in_several_ways(told, words):
    """Quoted or not, with a method or without, as a URL."""
    shown = told(*words)
    assert (shown["route"], shown["request"]["method"]) == ("orders", "GET")
    assert shown["sent"][0]["path"] == "/orders/7"


def test_an_absolute_path_of_a_policy_is_no_request(explained):
    """Where it is said otherwise what is asked for."""
    out = explained("--model", "fast", "--key", "acme/ci")
    assert out.startswith("POST /v1/chat/completions\n")


def test_the_world_around_may_be_said(told):
    """What upstreams do, one after the other; what is used; what is away."""
    asked = ("--model", "fast", "--key", "acme/ci")
    assert told(*asked, "--given", "openai=429")["served_by"] == "backup/llama"
    both = told(*asked, "--given", "openai=timeout,backup=503")
    assert both["attempts"][0]["outcome"] == "timeout"
    assert both["status"] == 503
    assert told(*asked, "--used", "600 requests/minute=all")["status"] == 429
    assert told(*asked, "--used", "600 requests/minute=599")["status"] == 200
    assert told(*asked, "--away", "counters")["status"] == 503


def test_a_key_itself_is_known_by_its_hash_and_not_shown(policy, capsys):
    """In curl's words, as one would send it, in one text or in many."""
    line = (
        f"curl -sS http://localhost:8080/v1/chat/completions -H 'Authorization: Bearer {KEY}' "
        """-H content-type:application/json -d '{"model": "fast"}'"""
    )
    assert main(["explain", "--policy", str(policy), line]) == exits.OK
    out, err = capsys.readouterr()
    assert "key `acme/ci`" in out
    assert KEY not in out + err
    words = ["curl", "-X", "POST", "http://localhost:8081/old", "--json", "{}"]
    assert main(["explain", "--policy", str(policy), "--json", *words]) == exits.OK
    shown = json.loads(capsys.readouterr().out)
    # Its port tells the listener.
    assert (shown["request"]["listener"], shown["route"]) == ("other", "old")


def test_a_body_may_be_a_file(told, tmp_path, monkeypatch):
    """As with curl, and `-` is standard input."""
    body = tmp_path / "body.json"
    body.write_text('{"model": "fast", "messages": []}')
    words = ("POST /v1/chat/completions", "--key", "acme/ci", "-d")
    assert told(*words, f"@{body}")["model"] == "fast"
    monkeypatch.setattr(sys, "stdin", io.StringIO(body.read_text()))
    assert told(*words, "@-")["model"] == "fast"
    assert told(*words, "{}", "--model", "fast")["model"] == "fast"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--key", "acme/co"], exits.POLICY, "did you mean `acme/ci`?"),
        (["--given", "opnai=429"], exits.POLICY, "did you mean `openai`?"),
        (["--given", "openai=odd"], exits.USAGE, "openai"),
        (["--given", "openai"], exits.USAGE, "is no NAME=VALUE"),
        (["--at", "yesterday"], exits.USAGE, "2027-01-31"),
        (["--claims", "[]"], exits.USAGE, "no JSON object"),
        (["-H", "none"], exits.USAGE, "has no colon"),
        (["GET", "orders"], exits.USAGE, "no path"),
        (["GET /orders", "one", "two"], exits.USAGE, "says nothing here"),
        (["curl", "--fail-wth-body", "http://h"], exits.USAGE, "did you mean --fail-with-body?"),
        (["curl 'http://h"], exits.USAGE, "in curl's words"),
        (["--given", f"openai={'9' * 5000}"], exits.USAGE, "openai"),
        (["--used", f"600 requests/minute={'9' * 5000}"], exits.USAGE, "is no amount"),
        (["--claims", "[" * 100_000], exits.USAGE, "no JSON object"),
        (["curl", "http://h", "-d", "\udcff"], exits.USAGE, "the body is no UTF-8"),
        (["--log", "-", "--model", "fast"], exits.USAGE, "`--model` says nothing beside --log"),
        (["--log", "-", "curl", "http://h"], exits.USAGE, "`curl` says nothing beside --log"),
        (["-d", "@/no/such/file"], exits.ENVIRONMENT, "cannot be read"),
    ],
)
def test_what_leads_nowhere_is_said(policy, capsys, words, code, said):
    """A name of the policy that is none is 1, words that make no request are 2."""
    try:
        found = main(["explain", "--policy", str(policy), *words])
    except SystemExit as ended:
        found = ended.code
    assert found == code
    assert said in capsys.readouterr().err


LINE = {
    "time": "2026-11-27T03:30:00.123Z",
    "request_id": "7b1c",
    "route": "llm/chat/completions/fast",
    "method": "POST",
    "path": "/v1/chat/completions",
    "status": 200,
    "attempts": 2,
    "failure": "rate_limited",
    "gen_ai.request.model": "fast",
    "gen_ai.provider.name": "backup",
    "upstream_model": "llama",
    "tenant": "acme",
    "key": "acme/ci",
    "auth": "keys",
}


@pytest.mark.parametrize("packed", [False, True])
def test_a_recorded_line_is_explained_as_it_was(policy, tmp_path, capsys, packed):
    """With what upstreams did then; lines that are none are said and passed over."""
    text = (json.dumps(LINE) + "\nnonsense\n\n").encode()
    log = tmp_path / "access.log"
    log.write_bytes(gzip.compress(text) if packed else text)
    assert main(["explain", "--log", str(log), str(policy)]) == exits.OK
    out, err = capsys.readouterr()
    assert "= 200 from backup/llama\n" in out
    assert "recorded: 200 from backup/llama after 2 attempts (rate_limited) request 7b1c" in out
    assert f"{log}:2: it is no JSON" in err
    assert main(["explain", "--json", "--log", str(log), str(policy)]) == exits.OK
    shown = json.loads(capsys.readouterr().out)
    assert shown["recorded"]["request_id"] == "7b1c"
    assert [one["outcome"] for one in shown["attempts"]] == ["rate_limited", "served"]


def test_a_log_of_nothing_is_an_error(policy, tmp_path, capsys):
    """A file without one good line is the wrong file; one that is not there cannot be read."""
    log = tmp_path / "usage.log"
    log.write_text('{"id": "a", "endpoint": "/chat/completions"}\n')
    assert main(["explain", "--log", str(log), str(policy)]) == exits.POLICY
    assert "it is of the usage log" in capsys.readouterr().err
    assert main(["explain", "--log", str(tmp_path / "none"), str(policy)]) == exits.ENVIRONMENT


def test_what_is_left_of_a_limit_has_its_unit(explained):
    """As the policy writes it, and not in what counters count."""
    out = explained("--model", "fast", "--key", "acme/ci", "--used", "600 requests/minute=100")
    assert "`600 requests/minute` of tenant `acme`: 500 requests left" in out


def test_odd_lines_of_curl_are_explained(told):
    """Broken over lines, with long texts, with nothing in the body, with half a character."""
    url = "http://localhost:8080/v1/chat/completions"
    assert told(f"curl\t-s \\\n  {url}")["request"]["path"] == "/v1/chat/completions"
    assert told("curl", url, "-d", "x" * 100_000)["request"]["method"] == "POST"
    assert told("curl", url, "-d", "")["request"]["method"] == "POST"
    assert told(f"/v1?q={'x' * 300}", "--model", "fast")["request"]["path"].startswith("/v1?q=x")
    half = told("curl", url, "--json", '{"model": "\\ud800"}', "-H", f"x-api-key: {KEY}")
    assert half["code"] == "model_not_found"
