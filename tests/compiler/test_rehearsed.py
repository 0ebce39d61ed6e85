"""A plan as it is rehearsed: other credentials, short waits, limits that nobody meets."""

import hashlib

import pytest

from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.rehearsed import SHORTEST, key_ids, rehearsed

POLICY = """\
gatewright: v1
name: edge
listeners: { local: { port: 8080, address: 127.0.0.1 } }
providers:
  openai: { api: openai, key: env:A, cool_down: 30s, limits: [5 requests/minute] }
  backup: { api: openai, url: https://b.example/v1, key: env:B }
models:
  fast:
    targets: [{ to: openai/a, timeout: 90s }, backup/b]
    fallback: { on: [timeout, connect_failure], attempt_timeout: 20s }
issuers: { corp: { issuer: "https://login.corp.example", jwks: "https://login.corp.example/k" } }
tenants:
  acme:
    limits: [1 requests/second, 2 concurrent, 5 USD/month]
    keys:
      ci:
        sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        previous: { sha256: 8f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }
    teams:
      search:
        keys: { a: 7f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }
routes: [{ name: llm, match: /v1, serve: llm, auth: [keys, { jwt: corp }] }]
limits: [{ limit: 3 requests/second, burst: 3 }]
"""


@pytest.fixture(scope="module")
def plans():
    text = POLICY.replace("0a08 }\n    teams", "0a08, until: 2999-01-01 }\n    teams")
    made = compile_sources(sources_of({"gateway.yaml": text}), until="plan")
    assert made.ok, made.diagnostics
    real = made.plan
    hashes = {name: hashlib.sha256(name.encode()).digest() for name in key_ids(real)}
    return real, rehearsed(hashes, '{"keys": []}')(real), hashes


def test_each_key_has_a_text_that_is_known(plans):
    """One that is being rotated once; everything else about keys is as it was."""
    real, rehearsal, hashes = plans
    assert list(hashes) == ["acme/ci", "acme/search/a"]
    (acme,), (before,) = rehearsal.tenants, real.tenants
    fresh = [key.sha256 == hashes["acme/ci"] for key in acme.keys]
    assert sorted(fresh) == [False, True]
    assert acme.teams[0].keys[0].sha256 == hashes["acme/search/a"]
    assert [key.expires for key in acme.keys] == [key.expires for key in before.keys]
    assert rehearsal.issuers[0].jwks == '{"keys": []}'


def test_nothing_is_used_up_and_nobody_waits_long(plans):
    """Limits are there, and large; timeouts keep their order; nobody cools down."""
    _, rehearsal, _ = plans
    (acme,) = rehearsal.tenants
    placed = [*rehearsal.limits, *acme.limits, *rehearsal.providers[1].limits]
    assert len(placed) == 5
    assert all(one.limit.amount >= 10_000 for one in placed)
    assert rehearsal.limits[0].limit.burst >= 10_000
    (model,) = rehearsal.models
    target = model.groups[0].targets[0]
    assert model.fallback.attempt_timeout == SHORTEST < target.timeout < model.timeout
    assert all(one.cool_down is None for one in rehearsal.providers)
