"""Tokens and certificates before an edge: Envoy verifies them, the edge says whose they are."""

from __future__ import annotations

import ssl

import httpx
import pytest

from tests.e2e.authority import Authority
from tests.e2e.edges import digest_of, gateway, key_of, usage_rows
from tests.e2e.envoy_process import until
from tests.e2e.rest_upstream import upstream
from tests.e2e.test_native_identity import ISSUER, Signer, key_set

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

TOKENS = f"""\
gatewright: v1
name: tokens
edge: {{ folder: edge, workers: 1 }}
services:
  orders: {{ endpoints: ["127.0.0.1:PORT"] }}
issuers:
  corp:
    issuer: {ISSUER}
    jwks: file:corp.jwks.json
    audiences: [gatewright]
    claims: {{ tenant: org, team: team, user: sub }}
routes:
  - {{ name: both, match: /both, service: orders, auth: [keys, {{ jwt: corp }}] }}
  - name: token
    match: /token
    service: orders
    auth: {{ jwt: corp }}
    limits: [1000 requests/day]
  - name: each
    match: /each
    service: orders
    auth: {{ jwt: corp }}
    limits: [{{ limit: 2 requests/day, each: user }}]
tenants:
  acme:
    claims: [acme-inc]
    keys: {{ ci: {digest_of("acme")} }}
    teams: {{ search: {{}} }}
"""
CERTIFICATES = f"""\
gatewright: v1
name: certificates
edge: {{ folder: edge, workers: 1 }}
services:
  orders: {{ endpoints: ["127.0.0.1:PORT"] }}
routes:
  - {{ name: inside, match: /inside, service: orders, auth: mtls, limits: [1000 requests/day] }}
  - {{ name: either, match: /either, service: orders, auth: [keys, mtls] }}
tenants:
  acme: {{ certificates: ["spiffe://corp/acme/*"], keys: {{ ci: {digest_of("acme")} }} }}
"""
SAID = ("tenant", "team", "key", "user")


def told(service):
    """What the service was told of who asked last, and of credentials."""
    headers = service.requests[-1]["headers"]
    found = {name: headers.get(f"x-gatewright-{name}") for name in SAID}
    secrets = [name for name in ("authorization", "x-api-key", "api-key") if name in headers]
    return {name: value for name, value in found.items() if value is not None}, secrets


@pytest.fixture(scope="module")
def signer():
    return Signer("one")


@pytest.fixture(scope="module")
def tokens(signer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "corp.jwks.json").write_text(key_set(signer))
    with upstream() as service:
        text = TOKENS.replace("PORT", str(service.port))
        with gateway(folder, text, edges=1) as running:
            yield running, service


@pytest.fixture
def http(tokens):
    with httpx.Client(base_url=tokens[0].urls()[0], timeout=30) as client:
        yield client


def test_a_key_and_a_token_are_each_as_good(tokens, http, signer):
    """The service learns who asked, whatever the client says of itself, and sees no key."""
    lies = {f"x-gatewright-{name}": "root" for name in SAID}
    for header, value in (
        ("authorization", f"Bearer {key_of('acme')}"),
        ("x-api-key", key_of("acme")),
        ("api-key", key_of("acme")),
    ):
        assert http.get("/both", headers={**lies, header: value}).status_code == 200
        assert told(tokens[1]) == ({"tenant": "acme", "key": "acme/ci"}, [])
    token = {"authorization": f"Bearer {signer.token(team='search')}"}
    assert http.get("/both", headers={**lies, **token}).status_code == 200
    assert told(tokens[1])[0] == {"tenant": "acme", "team": "search", "user": "bo"}


def test_a_token_that_is_not_good_is_refused(tokens, http, signer):
    """Expired, of somebody else, for somebody else, of nobody's tenant or team, or not at all."""
    seen = len(tokens[1].requests)
    for bad in (
        signer.token(expires_in=-100),
        Signer("one").token(),
        signer.token(aud="others"),
        signer.token(org="unknown"),
        signer.token(team="unknown"),
        "nonsense",
        "a.b.c",
    ):
        for path in ("/both", "/token"):
            answer = http.get(path, headers={"authorization": f"Bearer {bad}"})
            assert answer.status_code == 401, (path, bad)
            assert answer.headers["content-type"] == "application/problem+json"
    assert http.get("/token").status_code == 401
    assert http.get("/token", headers={"x-api-key": key_of("acme")}).status_code == 401
    assert len(tokens[1].requests) == seen


def test_users_are_counted_each_by_himself(http, signer):
    """A limit for each user, by the subject of the token; the answer says what is left."""

    def ask(user):
        token = {"authorization": f"Bearer {signer.token(sub=user)}"}
        return http.get("/each", headers=token)

    assert [ask("bo").status_code for _ in range(3)] == [200, 200, 429]
    answer = ask("di")
    assert answer.status_code == 200
    assert answer.headers["x-ratelimit-remaining"] == "1"


def test_the_ledger_knows_whose_each_request_was(tokens, http, signer):
    """By its key, or by the tenant and team alone."""
    http.get("/both", headers={"authorization": f"Bearer {key_of('acme')}"})
    http.get("/both", headers={"authorization": f"Bearer {signer.token(team='search')}"})

    def whose():
        rows = usage_rows(tokens[0].edges[0])
        return {(row["tenant"], row["team"], row["key"]) for row in rows}

    until(lambda: {("acme", "", "acme/ci"), ("acme", "search", "")} <= whose(), "it does not know")


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def mutual(authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutual")
    authority.write(folder, "edge", "127.0.0.1")
    (folder / "ca.pem").write_bytes(authority.pem)
    tls = "tls: { certificate: file:edge.pem, key: file:edge.key, client_ca: file:ca.pem }"
    with upstream() as service:
        text = CERTIFICATES.replace("PORT", str(service.port))
        with gateway(folder, text, edges=1, listener=tls) as running:
            yield running, service, folder


def client(mutual, authority, *names):
    """A client with a certificate of these names."""
    running, _, folder = mutual
    authority.write(folder, "client", *names)
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "client.pem", folder / "client.key")
    url = running.urls()[0].replace("http:", "https:")
    return httpx.Client(base_url=url, verify=context, timeout=30, trust_env=False)


def test_a_certificate_says_whose_it_is(mutual, authority):
    """By its URI; the service is told tenant and subject."""
    name = "spiffe://corp/acme/api"
    with client(mutual, authority, name) as http:
        for path in ("/inside", "/either"):
            assert http.get(path).status_code == 200
            assert told(mutual[1]) == ({"tenant": "acme", "user": name}, [])
        answer = http.get("/either", headers={"authorization": f"Bearer {key_of('acme')}"})
        assert answer.status_code == 200
        assert told(mutual[1]) == ({"tenant": "acme", "key": "acme/ci"}, [])


def test_a_certificate_of_nobodys_is_refused(mutual, authority):
    """It is signed well, and yet no tenant's; a bad key is not made good by a certificate."""
    for names in (("spiffe://corp/other/api",), ("acme.example",), ()):
        with client(mutual, authority, *names) as http:
            assert http.get("/inside").status_code == 401
            assert http.get("/either").status_code == 401
    with client(mutual, authority, "spiffe://corp/acme/api") as http:
        bad = {"authorization": f"Bearer {key_of('nobody')}"}
        assert http.get("/either", headers=bad).status_code == 401


BEHIND = f"""\
gatewright: v1
name: behind
edge: {{ folder: edge, workers: 1 }}
routes:
  - {{ name: all, match: /all, respond: {{ status: 200, body: all }}, auth: keys }}
  - name: each
    match: /each
    respond: {{ status: 200, body: each }}
    auth: [keys, none]
    limits: [{{ limit: 1 request/day, each: client }}]
tenants:
  far: {{ keys: {{ ci: {digest_of("far")} }}, addresses: [203.0.113.0/24] }}
"""


def test_the_clients_address_is_what_a_trusted_proxy_says(tmp_path):
    """As everywhere else on a listener behind a proxy: where a key may be used, and who is whom."""
    with (
        gateway(tmp_path, BEHIND, edges=1, listener="trusted_hops: 1") as running,
        httpx.Client(base_url=running.urls()[0], timeout=30) as http,
    ):

        def ask(path, address, **headers):
            return http.get(path, headers={"x-forwarded-for": address, **headers}).status_code

        key = {"authorization": f"Bearer {key_of('far')}"}
        assert ask("/all", "203.0.113.7", **key) == 200
        assert ask("/all", "198.51.100.7", **key) == 403
        # What the client itself says stands before what the proxy says.
        assert ask("/all", "203.0.113.7, 198.51.100.7", **key) == 403
        assert [ask("/each", "203.0.113.7") for _ in range(2)] == [200, 429]
        assert ask("/each", "203.0.113.8") == 200
