"""Routes that ask who a client is: ways in order, issuers, tenants, stores."""

import pytest

from compiler.plan_accounts import EMBEDDED, NOWHERE, AuthKind, AuthMethod, JwksUrl, Ledger
from policies.secret import SecretKind, SecretRef
from tests.compiler.stages import FAST, LISTENER, LLM, OPENAI, codes, finding, plan_of, route

SERVICE = "services: { orders: { endpoints: ['10.0.0.1:80'] } }\n"
CLIENT = (
    "client: { id: gw, secret: env:S, cookie_secret: env:C, "
    "authorize: 'https://l.example/auth', token: 'https://l.example:8443/token?x=1' }"
)
ISSUERS = f"""
issuers:
  b: {{ issuer: "https://b.example" }}
  a: {{ issuer: "https://a.example/x/", {CLIENT} }}
"""
HASH = "a" * 64
TENANTS = f"""
tenants:
  acme: {{ tags: [gold], keys: {{ ci: {HASH} }} }}
  eu-one: {{ tier: paying }}
  other: {{}}
tiers: {{ paying: {{ tags: [gold] }} }}
"""


def auth(text, *more):
    plan = plan_of(
        LISTENER,
        SERVICE,
        f"routes: [{{ name: orders, match: /orders, service: orders, auth: {text} }}]",
        *more,
    )
    return tuple(str(one) for one in route(plan, "orders").auth)


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("none", ("none",)),
        ("keys", ("keys",)),
        ("[keys, none]", ("keys", "none")),
        ("jwt", ("jwt:a", "jwt:b")),
        ("{ jwt: b }", ("jwt:b",)),
        ("oidc", ("oidc:a",)),
        ("[keys, { jwt: b }, jwt]", ("keys", "jwt:b", "jwt:a")),
    ],
)
def test_ways_in_order(text, ways):
    """Bare `jwt` is every issuer, `oidc` every one with a client; each way is there once."""
    assert auth(text, ISSUERS, TENANTS) == ways


def test_unwritten_asks_nobody():
    """Routes to services need no word on it; `none` is a word."""
    plan = plan_of(LISTENER, SERVICE, "routes: [{ name: o, match: /o, service: orders }]")
    assert route(plan, "o").auth == ()
    assert route(plan_of(LISTENER, OPENAI, FAST, LLM), "v1").auth == (AuthMethod(AuthKind.NONE),)


def test_mtls_needs_a_listener_that_asks():
    """Every listener of the route must ask for a certificate, and no other."""
    tls = "tls: { certificate: file:c, key: file:k, client_ca: file:ca }"
    plan = plan_of(
        f"listeners: {{ a: {{ port: 1, {tls} }}, b: 2 }}",
        SERVICE,
        "routes: [{ name: o, match: /o, service: orders, auth: mtls, listeners: a }]",
    )
    assert route(plan, "o").auth == (AuthMethod(AuthKind.MTLS),)
    said = finding(
        f"listeners: {{ a: {{ port: 1, {tls} }}, b: 2 }}",
        SERVICE,
        "routes: [{ name: o, match: /o, service: orders, auth: [keys, mtls] }]",
    )
    assert (said.code, said.at) == ("auth-missing-listener-ca", "mtls")


def allow(text):
    plan = plan_of(
        LISTENER,
        SERVICE,
        TENANTS,
        f"routes: [{{ name: o, match: /o, service: orders, auth: keys, allow: {text} }}]",
    )
    return route(plan, "o").allow


def test_allow_is_worked_out():
    """Names, globs and tags, also those that a tier gives, become names of tenants."""
    assert allow("acme") == ("acme",)
    assert allow("['tag:gold']") == ("acme", "eu-one")
    assert allow("['eu-*', other]") == ("eu-one", "other")


def test_open_llm_routes_are_those_with_none():
    """Keys close a route; `none` behind them opens it again."""
    public = "listeners: { public: 8080 }"
    closed = "routes: [{ match: /v1, serve: llm, auth: keys }]"
    opened = "routes: [{ match: /v1, serve: llm, auth: [keys, none] }]"
    assert codes(public, OPENAI, FAST, closed, TENANTS) == []
    said = finding(public, OPENAI, FAST, opened, TENANTS)
    assert (said.code, said.at) == ("open-llm-route", "none")


def test_keys_without_tenants_is_told_once():
    """However many routes ask for keys."""
    routes = "routes: [{ match: /a, service: orders, auth: keys }, "
    routes += "{ match: /b, service: orders, auth: keys }]"
    assert codes(LISTENER, SERVICE, routes) == ["keys-without-tenants"]
    assert codes(LISTENER, SERVICE, routes, "tenants: { acme: {} }") == ["keys-without-tenants"]


def test_models_on_request_are_for_those_who_are_asked():
    """A route that asks nobody cannot offer them; one that does not offer them may stay open."""
    models = "models: { fast: { targets: [openai/a] }, "
    models += "opus: { targets: [openai/b], access: on_request } }"
    assert "access-without-auth" in codes(LISTENER, OPENAI, models, LLM)
    narrowed = "routes: [{ match: /v1, serve: llm, auth: none, models: [fast] }]"
    assert "access-without-auth" not in codes(LISTENER, OPENAI, models, narrowed)


def test_issuers_of_the_plan():
    """Where the keys are follows from the issuer; paths keep their query."""
    plan = plan_of(
        LISTENER,
        SERVICE,
        ISSUERS,
        "routes: [{ match: /o, service: orders, auth: [oidc, jwt] }]",
    )
    a, b = plan.issuers
    assert a.jwks == JwksUrl("https", "a.example", 443, "/x/.well-known/jwks.json")
    assert b.client is None
    assert (a.tenant_claim, a.team_claim, a.user_claim) == ("tenant", "", "sub")
    assert a.client is not None
    assert a.client.client_secret == SecretRef(SecretKind.GENERIC, ("env:S",))
    assert a.client.token_endpoint == JwksUrl("https", "l.example", 8443, "/token?x=1")
    assert a.client.scopes == ("openid",)


def test_stores_of_the_plan():
    """A URL is the store's; where it lies is a secret."""
    plan = plan_of(
        LISTENER,
        SERVICE,
        "routes: [{ match: /o, service: orders }]",
        "counters: { store: 'redis://valkey:6379/0', timeout: 50ms, when_away: open }",
        "ledger: { store: env:LEDGER_URL, retention: 400d }",
        "edge: { folder: run/, workers: 4, ratelimit: 'limits.internal:8081' }",
    )
    assert (plan.counting.store.kind, plan.counting.store.url) == ("redis", "redis://valkey:6379/0")
    assert (plan.counting.timeout_ms, plan.counting.away) == (50, "open")
    assert plan.ledger.store.secret == SecretRef(SecretKind.GENERIC, ("env:LEDGER_URL",))
    assert (plan.ledger.store.kind, plan.ledger.retention_days) == ("postgres", 400)
    assert (plan.edge.folder, plan.edge.workers) == ("run", 4)
    assert plan.edge.ratelimit == "limits.internal:8081"


@pytest.mark.parametrize(
    ("more", "store"),
    [
        ("", NOWHERE),
        # An edge that nothing else asks for is not brought by its ledger.
        ("tenants: { acme: {} }", NOWHERE),
        ("tenants: { acme: { limits: [5 requests/second] } }", NOWHERE),
        ("limits: [20 requests/second]", EMBEDDED),
        ("limits: [{ limit: 20 requests/second, per: edge }]", NOWHERE),
        ("budget: 5 USD/month", EMBEDDED),
    ],
)
def test_the_ledger_unless_written(more, store):
    """It is kept where there is an edge anyway that is asked about models or tenants."""
    assert plan_of(LISTENER, OPENAI, FAST, LLM, more).ledger == Ledger(store)


def test_the_ledger_may_be_none():
    """Who writes `none` has none."""
    plan = plan_of(LISTENER, OPENAI, FAST, LLM, TENANTS, "ledger: { store: none }")
    assert plan.ledger == Ledger(NOWHERE)
