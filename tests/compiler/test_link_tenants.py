"""Tenants from text to plan: what each has in the end, its keys, its grants."""

from datetime import UTC, datetime
from hashlib import sha256

from tests.compiler.stages import LISTENER, OPENAI, codes, finding, plan_of

MODELS = """
models:
  fast: { targets: [openai/gpt-4o-mini], tags: [eu, small], aliases: [quick] }
  smart: { targets: [openai/gpt-4o], tags: [eu] }
  gpt-big: { targets: [openai/gpt-4o] }
  opus: { targets: [openai/gpt-4o], access: on_request }
  default: fast
"""
ROUTES = """
services: { orders: { endpoints: ["10.0.0.1:80"] } }
routes:
  - { name: llm, match: /v1, serve: llm, auth: keys }
  - { name: orders, match: /orders, service: orders, auth: keys, tags: [internal] }
  - { match: /hr/people, service: orders, auth: keys, access: on_request }
"""
HASHES = [sha256(b"%d" % number).hexdigest() for number in range(2)]


def gateway(*parts):
    return plan_of(LISTENER, OPENAI, MODELS, ROUTES, *parts)


def tenant(text, *more, name="acme"):
    plan = gateway("tenants:\n  " + text, *more)
    return next(one for one in plan.tenants if one.name == name)


def test_names_globs_tags_and_aliases():
    """Whatever chooses models, the plan has their own names, sorted and once."""
    assert tenant("acme: { models: [quick, default] }").models == ("fast",)
    assert tenant("acme: { models: ['tag:eu'] }").models == ("fast", "smart")
    assert tenant("acme: { models: ['gpt-*', smart, 'tag:eu'] }").models == (
        "fast",
        "gpt-big",
        "smart",
    )
    assert tenant("acme: { models: quick }").models == ("fast",)
    assert tenant("acme: { models: [] }").models == ()


def test_unwritten_is_all():
    """None stands for all that there are, also those of tomorrow."""
    has = tenant("acme: {}")
    assert (has.models, has.routes, has.limits, has.addresses) == (None, None, (), ())
    assert has.claims == ("acme",)


def test_routes_by_name_and_tag():
    """Routes are chosen like models; those without a name have the one that is made of them."""
    assert tenant("acme: { routes: ['tag:internal'] }").routes == ("orders",)
    assert tenant("acme: { routes: [hr_people, 'l*'] }").routes == ("hr_people", "llm")


TIERS = """
tiers:
  free: { models: [fast], limits: [20 requests/minute, 50k tokens/day], tags: [small] }
  pro: { extends: free, models: [fast, smart], budget: 500 USD/month }
  gold: { extends: pro, routes: [llm], addresses: [10.0.0.0/8] }
"""


def test_a_tenant_has_what_its_tier_has():
    """Key by key, from the nearest tier that has it."""
    has = tenant("acme: { tier: gold }", TIERS)
    assert has.models == ("fast", "smart")
    assert has.routes == ("llm",)
    assert has.tags == ("small",)
    assert has.addresses == ("10.0.0.0/8",)
    assert [one.limit.id for one in has.limits] == [
        "tenant/acme/requests/minute",
        "tenant/acme/tokens/day",
        "tenant/acme/cost/month/budget",
    ]
    assert {one.limit.owner for one in has.limits} == {"tenant `acme`"}


def test_a_written_key_replaces_the_tiers_as_a_whole():
    """Nothing is merged: who writes limits writes all of them."""
    has = tenant("acme: { tier: gold, limits: [5 requests/second], models: [smart] }", TIERS)
    assert has.models == ("smart",)
    assert [one.limit.text for one in has.limits] == ["5 requests/second", "500 USD/month"]
    assert tenant("acme: { tier: gold, limits: [], budget: [] }", TIERS).limits == ()


def test_origins_tell_where_each_value_comes_from():
    """Every effective key has its source, its place, and what lost to it, nearest first."""
    has = tenant("acme: { tier: gold, limits: [5 requests/second] }", TIERS)
    origins = {one.key: one for one in has.origins}
    assert list(origins) == [
        *("models", "routes", "limits", "budget", "tags", "addresses", "redact")
    ]
    assert origins["limits"].source == "tenant"
    assert origins["limits"].value == "5 requests/second"
    assert origins["limits"].overrides == (("tier free", "20 requests/minute, 50k tokens/day"),)
    assert origins["models"].source == "tier pro"
    assert origins["models"].overrides == (("tier free", "fast"),)
    assert origins["routes"].source == "tier gold"
    assert origins["tags"].value == "small"
    none = {one.key: one for one in tenant("acme: {}").origins}
    assert {(one.source, one.at) for one in none.values()} == {("default", None)}
    assert none["models"].value == "all"


def test_keys_have_ids_hashes_and_times():
    """A text is a hash; ids say whose the key is."""
    has = tenant(
        f"acme: {{ keys: {{ ci: {HASHES[0]}, ab: {{ sha256: {HASHES[1].upper()}, "
        f"starts: 2027-01-01, expires: '2027-01-31T12:00:00+02:00', models: [quick], "
        f"limits: [2 concurrent] }} }} }}"
    )
    ab, ci = has.keys
    assert (ab.id, ci.id) == ("acme/ab", "acme/ci")
    assert ci.sha256 == bytes.fromhex(HASHES[0])
    assert (ci.starts, ci.expires, ci.models) == (None, None, None)
    assert ab.sha256 == bytes.fromhex(HASHES[1])
    assert ab.starts == datetime(2027, 1, 1, tzinfo=UTC)
    assert ab.expires == datetime(2027, 1, 31, 10, tzinfo=UTC)
    assert ab.models == ("fast",)
    assert ab.limits[0].limit.id == "key/acme/ab/concurrent"


def test_a_key_that_is_rotated_is_there_twice():
    """Both are good under one id until the old one's end, which is not after the key's own."""
    new, old = tenant(
        f"acme: {{ keys: {{ ci: {{ sha256: {HASHES[0]}, expires: 2027-01-15, "
        f"previous: {{ sha256: {HASHES[1]}, until: 2027-01-31 }} }} }} }}"
    ).keys
    assert (new.id, old.id) == ("acme/ci", "acme/ci")
    assert old.sha256 == bytes.fromhex(HASHES[1])
    assert old.expires == datetime(2027, 1, 15, tzinfo=UTC)


def test_a_revoked_key_is_not_there():
    """Neither is the one that it took the place of."""
    assert (
        tenant(
            f"acme: {{ keys: {{ ci: {{ sha256: {HASHES[0]}, revoked: 2026-01-01, "
            f"previous: {{ sha256: {HASHES[1]}, until: 2027-01-31 }} }} }} }}"
        ).keys
        == ()
    )


def test_teams_are_parts_with_limits_and_keys():
    """Ids of keys and limits name the tenant and the team."""
    (team,) = tenant(
        f"acme: {{ teams: {{ search: {{ models: [quick], budget: 50 USD/month, tags: [b, a], "
        f"keys: {{ batch: {HASHES[0]} }} }} }} }}"
    ).teams
    assert team.models == ("fast",)
    assert team.tags == ("a", "b")
    assert team.keys[0].id == "acme/search/batch"
    limit = team.limits[0].limit
    assert limit.id == "team/acme/search/cost/month/budget"
    assert limit.owner == "team `acme/search`"
    assert (limit.amount, limit.budget) == (50 * 10**9, True)


def test_grants_name_models_by_their_own_names():
    """An alias in a grant is the model that it means; pending ones are there without effect."""
    grants = tenant(
        "acme: { models: [smart], grants: [{ model: quick, approved_by: ana, until: 2027-03-01 }, "
        "{ route: hr_people, requested_by: bob }] }"
    ).grants
    assert [(one.model, one.route, one.approved_by) for one in grants] == [
        ("fast", None, "ana"),
        (None, "hr_people", None),
    ]
    assert grants[0].until == datetime(2027, 3, 1, tzinfo=UTC)


def test_a_team_may_use_what_its_tenant_was_granted():
    """It is the tenant's as well, although it is not among its `models`."""
    text = f"tenants: {{ acme: {{ models: [fast], keys: {{ ci: {HASHES[0]} }}, "
    text += "teams: { search: { models: [opus] } }"
    grant = ", grants: [{ model: opus, requested_by: bo, approved_by: ana }]"
    assert codes(LISTENER, OPENAI, MODELS, ROUTES, text + grant + " } }") == []
    assert codes(LISTENER, OPENAI, MODELS, ROUTES, text + " } }") == ["not-of-tenant"]


def test_a_pending_grant_is_warned_of():
    """It has no effect until somebody approves it."""
    said = finding(
        LISTENER,
        OPENAI,
        MODELS,
        ROUTES,
        f"tenants: {{ acme: {{ keys: {{ ci: {HASHES[0]} }}, "
        "grants: [{ model: opus, requested_by: bob }] } }",
    )
    assert (said.code, said.severity) == ("pending-grant", "warning")
    assert "bob asked" in said.message


def test_a_key_itself_is_never_repeated():
    """What begins like a key is refused as one, and stands in no word of the diagnostic."""
    canary = "gw_canary0123456789canary0123456789"
    said = finding(LISTENER, f"tenants: {{ acme: {{ keys: {{ ci: {canary} }} }} }}")
    assert said.code == "inline-secret"
    assert canary not in said.message + said.hint + said.whole
    said = finding(LISTENER, f"tenants: {{ acme: {{ keys: {{ ci: {canary[3:]} }} }} }}")
    assert said.code == "bad-sha256"
    assert canary[3:] not in said.message + said.hint + said.whole


def test_two_keys_are_one():
    """The same hash in two places, whatever its letters, shows both of them."""
    many = "a" * 63
    said = finding(
        LISTENER,
        f"tenants:\n  acme: {{ keys: {{ ci: {{ sha256: {many}1, revoked: 2026-01-01 }} }} }}\n"
        f"  other: {{ teams: {{ t: {{ keys: {{ ci: {many.upper()}1 }} }} }} }}",
        code="duplicate-key",
    )
    assert "`other/t/ci`" in said.message
    assert said.labels[0][0] == f"{many}1"


def test_faults_of_tiers_are_told_once():
    """A tenant in a tier with a wrong choice adds nothing."""
    assert codes(
        LISTENER,
        OPENAI,
        MODELS,
        ROUTES,
        "tiers: { free: { models: [nope] } }",
        "tenants: { acme: { tier: free }, other: { tier: free } }",
    ) == ["unknown-model"]


def test_what_is_wrong_elsewhere_is_not_unknown_here():
    """A route or model that is left out because of a fault is still there to be chosen."""
    found = codes(
        LISTENER,
        OPENAI,
        "models: { a: b, b: a }",
        "routes: [{ name: x, match: /a }]",
        "tenants: { acme: { models: [a], routes: [x] } }",
    )
    assert sorted(found) == ["alias-cycle", "no-action"]
