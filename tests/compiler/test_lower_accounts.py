"""What accounts become: the edge's own resources, by group; and nothing where there are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]  # the package has no types

from compiler.check import check
from compiler.diagnostic import Reporter
from compiler.lower import lower
from compiler.lower.accounts.identity import kind_of, pattern
from compiler.lower.lowered import Lowered
from compiler.narrow import narrow
from compiler.plan import Plan
from compiler.plan_accounts import (
    AccessKey,
    Counting,
    Edge,
    Grant,
    JwksUrl,
    Ledger,
    OidcClient,
    Store,
    Team,
)
from compiler.plan_fleet import NodeGroup
from compiler.plan_llm import Choice
from policies.secret import SecretKind, SecretRef
from tests.e2e import llm_gateway as llm
from tests.e2e.account_plans import KEYS, jwt, limit, plan, rest, tenant
from tests.e2e.llm_gateway import AT
from tests.e2e.test_native_identity import issuer
from xds import order
from xds.edge.key_table import KeyTable
from xds.edge.paths import CLUSTER
from xds.edge.resources import KEYS as KEY_SHARDS
from xds.edge.resources import REVOKED, RULES, TYPES
from xds.edge.rules import Rules, read_rules
from xds.identity import stands_for
from xds.node_match import NodeMatch
from xds.resource import Resource

REDIS = SecretRef(SecretKind.GENERIC, ("env:REDIS_URL",))
LEDGER = SecretRef(SecretKind.GENERIC, ("env:LEDGER_URL",))
END = datetime(2036, 1, 31, tzinfo=UTC)


def made() -> Plan:
    """Two models on two routes, a tenant with all that there is."""
    fast = llm.model("fast", "a/gpt-x", aliases=("quick",))
    smart = replace(llm.model("smart", "b/gpt-y"), on_request=True, tags=("eu",), output=99)
    ci = AccessKey("acme/ci", b"a" * 32, None, END, ("fast", "smart"), (limit("2 concurrent"),), AT)
    batch = AccessKey("acme/ml/batch", b"b" * 32, END, None, None, (), AT)
    grant = Grant("smart", None, "bo", "ana", END, "", AT)
    acme = tenant(
        "acme",
        models=("fast", "smart"),
        routes=("llm", "other"),
        limits=(limit("20 requests/minute"), limit("5 requests/second", per_edge=True)),
        keys=(ci,),
        teams=(Team("ml", ("smart",), (limit("5 cost/month"),), (batch,), (), (), AT),),
        grants=(grant, replace(grant, approved_by=None, until=None)),
    )
    return plan(
        replace(llm.serve(fast), auth=(KEYS, jwt())),
        replace(llm.serve(smart, name="other", prefix="/other"), auth=(KEYS,)),
        rest(name="open", path="/open"),
        providers=(
            replace(llm.provider("a", 1), limits=(limit("9 requests/second"),)),
            llm.provider("b", 2),
        ),
        models=(fast, smart),
        tenants=(acme,),
        issuers=(issuer("{}"), issuer("{}", name="unused")),
        counting=Counting(Store("redis", secret=REDIS), timeout_ms=50),
        ledger=Ledger(Store("postgres", secret=LEDGER), 400),
    )


def lowered(one: Plan) -> Lowered:
    reporter = Reporter()
    result = check(lower(one, reporter), reporter)
    assert not reporter.diagnostics
    return result


def rules_of(one: Lowered) -> Rules:
    (found,) = (resource for resource in one.resources if resource.type_url == RULES)
    return read_rules(_body(found))


def _body(resource: Resource) -> bytes:
    message: Any = resource.message
    body: bytes = message.body
    return body


def table_of(one: Lowered) -> KeyTable:
    shards = {r.name: _body(r) for r in one.resources if r.type_url == KEY_SHARDS}
    return KeyTable().with_shards(shards)


def test_rules_say_what_an_edge_decides_by():
    """Nothing of routes that it has no part in, of issuers that nobody asks, of Envoy's limits."""
    rules = rules_of(lowered(made()))
    assert set(rules.routes) == {"llm", "other"}
    assert rules.routes["llm"].auth == ("keys", "jwt:corp")
    assert (rules.routes["llm"].prefix, rules.routes["llm"].models) == ("/v1", ("fast",))
    assert set(rules.issuers) == {"corp"}
    assert rules.issuers["corp"].tenant_claim == "org"
    acme = rules.tenants["acme"]
    assert [one.text for one in acme.limits] == ["20 requests/minute"]
    assert [(one.model, one.until) for one in acme.grants] == [("smart", int(END.timestamp()))]
    assert acme.teams["ml"].models == ("smart",)
    smart = rules.models["smart"]
    assert (smart.on_request, smart.output, smart.tags) == (True, 99, ("eu",))
    assert (smart.input_price, smart.output_price) == (150_000, 600_000)
    assert (smart.providers, smart.seconds) == (("b",), 20.0)
    assert rules.models["fast"].names == ("fast", "quick")
    assert set(rules.providers) == {"a"}
    assert (rules.counters.secret, rules.counters.embedded) == (REDIS.name, False)
    assert rules.counters.timeout_ms == 50
    assert (rules.ledger.kind, rules.ledger.secret) == ("postgres", LEDGER.name)
    assert rules.ledger.retention_days == 400


def test_where_nothing_is_said_of_it_the_edge_asks_nobody():
    """A route may want an edge for something else, such as counting what is under way."""
    counted = rest(limits=(limit("2 concurrent"),))
    assert rules_of(lowered(plan(counted))).routes["orders"].auth == ("none",)


def test_rules_name_the_targets_of_each_group_where_a_model_chooses_by_latency():
    """And what all of them are limited to is reserved: each may be the first."""
    chain = llm.model("fast", "a/gpt-x", "b/gpt-y")
    providers = (llm.provider("a", 1), llm.provider("b", 2))
    for choice, latency, providers_first in (
        (Choice.ORDER, (), ("a",)),
        (Choice.LATENCY, (("a/gpt-x",), ("b/gpt-y",)), ("a", "b")),
    ):
        model = replace(chain, choice=choice)
        route = replace(llm.serve(model), auth=(KEYS,))
        told = rules_of(lowered(plan(route, models=(model,), providers=providers))).models["fast"]
        assert told.latency == latency
        assert told.providers == providers_first
        assert {*told.providers, *told.fallbacks} == {"a", "b"}


def test_keys_are_there_by_their_digests():
    """Of tenants and of teams, with the times between which they are good."""
    table = table_of(lowered(made()))
    ci, batch = table.lookup(b"a" * 32), table.lookup(b"b" * 32)
    assert (ci.id, ci.tenant, ci.team, ci.starts) == ("acme/ci", "acme", "", 0)
    assert ci.expires == int(END.timestamp())
    assert [one.text for one in ci.limits] == ["2 concurrent"]
    assert (batch.id, batch.team, batch.starts) == ("acme/ml/batch", "ml", int(END.timestamp()))


def test_a_group_is_told_of_its_own_routes_models_and_providers_alone():
    """Tenants are everybody's, with what is left of what they may use."""
    whole = made()
    group = NodeGroup("one", NodeMatch(), (), ("public",), ("llm", "open"), AT)
    one = lowered(narrow(whole, group))
    rules = rules_of(one)
    assert set(rules.routes) == {"llm"}
    assert set(rules.models) == {"fast"}
    assert set(rules.providers) == {"a"}
    acme = rules.tenants["acme"]
    assert (acme.models, acme.routes, acme.grants) == (("fast",), ("llm",), ())
    assert acme.teams["ml"].models == ()
    assert table_of(one).lookup(b"a" * 32).models == ("fast",)
    other = replace(group, routes=("other",))
    assert rules_of(lowered(narrow(whole, other))).issuers == {}
    nothing = lowered(narrow(whole, replace(group, routes=("open",), name="none")))
    assert LEDGER in nothing.secrets  # its requests are nobody's, and the ledger is the gateway's
    bare = replace(whole, ledger=Ledger())
    nothing = lowered(narrow(bare, replace(group, routes=("open",))))
    assert not [one for one in nothing.resources if one.type_url in TYPES]
    assert not {REDIS, LEDGER} & set(nothing.secrets)


def test_the_edges_secrets_are_served_with_those_of_its_envoy():
    """And the issuers' with their clients."""
    assert {REDIS, LEDGER} <= set(lowered(made()).secrets)
    refs = [SecretRef(SecretKind.GENERIC, (f"env:{name}",)) for name in ("S", "C")]
    there = JwksUrl("https", "login.example", 443, "/token")
    client = OidcClient("gw", *refs, "https://login.example/a", there, "/cb", "/out", ())
    with_client = replace(made(), issuers=(issuer("{}", client=client), issuer("{}", name="b")))
    system = SecretRef(SecretKind.TRUST, ("system:",))
    assert {*refs, system} <= set(lowered(with_client).secrets)


def test_without_accounts_there_is_nothing_of_them():
    """No cluster, no filter, no resource."""
    bare = llm.plan([llm.provider("a", 1)], [llm.model("fast", "a/gpt-x")])
    one = lowered(bare)
    assert not [resource for resource in one.resources if resource.type_url in TYPES]
    text = repr([resource.message for resource in one.resources])
    for word in ("ext_authz", "gatewright.account", "x-gatewright-tenant", CLUSTER):
        assert word not in text
    with_tenants = replace(bare, tenants=(tenant("acme"),), edge=Edge(workers=9))
    assert lowered(with_tenants).resources == one.resources


def test_one_worker_is_one_endpoint():
    """In the edge's folder, by its number; the cluster is the same for any number of them."""

    def of(workers: int) -> tuple[Any, Any]:
        plan = replace(made(), edge=Edge(folder="/run/edge/", workers=workers))
        found = [one.message for one in lowered(plan).resources if one.name == CLUSTER]
        cluster, endpoints = sorted(found, key=lambda one: one.DESCRIPTOR.name)
        return cluster, endpoints

    cluster, endpoints = of(3)
    paths = [
        host.endpoint.address.pipe.path
        for locality in endpoints.endpoints
        for host in locality.lb_endpoints
    ]
    assert paths == [f"/run/edge/worker-{number}.sock" for number in range(3)]
    assert of(1)[0] == cluster


def test_an_edge_is_served_before_the_listeners_that_ask_it():
    """Its types are called the same by who orders them and who makes them."""
    assert (order.EDGE_RULES, order.EDGE_KEYS, order.EDGE_REVOKED) == (RULES, KEY_SHARDS, REVOKED)
    for url in TYPES:
        assert order.rank(url) < order.rank(order.LISTENER)
    assert order.rank(REVOKED) < order.rank(KEY_SHARDS) < order.rank(RULES)


LUA = LuaRuntime()
_NAMES = st.text("ab-/.%[", max_size=8)
_GLOBS = st.text("ab-/.*", min_size=1, max_size=8)


@given(st.sampled_from(["", "spiffe://a/"]), _GLOBS, st.sampled_from(["", "spiffe://a/"]), _NAMES)
def test_envoy_and_edge_read_a_glob_alike(where, glob, there, name):
    """Whose certificate it is must not depend on who is asked."""
    made, named = where + glob, there + name
    fits = LUA.eval("function(name, glob) return string.find(name, glob) ~= nil end")
    if kind_of(made) == "uri":
        found = fits(named, pattern(made))
    else:
        found = "://" not in named and fits(named.lower().rstrip("."), pattern(made))
    assert found == stands_for(made, named)


def test_a_glob_is_a_pattern_of_luas():
    """Only a star is special; what is special to Lua is not."""
    assert pattern("spiffe://corp/a-b/*") == "^spiffe://corp/a%-b/[^/]*$"
    assert pattern("spiffe://corp/**/api") == "^spiffe://corp/.*/api$"
    assert pattern("*.acme.example") == "^[^.]*%.acme%.example$"
