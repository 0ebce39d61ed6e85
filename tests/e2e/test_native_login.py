"""Logins in browsers, through the real Envoy, at a small OpenID provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from compiler.guards import Carrier, choose_guards
from compiler.plan_accounts import AuthKind, AuthMethod, JwksUrl, OidcClient
from policies.secret import SecretKind, SecretRef
from tests.e2e.account_plans import KEYS, gateway, jwt, plan, rest, tenant
from tests.e2e.identity_provider import identity_provider
from tests.e2e.recording_edge import edge
from tests.e2e.rest_upstream import upstream
from tests.e2e.test_native_identity import Signer, bearer, issuer, key_set

LOGIN = AuthMethod(AuthKind.OIDC, "corp")
SECRET = SecretRef(SecretKind.GENERIC, ("env:CLIENT_SECRET",))
COOKIES = SecretRef(SecretKind.GENERIC, ("env:COOKIE_SECRET",))
SECRETS = {SECRET.name: "canary-client-secret", COOKIES.name: "canary-cookie-secret"}


@pytest.fixture(scope="module")
def signer():
    return Signer("one")


@pytest.fixture
def provider(signer):
    with identity_provider(signer.token) as started:
        yield started


def client_at(provider) -> OidcClient:
    return OidcClient(
        client_id="gw",
        client_secret=SECRET,
        cookie_secret=COOKIES,
        authorization_endpoint=f"{provider.url}/authorize",
        token_endpoint=JwksUrl("http", "127.0.0.1", provider.port, "/token"),
        redirect_path="/oauth2/callback",
        signout_path="/signout",
        scopes=("openid", "email"),
    )


def planned(provider, signer, service, *auth: AuthMethod):
    return plan(
        rest(*auth, path="/app"),
        rest(name="open", path="/open"),
        port=service.port,
        tenants=(tenant("acme", claims=("acme-inc",)),),
        issuers=(issuer(key_set(signer), client=client_at(provider)),),
    )


@contextmanager
def browser_of(running) -> Iterator[httpx.Client]:
    """A browser: goes where it is sent, and takes loopback for a safe place, as they all do."""
    with httpx.Client(base_url=running.client.base_url, follow_redirects=True) as client:

        def keep(_answer: httpx.Response) -> None:
            for cookie in client.cookies.jar:
                cookie.secure = False

        client.event_hooks["response"].append(keep)
        yield client


def test_a_browser_is_sent_to_log_in_and_comes_back_as_somebody(provider, signer, tmp_path):
    """The first page that it asked for is the one that it gets, with who it is."""
    with upstream() as service:
        made = planned(provider, signer, service, LOGIN)
        assert choose_guards(made)[0].carrier is Carrier.NATIVE
        with gateway(made, tmp_path, SECRETS) as running:
            with browser_of(running) as browser:
                page = browser.get("/app/page?q=1")
                assert (page.status_code, page.json()["path"]) == (200, "/app/page?q=1")
                assert page.json()["headers"]["x-gatewright-tenant"] == "acme"
                assert page.json()["headers"]["x-gatewright-user"] == "bo"
                (login,) = provider.logins
                assert login["client_id"] == "gw"
                assert login["scope"] == "openid email"
                assert login["redirect_uri"].endswith("/oauth2/callback")
                (exchange,) = provider.exchanges
                assert exchange["client_secret"] == "canary-client-secret"
                assert browser.get("/app").status_code == 200
                assert len(provider.logins) == 1
                browser.follow_redirects = False
                assert browser.get("/signout").status_code == 302
                assert browser.get("/app").status_code == 302
            assert running.client.get("/open").status_code == 200
            assert "canary" not in running.envoy.log


def test_a_token_of_nobody_is_refused_after_the_login(provider, signer, tmp_path):
    """A login alone is no permission."""
    provider.token = lambda: signer.token(org="unheard-of")
    with upstream() as service:
        made = planned(provider, signer, service, LOGIN)
        with (
            gateway(made, tmp_path, SECRETS) as running,
            browser_of(running) as browser,
        ):
            assert browser.get("/app").status_code == 401
        assert service.requests == []


def test_a_program_with_a_token_is_not_sent_to_log_in(provider, signer, tmp_path):
    """`[jwt, oidc]`: what has a credential is judged by it, what has none may log in."""
    with upstream() as service:
        made = planned(provider, signer, service, jwt(), LOGIN)
        with gateway(made, tmp_path, SECRETS) as running:
            headers = bearer(signer.token())
            assert running.client.get("/app", headers=headers).status_code == 200
            headers = bearer(signer.token(-120))
            assert running.client.get("/app", headers=headers).status_code == 401
            assert running.client.get("/app").status_code == 302


def test_a_key_goes_to_the_edge_and_a_browser_to_its_login(provider, signer, tmp_path):
    """`[keys, oidc]`: the edge is asked about both, and told who logged in."""
    with upstream() as service, edge(tmp_path / "edge") as asked:
        made = planned(provider, signer, service, KEYS, LOGIN)
        with (
            gateway(made, tmp_path, SECRETS) as running,
            browser_of(running) as browser,
        ):
            for header in ("authorization", "x-api-key", "api-key"):
                value = "Bearer gw_key" if header == "authorization" else "gw_key"
                assert running.client.get("/app", headers={header: value}).status_code == 200
            assert not any(one.attributes.metadata_context.filter_metadata for one in asked.checks)
            assert browser.get("/app").status_code == 200
            told = asked.checks[-1].attributes.metadata_context.filter_metadata
            payload = told["envoy.filters.http.jwt_authn"]["corp"]
            assert (payload["org"], payload["sub"]) == ("acme-inc", "bo")
