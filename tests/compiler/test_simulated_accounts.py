"""Simulated upstreams: what tenants may stays, and nothing but this machine is needed."""

from hashlib import sha256

from compiler.plan_accounts import EMBEDDED, NOWHERE
from compiler.simulated import KEY, simulated
from tests.compiler.stages import FAST, LISTENER, OPENAI, plan_of

REVISE = simulated("127.0.0.1", 1, 2)
HASH = sha256(b"a key").hexdigest()


def test_stores_and_secrets_are_of_this_machine():
    """Counters, the ledger and logins need no server and no secret; limits and keys hold."""
    plan = plan_of(
        LISTENER,
        OPENAI,
        FAST,
        "counters: { store: env:REDIS_URL, timeout: 5ms }",
        "ledger: { store: env:LEDGER_URL, retention: 9d }",
        "edge: { ratelimit: 'a:1' }",
        "issuers: { c: { issuer: 'https://c', client: { id: g, secret: env:S, cookie_secret: "
        "env:C, authorize: 'https://c/a', token: 'https://c/t' } } }",
        f"tenants: {{ acme: {{ keys: {{ ci: {HASH} }}, limits: [5 requests/day] }} }}",
        "routes: [{ match: /v1, serve: llm, auth: [keys, oidc] }]",
    )
    seen = REVISE(plan)
    assert (seen.counting.store, seen.counting.timeout_ms) == (EMBEDDED, 5)
    assert (seen.ledger.store, seen.ledger.retention_days) == (EMBEDDED, 9)
    assert seen.edge.ratelimit == ""
    client = seen.issuers[0].client
    assert client is not None
    assert client.client_secret.sources == client.cookie_secret.sources == (f"env:{KEY}",)
    assert seen.tenants == plan.tenants


def test_no_ledger_stays_none():
    """Who writes none has none."""
    plan = plan_of(
        LISTENER,
        OPENAI,
        FAST,
        "ledger: { store: none }",
        "routes: [{ match: /v1, serve: llm, auth: none }]",
    )
    assert REVISE(plan).ledger.store == NOWHERE


def test_clouds_and_redactions_need_no_secret_of_theirs():
    """Nothing is signed, each API begins at its usual path, and hashes are made with our key."""
    plan = plan_of(
        LISTENER,
        """
        providers:
          aws: { api: bedrock, aws: { region: eu-central-1, credentials: instance } }
          vertex:
            api: gemini
            google: { project: p, location: eu, credentials: "file:sa.json" }
          ours: { api: openai, dialect: vllm, url: "http://10.0.0.1/v1" }
        """,
        "redactions: { pii: { detect: email, replace: hash, hash_key: 'env:HASH' } }",
    )
    seen = REVISE(plan)
    key = seen.redactions[0].hash_key
    assert key is not None
    assert key.sources == (f"env:{KEY}",)
    assert seen.redactions[0].rules.hash_key == key.name
    paths = {one.name: one.url.path for one in seen.providers}
    assert paths == {"aws": "/aws", "vertex": "/vertex/v1", "ours": "/ours/v1"}
    assert {one.key for one in seen.providers} == {key}
    aws = next(one for one in seen.providers if one.name == "aws").aws
    assert aws is not None
    assert (aws.region, aws.keys, aws.source) == ("eu-central-1", None, None)
