"""Tokens and certificates where the real Envoy decides alone: no edge runs in these tests."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from compiler.lower.accounts import jwt as lowering
from compiler.plan import Respond
from compiler.plan_accounts import Issuer, JwksUrl, Team
from tests.e2e import llm_gateway as llm
from tests.e2e.account_plans import NOBODY, gateway, jwt, plan, rest, tenant
from tests.e2e.envoy_process import until
from tests.e2e.llm_gateway import AT
from tests.e2e.llm_upstream import Answer, chat
from tests.e2e.llm_upstream import upstream as llm_upstream
from tests.e2e.rest_upstream import upstream
from tests.ports import free_port

ISSUER = "https://login.corp.example"


class Signer:
    """A key of an issuer: signs tokens, and says what it publishes."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwk(self) -> dict[str, str]:
        made = json.loads(pyjwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {**made, "kid": self.kid, "alg": "RS256", "use": "sig"}

    def token(self, expires_in: float = 600, **claims: object) -> str:
        whole = {
            "iss": ISSUER,
            "aud": "gatewright",
            "sub": "bo",
            "org": "acme-inc",
            "exp": int(time.time() + expires_in),
            **claims,
        }
        return pyjwt.encode(whole, self._key, algorithm="RS256", headers={"kid": self.kid})


def key_set(*signers: Signer) -> str:
    return json.dumps({"keys": [signer.jwk() for signer in signers]})


def issuer(jwks: str | JwksUrl, **more: Any) -> Issuer:
    return Issuer(
        **{
            "name": "corp",
            "issuer": ISSUER,
            "audiences": ("gatewright", "other"),
            "jwks": jwks,
            "tenant_claim": "org",
            "team_claim": "team",
            "user_claim": "sub",
            "client": None,
            "at": AT,
            **more,
        }
    )


ACME = tenant(
    "acme", claims=("acme-inc", "acme"), teams=(Team("search", None, (), (), (), (), AT),)
)


@pytest.fixture(scope="module")
def signer():
    return Signer("one")


@pytest.fixture(scope="module")
def envoy(signer, tmp_path_factory):
    tenants = (
        ACME,
        tenant("bolt", routes=("open",)),
        tenant("far", addresses=("203.0.113.0/24",)),
        tenant("near", addresses=("10.0.0.0/8", "127.0.0.0/8")),
    )
    with upstream() as service, llm_upstream(chat()) as provider:
        made = plan(
            rest(jwt()),
            rest(jwt(), name="few", path="/few", allow=("near",)),
            rest(jwt(), NOBODY, name="open", path="/open"),
            rest(jwt(), NOBODY, name="asked", path="/asked", on_request=True),
            replace(
                rest(jwt(), name="answers", path="/answers"),
                action=Respond(200, "inside", "text/plain"),
            ),
            replace(llm.serve(llm.model("fast", "a/gpt-x")), auth=(jwt(),)),
            port=service.port,
            tenants=tenants,
            issuers=(issuer(key_set(signer)),),
            providers=(llm.provider("a", provider),),
            models=(llm.model("fast", "a/gpt-x"),),
        )
        with gateway(made, tmp_path_factory.mktemp("native")) as running:
            yield running, service, provider


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **more}


def test_a_valid_token_is_let_in_and_services_are_told_whose_it_is(envoy, signer):
    """The tenant by the claim's value, the team that the tenant has, the subject; lies are not."""
    running, service, _ = envoy
    lies = {"x-gatewright-tenant": "evil", "x-gatewright-key": "evil"}
    answer = running.client.get("/orders", headers=bearer(signer.token(team="search"), **lies))
    assert answer.status_code == 200
    headers = service.requests[-1]["headers"]
    told = {name: value for name, value in headers.items() if name.startswith("x-gatewright-")}
    assert told == {
        "x-gatewright-tenant": "acme",
        "x-gatewright-team": "search",
        "x-gatewright-user": "bo",
    }
    running.client.get("/orders", headers=bearer(signer.token()))
    assert "x-gatewright-team" not in service.requests[-1]["headers"]


@pytest.mark.parametrize(
    "claims",
    [
        {"expires_in": -120},
        {"aud": "somebody-else"},
        {"iss": "https://other.example"},
        {"org": "unheard-of"},
        {"org": 7},
        {"team": "unheard-of"},
        {"exp": None},
    ],
)
def test_a_token_that_is_not_good_is_401(envoy, signer, claims):
    """Expired, for others, by others, of no tenant or no team of it, without an end."""
    running, service, _ = envoy
    before = len(service.requests)
    whole = {"expires_in": 600, **claims}
    if "exp" in claims:
        token = pyjwt.encode({"iss": ISSUER, "org": "acme"}, signer._key, "RS256")
    else:
        token = signer.token(whole.pop("expires_in"), **whole)
    for path in ("/orders", "/answers"):
        answer = running.client.get(path, headers=bearer(token))
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(service.requests) == before


def test_without_a_token_or_with_anothers_signature_it_is_401(envoy):
    """And not in the query string either."""
    running, _, _ = envoy
    forged = Signer("one").token()
    assert running.client.get("/orders").status_code == 401
    assert running.client.get("/orders", headers=bearer(forged)).status_code == 401
    assert running.client.get("/orders", headers=bearer("gw_key")).status_code == 401


def test_a_token_in_the_query_string_is_none(envoy, signer):
    """It would be in the logs of everybody."""
    running, _, _ = envoy
    answer = running.client.get("/orders", params={"access_token": signer.token()})
    assert answer.status_code == 401


def test_any_audience_of_the_issuer_will_do(envoy, signer):
    """A token may be for several, and the gateway may be several."""
    running, _, _ = envoy
    for audience in ("other", ["x", "gatewright"]):
        token = signer.token(aud=audience)
        assert running.client.get("/orders", headers=bearer(token)).status_code == 200


def test_a_known_tenant_is_let_in_where_it_may_be(envoy, signer):
    """By the route's list, by its own list of routes, by the address of its client."""
    running, _, _ = envoy
    expected = {
        "acme": {"/orders": 200, "/few": 403, "/open": 200},
        "bolt": {"/orders": 403, "/few": 403, "/open": 200},
        "far": {"/orders": 403, "/few": 403, "/open": 403},
        "near": {"/orders": 200, "/few": 200, "/open": 200},
    }
    found = {
        name: {
            path: running.client.get(path, headers=bearer(signer.token(org=name))).status_code
            for path in paths
        }
        for name, paths in expected.items()
    }
    assert found == expected


def test_where_nobody_has_to_say_who_he_is_a_bad_token_is_still_refused(envoy, signer):
    """`[jwt, none]`: without a token anybody, with one somebody."""
    running, service, _ = envoy
    assert running.client.get("/open").status_code == 200
    assert "x-gatewright-tenant" not in service.requests[-1]["headers"]
    assert running.client.get("/open", headers=bearer(signer.token())).status_code == 200
    assert service.requests[-1]["headers"]["x-gatewright-tenant"] == "acme"
    assert running.client.get("/open", headers=bearer(signer.token(-120))).status_code == 401


def test_nobody_is_let_in_where_a_grant_is_wanted(envoy, signer):
    """`access: on_request` holds for those who say nothing of themselves too."""
    running, _, _ = envoy
    assert running.client.get("/asked").status_code == 403
    assert running.client.get("/asked", headers=bearer(signer.token())).status_code == 403


def test_models_take_tokens_and_providers_get_none(envoy, signer):
    """The provider's own key takes the token's place, and refusals are in the client's schema."""
    running, _, provider = envoy
    refused = running.chat()
    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "authentication_error"
    running.client.headers.update(bearer(signer.token()))
    try:
        assert running.chat().status_code == 200
        answer = running.messages("fast")
    finally:
        del running.client.headers["authorization"]
    assert answer.json()["error"]["type"] == "invalid_request_error"  # served elsewhere
    sent = provider.requests[-1].headers
    assert sent["authorization"] == "Bearer sk-canary-a"
    assert not [name for name in sent if name.startswith("x-gatewright-")]


def test_logs_and_metrics_know_the_tenant(envoy, signer):
    """Beside the route and the model."""
    running, _, _ = envoy
    running.client.get("/orders", headers=bearer(signer.token(sub="who-asked")))
    asked = '"user":"who-asked"'
    until(lambda: asked in running.envoy.log, "no such line", running.envoy)
    (line,) = (one for one in running.log_lines(1) if one.get("user") == "who-asked")
    assert line.items() >= {"tenant": "acme", "auth": "jwt", "route": "orders"}.items()
    assert any(dict(labels)["tenant"] == "acme" for labels in running.metrics("requests"))


def test_claims_may_lie_deep_or_have_dots_in_their_names(signer, tmp_path):
    """A path into the token, unless a claim is called just so."""
    with upstream() as service:
        for claim, told in (
            ("realm.access.tenant", {"realm": {"access": {"tenant": "acme"}}}),
            ("https://corp.example/tenant", {"https://corp.example/tenant": "acme"}),
        ):
            made = plan(
                rest(jwt()),
                port=service.port,
                tenants=(ACME,),
                issuers=(issuer(key_set(signer), tenant_claim=claim),),
            )
            with gateway(made, tmp_path) as running:
                token = signer.token(org=None, **told)
                answer = running.client.get("/orders", headers=bearer(token))
                assert answer.status_code == 200
                bare = running.client.get("/orders", headers=bearer(signer.token()))
                assert bare.status_code == 401


def test_a_published_key_set_is_followed_when_it_changes(monkeypatch, tmp_path):
    """New keys are believed within the time that a set is fresh, and old ones are not any more."""
    monkeypatch.setattr(lowering, "FRESH", timedelta(seconds=1))
    old, new = Signer("old"), Signer("new")
    with upstream() as service, llm_upstream() as published:
        published.answer(Answer(body=key_set(old).encode()))
        made = plan(
            rest(jwt()),
            port=service.port,
            tenants=(ACME,),
            issuers=(issuer(JwksUrl("http", "127.0.0.1", published.port, "/keys?v=1")),),
        )
        with gateway(made, tmp_path) as running:

            def status(signer: Signer) -> int:
                headers = bearer(signer.token())
                return running.client.get("/orders", headers=headers).status_code

            until(lambda: status(old) == 200, "the first key set is not fetched", running.envoy)
            assert status(new) == 401
            published.answer(Answer(body=key_set(old, new).encode()))
            until(lambda: status(new) == 200, "a new key is not believed", running.envoy)
            assert status(old) == 200
            published.answer(Answer(body=key_set(new).encode()))
            until(lambda: status(old) == 401, "an old key is still believed", running.envoy)
            assert status(new) == 200
            assert published.requests[0].path == "/keys?v=1"


def test_an_issuer_that_is_down_stops_nobody_else(tmp_path):
    """Nobody can say what its tokens are worth; routes without it are served, from the start."""
    with upstream() as service:
        made = plan(
            rest(jwt()),
            rest(name="open", path="/open"),
            port=service.port,
            tenants=(ACME,),
            issuers=(issuer(JwksUrl("http", "127.0.0.1", free_port(), "/keys")),),
        )
        with gateway(made, tmp_path) as running:
            assert running.client.get("/open").status_code == 200
            headers = bearer(Signer("one").token())
            assert running.client.get("/orders", headers=headers).status_code == 503
            assert running.client.get("/orders").status_code == 401
