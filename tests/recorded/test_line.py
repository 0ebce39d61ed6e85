"""Lines of our access log, and what is asked of them again."""

import json
from datetime import UTC, datetime

import pytest

from compiler.decide.decide import decide
from compiler.decide.world import Answer, Fault
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.recorded.again import asked_again
from compiler.recorded.line import NotALineError, parse_line

POLICY = """\
gatewright: v1
name: edge
listeners: { local: { port: 8080, address: 127.0.0.1 } }
providers:
  openai: { api: openai, key: env:A, cool_down: 30s }
  backup: { api: openai, url: https://b.example/v1, key: env:B }
  third: { api: openai, url: https://t.example/v1, key: env:C }
models:
  fast:
    targets: [openai/a, backup/b, third/c]
    fallback: { on: [rate_limited, timeout, connect_failure], attempt_timeout: 20s }
  split: { targets: [{ to: openai/a, weight: 90 }, { to: backup/b, weight: 10 }] }
services: { one: { endpoints: [a:80] }, two: { endpoints: [b:80] } }
issuers: { corp: { issuer: "https://login.corp.example", jwks: "https://login.corp.example/k" } }
tenants:
  acme:
    claims: [acme-inc]
    certificates: ["spiffe://corp/acme/*"]
    keys: { ci: { sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } }
routes:
  - { name: llm, match: /v1, host: ai.example, serve: llm, auth: [keys, { jwt: corp }] }
  - { name: shop, match: /shop, split: [{ to: one, weight: 9 }, { to: two, weight: 1 }] }
"""
LLM = {
    "time": "2026-11-27T03:30:00.123Z",
    "request_id": "7b1c",
    "route": "llm/chat/completions/fast",
    "method": "POST",
    "path": "/v1/chat/completions",
    "status": "200",
    "gen_ai.request.model": "fast",
    "gen_ai.provider.name": "openai",
    "upstream_model": "a",
    "attempts": 1,
    "gen_ai.usage.input_tokens": 10.0,
    "gen_ai.usage.output_tokens": "7",
    "tenant": "acme",
    "key": "acme/ci",
    "auth": "keys",
    "whatever": {"is": "new"},
}


@pytest.fixture(scope="module")
def plan():
    compiled = compile_sources(sources_of({"gateway.yaml": POLICY}), until="plan")
    assert compiled.ok, compiled.diagnostics
    return compiled.plan


def line(**members):
    return parse_line(json.dumps({**LLM, **members}))


def decided(plan, **members):
    request, world = asked_again(line(**members), plan)
    return decide(plan, request, world)


def test_a_line_is_read_whatever_form_its_numbers_have():
    """Members that are not known are passed over, those that are not there are empty."""
    read = line()
    assert (read.status, read.input_tokens, read.output_tokens) == (200, 10, 7)
    assert read.at == datetime(2026, 11, 27, 3, 30, 0, 123000, UTC)
    assert (read.target, read.model, read.host) == ("openai/a", "fast", "")
    bare = parse_line('{"method": "GET", "path": "/", "status": 0, "upstream": "service/one"}')
    # Who was refused reached nobody, wherever the route leads.
    assert (bare.status, bare.upstream, bare.at, bare.attempts) == (None, "", None, 0)
    assert line(attempts=0, status=404).target == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON"),
        ('{"method": "G', "no JSON"),
        ("[1]", "no JSON object"),
        ("{}", "no method and path"),
        ('{"id": "a", "endpoint": "/messages"}', "usage log"),
        ("[" * 100_000, "nested too deeply"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_what_is_no_line_says_why(text, reason):
    """Nothing else is raised."""
    with pytest.raises(NotALineError, match=reason):
        parse_line(text)


def test_who_asked_is_asked_again(plan):
    """By the key's id, by a token's claims, or by nobody."""
    assert decided(plan).identity.key == "acme/ci"
    token = decided(plan, auth="jwt", key="", user="ana")
    assert (token.identity.tenant, token.identity.user, token.identity.by) == ("acme", "ana", "jwt")
    assert decided(plan, auth="", key="", tenant="").status == 401


def test_upstreams_do_what_they_did(plan):
    """Those that were tried before fail alike, the one that served serves."""
    trace = decided(plan)
    assert (trace.route, trace.served, len(trace.attempts)) == ("llm", "openai/a", 1)
    third = {"gen_ai.provider.name": "third", "upstream_model": "c", "attempts": 3}
    trace = decided(plan, failure="timeout", **third)
    assert [one.outcome for one in trace.attempts][-1] == "served"
    assert trace.served == "third/c"
    cooled = decided(
        plan,
        **{"gen_ai.provider.name": "backup", "upstream_model": "b", "failure": "cooling_down"},
    )
    assert [one.outcome for one in cooled.attempts] == ["skipped", "served"]
    failed = decided(plan, status=429, failure="rate_limited", **{**third, "attempts": 3})
    assert failed.status == 429


def test_a_draw_falls_where_it_fell(plan):
    """The target of a split, and the service of a route."""
    trace = decided(
        plan,
        **{"gen_ai.request.model": "split", "gen_ai.provider.name": "backup"},
        upstream_model="b",
    )
    assert trace.served == "backup/b"
    rest = {
        "method": "GET",
        "path": "/shop/1",
        "route": "shop",
        "host": "any",
        "status": 200,
        "attempts": 1,
    }
    for upstream in ("one", "two"):
        read = parse_line(json.dumps({**rest, "upstream": f"service/{upstream}"}))
        request, world = asked_again(read, plan)
        assert decide(plan, request, world).sent[-1].to == upstream
    broken = parse_line(
        json.dumps({**rest, "upstream": "service/one", "details": "upstream_response_timeout"})
    )
    _, world = asked_again(broken, plan)
    assert world.answers["one"] in ((Answer(fault=Fault.TIMEOUT),), (Answer(200),))
