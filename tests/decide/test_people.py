"""Who asks and what limits say, where no random request comes by: certificates, logins, money."""

import hashlib
from datetime import UTC, datetime

import pytest

from tests.decide.deciding import asked

DIGEST = "ab" * 32
TENANTS = f"""\
tenants:
  acme:
    keys: {{ ci: {{ sha256: {DIGEST}, expires: 2026-01-31 }} }}
    certificates: ["spiffe://corp/acme/*"]
    budget: 1 USD/month
    limits: [100 tokens/day, 2 concurrent]
    grants:
      - {{ model: m2, approved_by: ana, until: 2026-01-31 }}
"""
MODELS = """\
models:
  m1: { targets: [a/x], apis: chat }
  m2: { targets: [a/x], apis: chat, access: on_request }
routes: [{ name: llm, match: /v1, serve: llm, auth: keys }]
"""
NOW = datetime(2026, 1, 15, tzinfo=UTC)
LATER = datetime(2026, 2, 15, tzinfo=UTC)


def test_a_key_and_a_grant_hold_until_they_end():
    """By the world's clock."""
    said = {"max_tokens": 9}
    assert asked(MODELS + TENANTS, key="acme/ci", now=NOW, said=said).status == 200
    late = asked(MODELS + TENANTS, key="acme/ci", now=LATER)
    assert (late.status, late.code) == (401, "invalid_api_key")
    granted = {"key": "acme/ci", "said": {"model": "m2", "max_tokens": 9}}
    assert asked(MODELS + TENANTS, now=NOW, **granted).status == 200
    unending = MODELS + TENANTS.replace(", expires: 2026-01-31", "")
    gone = asked(unending, now=LATER, **granted)
    assert (gone.status, gone.code) == (404, "model_not_found")


def test_a_key_by_its_text_is_the_key_of_its_digest():
    """Whatever header it comes in; another one is told that it is not good."""
    sha256 = hashlib.sha256(b"gw_x").hexdigest()
    text = MODELS + f"tenants: {{ acme: {{ keys: {{ ci: {sha256} }} }} }}\n"
    for header in (("Authorization", "bearer gw_x"), ("x-api-key", "gw_x"), ("api-key", "gw_x")):
        assert asked(text, headers=(header,)).identity.key == "acme/ci"
    for header in (("authorization", "Bearer gw_y"), ("x-api-key", "sk-other")):
        assert asked(text, headers=(header,)).code == "invalid_api_key"


@pytest.mark.parametrize(
    ("limit", "whom", "used", "code"),
    [
        ("tenant/acme/tokens/day", "all", 95, "rate_limit_exceeded"),
        ("tenant/acme/cost/month/budget", "all", 1_000_000_000, "insufficient_quota"),
        ("tenant/acme/concurrent", "all", 2, "rate_limit_exceeded"),
    ],
)
def test_what_is_used_up_refuses(limit, whom, used, code):
    """Tokens by the size of the request, money at the dearest target, and requests under way."""
    said = {"max_tokens": 9}
    fine = asked(MODELS + TENANTS, key="acme/ci", now=NOW, said=said)
    assert fine.status == 200
    assert {verdict.limit for verdict in fine.verdicts} >= {limit}
    trace = asked(MODELS + TENANTS, key="acme/ci", now=NOW, said=said, used={limit: {whom: used}})
    assert (trace.status, trace.code) == (429, code)
    assert [one.limit for one in trace.verdicts if not one.allowed] == [limit]


def test_counters_that_are_away_are_closed_unless_written():
    """A limit that is open then lets requests pass, uncounted."""
    away = {"key": "acme/ci", "now": NOW, "counters_away": True}
    assert asked(MODELS + TENANTS, **away).status == 503
    opened = MODELS + TENANTS + "counters: { when_away: open }\n"
    trace = asked(opened, **away)
    assert (trace.status, trace.verdicts) == (200, ())


def test_a_certificate_is_a_tenants():
    """Where the listener has verified it, whatever stands for a star."""
    text = (
        "listeners: { public: { address: 127.0.0.1, port: 8443, "
        "tls: { certificate: file:a, key: file:b, client_ca: file:c } } }\n"
        "routes: [{ name: r, match: /s, service: orders, auth: mtls }]\n"
        'tenants: { acme: { certificates: "spiffe://corp/acme/*" } }\n'
    )
    known = asked(text, "/s", certificate="spiffe://corp/acme/x")
    assert (known.status, known.identity.tenant, known.identity.by) == (None, "acme", "mtls")
    assert asked(text, "/s", certificate="spiffe://corp/other").status == 401
    assert asked(text, "/s").status == 401


def test_a_browser_is_sent_to_log_in():
    """Unless it shows something; what is no token is not one by that."""
    text = """\
issuers:
  corp:
    issuer: https://corp.test
    audiences: [x]
    jwks: file:corp.jwks.json
    claims: { tenant: org }
    client:
      id: gateway
      secret: env:CLIENT_SECRET
      cookie_secret: env:COOKIE_SECRET
      authorize: https://corp.test/authorize
      token: https://corp.test/token
routes: [{ name: r, match: /s, service: orders, auth: oidc }]
tenants: { acme: { claims: acme } }
"""
    assert asked(text, "/s").status == 302
    assert asked(text, "/s", headers=(("authorization", "Bearer x"),)).status == 401
    assert asked(text, "/s", issuer="corp", claims={"org": "acme"}).identity.by == "oidc"
