"""How a route's requests are admitted: by the cheapest mechanism that is right, with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from compiler.guards import Carrier, choose_guards, needs_body, needs_edge, people_of
from compiler.plan import Plan, Respond, Route
from compiler.plan_accounts import AccessKey, Edge, Grant, Ledger, Store, Team
from compiler.plan_llm import Choice
from tests.e2e import llm_gateway as llm
from tests.e2e.account_plans import KEYS, MTLS, NOBODY, jwt, limit, plan, rest, tenant
from tests.e2e.llm_gateway import AT
from xds.edge.limit import Each

FAST = llm.model("fast", "a/gpt-x")


def models(*auth, **more) -> Route:
    return replace(llm.serve(FAST), auth=auth, **more)


def chosen(route: Route, **more) -> tuple[Carrier, str]:
    """The guard of the first route of a plan."""
    made = planned(route, **more)
    first = choose_guards(made)[0]
    return first.carrier, first.reason


def planned(route: Route, **more) -> Plan:
    more = {"models": (FAST,), "providers": (llm.provider("a", 1),), **more}
    return plan(route, **more)


def team(name: str, *limits, models: tuple[str, ...] | None = None) -> Team:
    return Team(name, models, limits, (), (), (), AT)


def key(*limits) -> AccessKey:
    return AccessKey("acme/ci", b"x" * 32, None, None, None, limits, AT)


@pytest.mark.parametrize("route", [rest(), rest(NOBODY), models(), models(NOBODY)])
def test_where_nobody_is_asked_and_nothing_limited_nothing_stands_in_the_way(route):
    """As in every policy that says nothing of accounts."""
    assert chosen(route)[0] is Carrier.NATIVE
    assert not needs_edge(planned(route))


@pytest.mark.parametrize("route", [rest(jwt()), rest(MTLS), rest(jwt(), NOBODY), models(jwt())])
def test_tokens_and_certificates_are_envoys_own(route):
    """Tenants with routes, addresses and claims of their own make no difference."""
    known = tenant("acme", routes=("orders", "llm"), addresses=("10.0.0.0/8",), claims=("x",))
    assert chosen(route, tenants=(known,))[0] is Carrier.NATIVE


@pytest.mark.parametrize("route", [rest(KEYS), rest(jwt(), KEYS, NOBODY), models(KEYS)])
def test_keys_need_the_edge(route):
    """Whatever else a route takes."""
    assert chosen(route) == (Carrier.EDGE, "a key is known to the edge alone")


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ({"models": ("fast",)}, "tenant `acme` has some models only"),
        ({"teams": (team("ml", models=()),)}, "a team of tenant `acme` has some models only"),
    ],
)
def test_access_to_models_needs_the_edge_where_it_is_not_everybodys(who, reason):
    """On routes of models alone."""
    tenants = (tenant("acme", **who),)
    assert chosen(models(jwt()), tenants=tenants) == (Carrier.EDGE, reason)
    assert chosen(rest(jwt()), tenants=tenants)[0] is Carrier.NATIVE
    assert chosen(models(), tenants=tenants)[0] is Carrier.NATIVE


def test_models_on_request_need_the_edge():
    """Grants are the tenants' own, and end."""
    asked = replace(FAST, on_request=True)
    assert chosen(models(jwt()), models=(asked,), tenants=(tenant("acme"),))[0] is Carrier.EDGE


def test_a_fallback_to_a_provider_with_limits_needs_the_edge():
    """A rate-limit service is asked before anybody knows who will serve."""
    chain = llm.model("fast", "a/gpt-x", "b/gpt-y")
    for limited, carrier in (("a", Carrier.RATELIMIT), ("b", Carrier.EDGE)):
        providers = tuple(
            replace(one, limits=(limit("20 requests/minute"),)) if one.name == limited else one
            for one in (llm.provider("a", 1), llm.provider("b", 2))
        )
        made = chosen(models(NOBODY), models=(chain,), providers=providers)
        assert made[0] is carrier
        assert carrier is Carrier.RATELIMIT or "`b` has limits" in made[1]


def test_a_model_that_chooses_by_latency_needs_the_edge():
    """Whoever asks; with one group there is nothing to choose."""
    chain = replace(llm.model("fast", "a/gpt-x", "b/gpt-y"), choice=Choice.LATENCY)
    one = replace(FAST, choice=Choice.LATENCY)
    providers = (llm.provider("a", 1), llm.provider("b", 2))
    carrier, reason = chosen(models(NOBODY), models=(chain,), providers=providers)
    assert carrier is Carrier.EDGE
    assert reason.startswith("model `fast` chooses by latency")
    assert chosen(models(NOBODY), models=(one,))[0] is Carrier.NATIVE
    assert chosen(rest(), models=(chain,), providers=providers)[0] is Carrier.NATIVE


def test_a_grant_of_a_route_needs_the_edge_when_it_ends():
    """Envoy's filters have no clock for it."""
    grant = Grant(None, "orders", "bo", "ana", None, "", AT)
    route = rest(jwt(), on_request=True)
    known = tenant("acme", grants=(grant,))
    assert chosen(route, tenants=(known,))[0] is Carrier.NATIVE
    until = replace(grant, until=datetime(2036, 1, 1, tzinfo=UTC))
    known = tenant("acme", grants=(until,))
    assert chosen(route, tenants=(known,))[0] is Carrier.EDGE
    pending = replace(until, approved_by=None)
    assert chosen(route, tenants=(tenant("acme", grants=(pending,)),))[0] is Carrier.NATIVE


@pytest.mark.parametrize(
    ("text", "more", "carrier"),
    [
        ("20 requests/minute", {}, Carrier.RATELIMIT),
        ("20 requests/minute", {"each": Each.CLIENT}, Carrier.RATELIMIT),
        ("20 requests/minute", {"each": Each.TENANT}, Carrier.RATELIMIT),
        ("20 requests/minute", {"each": Each.USER}, Carrier.EDGE),
        ("20 requests/minute", {"each": Each.KEY}, Carrier.EDGE),
        ("4 concurrent", {}, Carrier.EDGE),
        ("1000 tokens/day", {}, Carrier.EDGE),
        ("20 requests/minute", {"per_edge": True}, Carrier.NATIVE),
    ],
)
def test_a_limit_goes_to_who_can_count_it(text, more, carrier):
    """At whatever place it was written."""
    one = limit(text, **more)
    route, known = models(jwt()), tenant("acme")
    for places in (
        {"limits": (one,)},
        {"models": (replace(FAST, limits=(one,)),)},
        {"providers": (replace(llm.provider("a", 1), limits=(one,)),)},
        {"tenants": (tenant("acme", limits=(one,)),)},
        {"tenants": (tenant("acme", teams=(team("ml", one),)),)},
    ):
        assert chosen(route, **{"tenants": (known,), **places})[0] is carrier, places
    assert chosen(replace(route, limits=(one,)), tenants=(known,))[0] is carrier


def test_what_only_models_use_limits_no_other_routes():
    """A budget of the gateway costs a service's requests nothing."""
    for text in ("1000 tokens/day", "5 cost/month"):
        assert chosen(rest(jwt()), limits=(limit(text),))[0] is Carrier.NATIVE
    assert chosen(rest(jwt()), limits=(limit("4 concurrent"),))[0] is Carrier.EDGE


def test_a_tenants_limits_need_its_name():
    """Where nobody is asked there is none; where nobody has to be one, each has to be looked at."""
    known = tenant("acme", limits=(limit("20 requests/minute"),))
    assert chosen(rest(), tenants=(known,))[0] is Carrier.NATIVE
    each = (limit("9 requests/minute", each=Each.TENANT),)
    assert chosen(rest(jwt(), NOBODY, limits=each), tenants=(known,))[0] is Carrier.EDGE


def test_a_keys_limits_are_no_business_of_tokens():
    """Only a route that takes keys is under them."""
    known = tenant("acme", keys=(key(limit("4 concurrent")),))
    assert chosen(rest(jwt()), tenants=(known,))[0] is Carrier.NATIVE


def test_envoy_asks_no_rate_limit_service_where_it_answers_itself():
    """So that an edge has to be asked."""
    answers = replace(rest(), action=Respond(200, "", "text/plain"))
    carrier, reason = chosen(answers, limits=(limit("9 requests/second"),))
    assert carrier is Carrier.EDGE
    assert "answers itself" in reason


def test_a_rate_limit_service_of_yours_needs_no_edge():
    """Unless there is a ledger to write."""
    made = replace(planned(rest(), limits=(limit("9 requests/second"),)))
    made = replace(made, routes=made.routes[:1])
    assert needs_edge(made)
    yours = replace(made, edge=Edge(ratelimit="limits.internal:8081"))
    assert not needs_edge(yours)
    assert needs_edge(replace(yours, ledger=Ledger(Store("embedded"))))


@pytest.mark.parametrize(
    ("places", "needed"),
    [
        ({}, False),
        ({"limits": (limit("9 requests/second"),)}, False),
        ({"limits": (limit("1000 tokens/day"),)}, True),
        ({"tenants": (tenant("acme", limits=(limit("1000 input tokens/day"),)),)}, True),
        ({"tenants": (tenant("acme", keys=(key(limit("5 cost/month")),)),)}, True),
        ({"providers": (replace(llm.provider("a", 1), limits=(limit("5 cost/day"),)),)}, True),
        ({"providers": (replace(llm.provider("b", 1), limits=(limit("5 cost/day"),)),)}, False),
    ],
)
def test_a_body_is_looked_into_where_it_may_be_limited_by_tokens_or_cost(places, needed):
    """By any limit that the request may be under; a provider that is not the model's has no say."""
    route = models(KEYS)
    more = dict(places)
    if "providers" in more:
        more["providers"] = tuple(
            {one.name: one for one in (llm.provider("a", 1), *more["providers"])}.values()
        )
    made = planned(route, **more)
    assert needs_body(made, route, "fast", people_of(made)) is needed
