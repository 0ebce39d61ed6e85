"""Limits `per: edge` from the policy's text on, at every place: the real Envoy counts them."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from compiler.guards import Carrier, choose_guards, needs_edge
from compiler.lower.accounts.local_limits import local_limits_filter
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from tests.e2e.llm_upstream import chat
from tests.e2e.llm_upstream import upstream as llm_upstream
from tests.e2e.recording_edge import edge, ok
from tests.e2e.rest_gateway import gateway
from tests.e2e.rest_upstream import upstream
from tests.e2e.test_native_identity import Signer, bearer, key_set
from xds.edge.limit import Each
from xds.schema import envoy

limit_v3 = envoy.extensions.filters.http.local_ratelimit.v3
KEY = "gw_" + "k" * 32

HEAD = """
gatewright: v1
name: limits
envoy: "1.40"
listeners: { public: { address: 127.0.0.1, port: 8080 } }
services: { orders: { endpoints: ["<service>"] } }
"""

TOKENS = """
issuers:
  corp:
    issuer: https://login.corp.example
    jwks: file:jwks.json
    audiences: [gatewright]
    claims: { tenant: org, team: team }
limits: [{ limit: 9 requests/hour, per: edge, each: tenant }]
providers:
  a:
    api: openai
    url: http://127.0.0.1:<provider>/v1
    trust: internal
    limits: [{ limit: 4 requests/hour, per: edge }]
models:
  fast:
    targets: [a/gpt-x]
    apis: chat
    limits: [{ limit: 2 requests/hour, per: edge, each: tenant }]
  slow: { targets: [a/gpt-y], apis: chat }
tiers:
  free: { limits: [{ limit: 3 requests/hour, per: edge }] }
tenants:
  acme: { tier: free, teams: { search: { limits: [{ limit: 1 requests/hour, per: edge }] } } }
  bolt: {}
  cone: { limits: [{ limit: 1 requests/hour, per: edge, each: user }] }
  dune: {}
routes:
  - name: orders
    match: /orders
    service: orders
    auth: jwt
    limits: [{ limit: 2 requests/hour, per: edge, each: user }]
  - name: open
    match: /open
    service: orders
    auth: none
    limits: [{ limit: 3 requests/hour, per: edge, each: client, burst: 4 }]
  - { name: llm, match: /v1, serve: llm, auth: jwt }
"""

KEYS = """
edge: { folder: <sockets>, workers: 1 }
tenants:
  acme:
    keys:
      ci: { sha256: <digest>, limits: [{ limit: 2 requests/hour, per: edge }] }
      cd: cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
routes:
  - { name: orders, match: /orders, service: orders, auth: keys }
"""


@pytest.fixture(scope="module")
def service():
    with upstream() as started:
        yield started


@pytest.fixture(scope="module")
def signer():
    return Signer("one")


def plan_of(policy: str, beside=None):
    compiled = compile_sources(sources_of({"gateway.yaml": policy, **(beside or {})}), until="plan")
    assert compiled.ok, compiled.diagnostics
    return compiled.plan


def test_limits_of_tokens_hold_in_envoy_alone(service, signer):
    """Of gateway, routes, models, providers, tiers, teams and tenants; nothing runs beside it."""
    beside = {"jwks.json": key_set(signer)}
    policy = (HEAD + TOKENS).replace("<service>", service.address)
    plan = plan_of(policy.replace("<provider>", "1"), beside)
    assert {guard.carrier for guard in choose_guards(plan)} == {Carrier.NATIVE}
    assert not needs_edge(plan)
    with (
        llm_upstream(chat()) as provider,
        gateway(policy, beside=beside, provider=provider.port) as running,
        httpx.Client(base_url=running.url("public"), timeout=30) as client,
    ):

        def get(count: int, path: str = "/orders", **claims: str) -> list[int]:
            headers = bearer(signer.token(**claims)) if claims else {}
            return [client.get(path, headers=headers).status_code for _ in range(count)]

        def ask(count: int, model: str, **claims: str) -> list[int]:
            body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
            headers = bearer(signer.token(**claims))
            return [
                client.post("/v1/chat/completions", json=body, headers=headers).status_code
                for _ in range(count)
            ]

        assert get(5, "/open") == [200] * 4 + [429]  # the client's, all at once
        assert get(3, org="bolt", sub="a") == [200, 200, 429]  # the route's, of each user
        assert get(1, org="bolt", sub="b") == [200]
        assert get(2, org="cone", sub="c") == [200, 429]  # the tenant's, of each user
        assert get(1, org="cone", sub="d") == [200]
        assert get(2, org="acme", sub="e", team="search") == [200, 429]  # the team's
        assert get(2, org="acme", sub="f") == [200, 200]
        assert get(1, org="acme", sub="g") == [429]  # the tier's, of each tenant that has it
        assert ask(3, "fast", org="bolt", sub="h") == [200, 200, 429]  # the model's
        assert ask(1, "fast", org="cone", sub="i") == [200]
        assert ask(2, "slow", org="bolt", sub="j") == [200, 429]  # the provider's
        spent = [found for user in "klmno" for found in get(2, org="dune", sub=user)]
        assert spent == [200] * 9 + [429]  # the gateway's, of each tenant


def test_a_keys_limit_holds_where_the_edge_has_found_the_key(service, tmp_path):
    """Others of its tenant go on."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    policy = HEAD + KEYS
    places = {"service": service.address, "sockets": str(tmp_path), "digest": digest}
    with (
        edge(tmp_path) as asked,
        gateway(policy, **places) as running,
        httpx.Client(base_url=running.url("public"), timeout=30) as client,
    ):
        for key, expected in (("ci", [200, 200, 429]), ("cd", [200, 200, 200])):
            asked.check = lambda _, key=key: ok({"tenant": "acme", "key": f"acme/{key}"})
            found = [
                client.get("/orders", headers={"x-api-key": KEY}).status_code for _ in expected
            ]
            assert found == expected


def test_every_place_takes_limits_of_each():
    """None is refused, none is lost on the way to Envoy, and no two are one bucket."""
    written = ", ".join(f"{{ limit: 9 requests/hour, per: edge, each: {each} }}" for each in Each)
    limits = f"limits: [{written}]"
    digests = [f"sha256: {letter * 64}" for letter in "ab"]
    policy = f"""
gatewright: v1
name: places
listeners: {{ public: {{ port: 8080, address: 127.0.0.1 }} }}
{limits}
providers: {{ a: {{ api: openai, key: env:KEY, {limits} }} }}
models: {{ fast: {{ targets: [a/gpt-x], {limits} }} }}
tiers: {{ free: {{ {limits} }} }}
tenants:
  acme:
    {limits}
    keys: {{ ci: {{ {digests[0]}, {limits} }} }}
    teams: {{ search: {{ {limits}, keys: {{ cd: {{ {digests[1]}, {limits} }} }} }} }}
  bolt: {{ tier: free }}
routes: [{{ match: /v1, serve: llm, auth: keys, {limits} }}]
"""
    config = limit_v3.LocalRateLimit()
    local_limits_filter(plan_of(policy)).typed_config.Unpack(config)
    buckets = {
        tuple((entry.key, entry.value) for entry in one.entries) for one in config.descriptors
    }
    places = (
        "gateway",
        "route",
        "model",
        "provider",
        "tier",
        "tenant",
        "team",
        "key",
        "team's key",
    )
    assert len(config.descriptors) == len(buckets) == len(places) * len(Each)
