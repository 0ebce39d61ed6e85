"""A narrowed plan has what its group reaches, and nothing else: least of all a secret."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from compiler.check import check
from compiler.diagnostic import Reporter, Severity
from compiler.lower import lower
from compiler.lower.lowered import Lowered
from compiler.narrow import everything, narrow
from compiler.plan import Plan
from compiler.plan_fleet import NodeGroup
from tests.compiler.random_fleets import RandomFleet, random_fleets
from tests.compiler.stages import FAST, LLM, OPENAI, plan_of, route_names
from xds.node_match import NodeMatch
from xds.references import references
from xds.snapshot import snapshot

FLEETS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BOTH = """
listeners:
  public: { port: 8080, address: 127.0.0.1 }
  internal: { port: 8081, address: 127.0.0.1 }
services: { orders: { endpoints: ["10.0.0.1:80"] }, users: { endpoints: ["10.0.0.2:80"] } }
"""


def lowered(plan: Plan) -> Lowered:
    """Lower and check; a dangling reference is an error of the check."""
    reporter = Reporter()
    made = check(lower(plan, reporter), reporter)
    assert [one for one in reporter.diagnostics if one.severity is Severity.ERROR] == []
    return made


def group(plan: Plan, *, listeners: tuple[str, ...] = (), routes: tuple[str, ...] = ()) -> Plan:
    """Narrow to a group of these; to all of what is not said."""
    whole = everything(plan)
    return narrow(
        plan,
        NodeGroup(
            "part", NodeMatch(), (), listeners or whole.listeners, routes or whole.routes, None
        ),
    )


@FLEETS
@given(random_fleets())
def test_its_resources_are_some_of_the_whole(fleet: RandomFleet):
    """No name is made that the whole gateway does not have, and every reference is closed."""
    whole = {(one.type_url, one.name) for one in lowered(fleet.plan).resources}
    part = {(one.type_url, one.name) for one in lowered(narrow(fleet.plan, fleet.group)).resources}
    assert part <= whole


@FLEETS
@given(random_fleets())
def test_its_secrets_are_what_its_resources_name(fleet: RandomFleet):
    """A secret is there exactly if a cluster or listener of the part asks for it."""
    part = lowered(narrow(fleet.plan, fleet.group))
    named = {
        secret
        for resources in snapshot(part.resources).types.values()
        for one in resources.by_name.values()
        for secret in references(one.body).secrets
    }
    assert {ref.name for ref in part.secrets} == named


@FLEETS
@given(random_fleets())
def test_no_secret_of_others_appears_anywhere(fleet: RandomFleet):
    """What only others reach is in no list of secrets, and its name is in no byte that is sent."""
    part = lowered(narrow(fleet.plan, fleet.group))
    sources = {
        source for ref in part.secrets for source in ref.sources if not source.startswith("system:")
    }
    assert sources == fleet.keys()
    sent = b"".join(
        one.body
        for resources in snapshot(part.resources).types.values()
        for one in resources.by_name.values()
    )
    for foreign in fleet.all_keys() - fleet.keys():
        assert foreign.encode() not in sent


@FLEETS
@given(random_fleets())
def test_narrowing_twice_is_narrowing_once(fleet: RandomFleet):
    """A narrowed plan has nothing left to take away."""
    once = narrow(fleet.plan, fleet.group)
    assert narrow(once, fleet.group) == once


def test_everything_is_the_whole_plan():
    """The group of all listeners and routes loses nothing that is used."""
    plan = plan_of(
        BOTH, "routes: [{ match: /, split: [{ to: orders, weight: 1 }, { to: users, weight: 1 }] }]"
    )
    narrowed = narrow(plan, everything(plan))
    assert (narrowed.listeners, narrowed.routes, narrowed.services) == (
        plan.listeners,
        plan.routes,
        plan.services,
    )


def test_a_route_stays_on_the_listeners_of_the_group():
    """A route of two listeners, in a group with one of them, stands on that one."""
    plan = plan_of(
        BOTH,
        "routes: [{ match: /orders, service: orders }, "
        "{ match: /users, listeners: internal, service: users }]",
    )
    part = group(plan, listeners=("public",))
    assert route_names(part) == ["orders"]
    assert part.routes[0].listeners == ("public",)
    assert [service.name for service in part.services] == ["orders"]


def test_lanes_go_with_their_routes():
    """The table of lanes tells of the group's routes alone."""
    plan = plan_of(
        "listeners: { local: { port: 8080, address: 127.0.0.1 } }",
        OPENAI,
        FAST,
        LLM.replace("[{", "[{ name: llm,").replace("}]", "}, { match: /x, respond: 200 }]"),
    )
    assert {choice.route for choice in group(plan, routes=("llm",)).lanes} == {"llm"}
    rest = group(plan, routes=("x",))
    assert (rest.lanes, rest.models, rest.providers) == ((), (), ())


def test_headers_of_others_are_not_told():
    """What other groups' providers set shows in no resource, not even to be removed."""
    plan = plan_of(
        "listeners: { local: { port: 8080, address: 127.0.0.1 } }",
        "providers: { a: { api: openai, key: env:A }, "
        "b: { api: openai, key: env:B, headers: { x-internal-team: b } } }",
        "models: { m: { targets: [a/x] }, n: { targets: [b/x] } }",
        "routes: [{ match: /a, serve: llm, models: [m], auth: none }, "
        "{ match: /b, serve: llm, models: [n], auth: none }]",
    )
    sent = str([one.message for one in lowered(group(plan, routes=("a",))).resources])
    assert "x-internal-team" in str([one.message for one in lowered(plan).resources])
    assert "x-internal-team" not in sent


def test_redactions_go_with_their_routes():
    """A group gets the keys of those redactions alone that hold for its requests for models."""
    plan = plan_of(
        BOTH,
        OPENAI,
        FAST,
        "redactions: { a: { detect: email, replace: hash, hash_key: 'env:A' }, "
        "b: { detect: iban } }",
        """
        routes:
          - { name: models, match: /v1, serve: llm, auth: none, redact: a, listeners: [public] }
          - { name: more, match: /v2, serve: llm, auth: none, redact: b, listeners: [internal] }
          - { name: orders, match: /orders, service: orders, listeners: [internal] }
        """,
    )
    public = group(plan, listeners=("public",))
    assert [one.name for one in public.redactions] == ["a"]
    assert [one.name for one in group(plan, routes=("more",)).redactions] == ["b"]
    assert group(plan, routes=("orders",)).redactions == ()
