"""Who a request is from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.admission.book import Book
from ext_authz.admission.identity import Identity, Unknown, identify
from ext_authz.admission.question import read_question
from tests.ext_authz.asking import NOW, digest_of, key_of, question, rules, table
from xds.edge.rules import Issuer, Key, Route, Team, Tenant

CI = Key(id="acme/ci", tenant="acme")
BATCH = Key(id="acme/search/batch", tenant="acme", team="search")
RULES = rules(
    tenants={
        "acme": Tenant(
            claims=("acme-inc",),
            certificates=("spiffe://corp/acme/*", "*.acme.example"),
            teams={"search": Team()},
        )
    },
    issuers={
        "corp": Issuer(issuer="https://corp", tenant_claim="org.name", team_claim="team"),
        "urls": Issuer(issuer="https://urls", tenant_claim="https://urls.example/org"),
    },
)
BOOK = Book(RULES)


def who(auth, *keys, revoked=(), now=NOW, **asked):
    return identify(
        read_question(question(**asked)), Route(auth=auth), BOOK, table(*keys), set(revoked), now
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {key_of('acme/ci')}"},
        {"authorization": f"bearer  {key_of('acme/ci')} "},
        {"x-api-key": key_of("acme/ci")},
        {"api-key": key_of("acme/ci")},
        {"x-api-key": "not-ours", "api-key": key_of("acme/ci")},
        {"authorization": "Bearer not-ours", "x-api-key": key_of("acme/ci")},
    ],
)
def test_a_key_is_found_where_each_sdk_puts_it(headers):
    """And nobody behind is to see the header that it is in."""
    found = who(("keys",), CI, headers=headers)
    assert (found.tenant, found.key_id, found.method) == ("acme", "acme/ci", "keys")
    assert found.headers == tuple(name for name in headers if key_of("acme/ci") in headers[name])


def test_every_header_that_holds_a_key_is_noted():
    """The key that counts is the bearer's."""
    both = {
        "authorization": f"Bearer {key_of('acme/ci')}",
        "x-api-key": key_of("acme/search/batch"),
    }
    found = who(("keys",), CI, BATCH, headers=both)
    assert found.key_id == "acme/ci"
    assert found.headers == ("authorization", "x-api-key")
    token = {"corp": {"org": {"name": "acme-inc"}}}
    found = who(("jwt:corp", "keys"), CI, headers={"api-key": key_of("x")}, tokens=token)
    assert (found.method, found.headers) == ("jwt", ("api-key",))


@pytest.mark.parametrize(
    ("key", "revoked", "now"),
    [
        (CI, [digest_of("acme/ci")], NOW),
        (Key(id="acme/ci", tenant="acme", expires=int(NOW)), (), NOW),
        (Key(id="acme/ci", tenant="acme", starts=int(NOW) + 1), (), NOW),
        (Key(id="acme/ci", tenant="gone"), (), NOW),
        (Key(id="acme/ci", tenant="acme", team="gone"), (), NOW),
        (Key(id="acme/other", tenant="acme"), (), NOW),
    ],
)
def test_a_key_that_is_not_good_now_is_nobodys(key, revoked, now):
    """Whatever the reason, and also where nobody would do."""
    for auth in (("keys",), ("keys", "none"), ("keys", "jwt:corp", "none")):
        assert who(auth, key, revoked=revoked, now=now, key="acme/ci") == Unknown(shown=True)


def test_a_key_is_good_from_its_start_until_its_end():
    """Of its end not any more."""
    key = Key(id="acme/ci", tenant="acme", starts=int(NOW), expires=int(NOW) + 10)
    for now, good in ((NOW - 1, False), (NOW, True), (NOW + 9.9, True), (NOW + 10, False)):
        assert isinstance(who(("keys",), key, now=now, key="acme/ci"), Identity) is good


@pytest.mark.parametrize(
    ("issuer", "payload", "tenant", "team", "user"),
    [
        ("corp", {"org": {"name": "acme-inc"}, "sub": "bo"}, "acme", "", "bo"),
        ("corp", {"org.name": "acme-inc", "team": "search"}, "acme", "search", ""),
        ("urls", {"https://urls.example/org": "acme-inc", "sub": 7}, "acme", "", ""),
    ],
)
def test_a_verified_token_is_its_claims_tenant(issuer, payload, tenant, team, user):
    """Claims are paths, or names with dots in them."""
    found = who((f"jwt:{issuer}",), tokens={issuer: payload})
    assert (found.tenant, found.team, found.user, found.method) == (tenant, team, user, "jwt")


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"org": "acme-inc"},
        {"org": {"name": ["acme-inc"]}},
        {"org": {"name": "other"}},
        {"org": {"name": "acme-inc"}, "team": "unknown"},
        {"org": [{"name": "acme-inc"}]},
    ],
)
def test_a_token_of_an_unknown_tenant_or_team_is_nobodys(payload):
    """A team that is not there is not taken for the whole tenant."""
    assert who(("jwt:corp",), tokens={"corp": payload}) == Unknown(shown=True)


def test_a_token_of_another_issuer_does_not_count():
    """Not even where both are known."""
    told = {"urls": {"https://urls.example/org": "acme-inc", "org": {"name": "acme-inc"}}}
    assert isinstance(who(("jwt:corp",), tokens=told), Unknown)


@pytest.mark.parametrize(
    ("name", "tenant"),
    [
        ("spiffe://corp/acme/ci", "acme"),
        ("spiffe://corp/acme/ci/deep", ""),
        ("spiffe://corp/other/ci", ""),
        ("host.acme.example", "acme"),
        ("a.host.acme.example", ""),
        ("", ""),
    ],
)
def test_a_certificate_is_the_tenant_of_its_name(name, tenant):
    """A star stays within one segment, and within one label."""
    found = who(("mtls",), principal=name)
    assert (found.tenant if isinstance(found, Identity) else "") == tenant


def test_ways_are_tried_in_order():
    """The first that knows somebody counts."""
    both = {"key": "acme/ci", "tokens": {"corp": {"org": {"name": "acme-inc"}}}}
    assert who(("keys", "jwt:corp"), CI, **both).method == "keys"
    assert who(("jwt:corp", "keys"), CI, **both).method == "jwt"
    assert who(("keys", "jwt:corp"), CI, tokens=both["tokens"]).method == "jwt"
    assert who(("keys", "none"), CI).method == "none"


def test_nobody_is_let_in_with_a_credential_that_is_none():
    """But with what is none of the gateway's."""
    other = {"authorization": "Bearer sk-else"}
    assert isinstance(who(("keys", "none"), headers=other), Unknown)
    assert isinstance(who(("jwt:corp", "none"), headers=other), Unknown)
    assert who(("none",), headers=other) == Identity("none")
    assert who(("mtls", "none"), headers=other) == Identity("none")
    assert who(("keys", "none"), headers={"authorization": "Basic eDp5"}) == Identity("none")


def test_a_question_shows_no_key():
    """Whoever prints it."""
    assert key_of("acme/ci") not in repr(read_question(question(key="acme/ci")))


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
payloads = st.dictionaries(st.sampled_from(["org", "team", "sub", "name", "org.name"]), values)


@given(payloads)
def test_whatever_is_in_a_token_somebody_or_nobody_comes_of_it(payload):
    """Its issuer may put anything there."""
    found = who(("jwt:corp",), tokens={"corp": payload})
    assert isinstance(found, Unknown) or found.tenant == "acme"
