"""The plan: defaults filled in, references resolved, prices attached, old Envoys refused."""

from datetime import timedelta

import pytest

from compiler.plan import (
    Branch,
    EndpointAddress,
    Forward,
    Lane,
    Redirect,
    Resolution,
    Respond,
    Serve,
)
from compiler.plan_llm import Api, Fallback, Price, Trigger, Trust, Url
from policies.body_limit import BodyLimit
from policies.secret import SecretKind, SecretRef
from policies.timeout import RequestTimeout
from tests.compiler.stages import FAST, LISTENER, LLM, OPENAI, finding, plan_of, route

TWO = """
providers:
  openai: { api: openai }
  backup: { api: openai, url: "https://llm.example/v1/" }
  claude: { api: anthropic, key: file:keys/claude, trust: internal }
"""
ORDERS = "services: { orders: { endpoints: ['10.0.0.1:80'] }, next: { endpoints: ['next:80'] } }"


def one_route(text, *more):
    return plan_of(LISTENER, ORDERS, *more, f"routes: [{text}]").routes[0]


def one_model(text, *more):
    return plan_of(LISTENER, TWO, f"models: {{ m: {text} }}", LLM, *more).models[0]


def applied(thing, kind):
    return next((one.plan for one in thing.policies if one.kind == kind), None)


def test_name_and_version():
    """The oldest Envoy is two numbers."""
    plan = plan_of('envoy: "1.38.2"', LISTENER)
    assert (plan.name, plan.envoy) == ("edge", (1, 38))


def test_listener_defaults():
    """A listener listens everywhere unless told otherwise."""
    listener = plan_of("listeners: { public: 8080 }").listeners[0]
    assert (listener.name, listener.address, listener.port) == ("public", "0.0.0.0", 8080)


def test_official_urls():
    """A provider without a URL is the one that made the API."""
    providers = {one.name: one for one in plan_of(TWO).providers}
    assert providers["openai"].url == Url("https", "api.openai.com", 443, "/v1")
    assert providers["claude"].url == Url("https", "api.anthropic.com", 443, "/v1")


def test_url_without_its_last_slash():
    """A slash at the end of a URL means nothing."""
    providers = {one.name: one for one in plan_of(TWO).providers}
    assert providers["backup"].url == Url("https", "llm.example", 443, "/v1")


def test_url_with_a_port():
    """A URL may be a machine of ours."""
    plan = plan_of("providers: { o: { api: openai, url: 'http://[::1]:8000' } }")
    assert plan.providers[0].url == Url("http", "::1", 8000, "")


def test_provider_fields():
    """A key is a reference, trust and API are words."""
    claude = {one.name: one for one in plan_of(TWO).providers}["claude"]
    assert claude.key == SecretRef(SecretKind.GENERIC, ("file:keys/claude",))
    assert (claude.api, claude.trust) == (Api.ANTHROPIC, Trust.INTERNAL)


def test_headers_of_a_provider_are_sorted():
    """Names are small and sorted."""
    plan = plan_of("providers: { o: { api: openai, headers: { X-B: '1', X-A: '2' } } }")
    assert plan.providers[0].headers == (("x-a", "2"), ("x-b", "1"))


def test_connect_timeouts():
    """The gateway's default holds for services and providers that say nothing."""
    plan = plan_of(
        "defaults: { connect_timeout: 5s }",
        "providers: { a: { api: openai }, b: { api: openai, connect_timeout: 1s } }",
        "services: { s: { endpoints: ['a:80'] } }",
    )
    assert [one.connect_timeout for one in plan.providers] == [
        timedelta(seconds=5),
        timedelta(seconds=1),
    ]
    assert plan.services[0].connect_timeout == timedelta(seconds=5)


@pytest.mark.parametrize(
    ("text", "resolution"),
    [
        ("endpoints: ['10.0.0.1:80']", Resolution.STATIC),
        ("endpoints: ['[::1]:80']", Resolution.STATIC),
        ("endpoints: ['orders:80']", Resolution.DNS),
        ("endpoints: ['orders:80'], resolve: logical_dns", Resolution.LOGICAL_DNS),
    ],
)
def test_resolution(text, resolution):
    """IP addresses are used as they are, names are looked up as asked."""
    assert plan_of(f"services: {{ s: {{ {text} }} }}").services[0].resolution is resolution


def test_endpoints_are_sorted():
    """The order of endpoints in the text means nothing."""
    text = """
    services:
      s:
        endpoints:
          - { address: "10.0.0.9:80", priority: 1, zone: b, weight: 3 }
          - 10.0.0.2:80
          - 10.0.0.1:80
    """
    assert plan_of(text).services[0].endpoints == (
        EndpointAddress("10.0.0.1", 80, 1, 0, ""),
        EndpointAddress("10.0.0.2", 80, 1, 0, ""),
        EndpointAddress("10.0.0.9", 80, 3, 1, "b"),
    )


def test_a_chain():
    """Plain targets are groups of one, and each is tried once by default."""
    model = one_model("{ targets: [openai/a, backup/b] }")
    assert [[t.model for t in group.targets] for group in model.groups] == [["a"], ["b"]]
    assert model.fallback == Fallback(
        (
            Trigger.RATE_LIMITED,
            Trigger.OVERLOADED,
            Trigger.TIMEOUT,
            Trigger.CONNECT_FAILURE,
        ),
        None,
        2,
        gate=True,
    )


def test_a_split():
    """Weighted targets are one group, and nothing is gone on to."""
    model = one_model("{ targets: [{ to: openai/b, weight: 1 }, { to: backup/a, weight: 3 }] }")
    assert [[(t.model, t.weight) for t in g.targets] for g in model.groups] == [
        [("a", 3), ("b", 1)]
    ]
    assert (model.fallback.on, model.fallback.attempts) == ((), 1)


def test_a_split_in_a_chain():
    """An inner list is a group."""
    model = one_model(
        "{ targets: [[{ to: openai/a, weight: 8 }, { to: backup/b, weight: 2 }], openai/c] }"
    )
    assert [len(group.targets) for group in model.groups] == [2, 1]


def test_a_group_without_weights_shares_evenly():
    """An inner list without weights draws each target alike."""
    model = one_model("{ targets: [[openai/a, backup/b], openai/c] }")
    assert [t.weight for t in model.groups[0].targets] == [1, 1]


def test_a_target_without_a_share():
    """A weight of 0 takes a target out, and what is left of a group needs no weight."""
    model = one_model("{ targets: [{ to: openai/a, weight: 90 }, { to: backup/b, weight: 0 }] }")
    assert [(t.model, t.weight) for t in model.groups[0].targets] == [("a", 1)]


def test_fallback_as_written():
    """What is written holds; triggers have one order."""
    model = one_model(
        "{ targets: [openai/a, backup/b], timeout: 5m, fallback: "
        "{ on: [server_error, rate_limited], attempt_timeout: 20s } }"
    )
    assert model.fallback.on == (Trigger.RATE_LIMITED, Trigger.SERVER_ERROR)
    assert model.fallback.attempt_timeout == timedelta(seconds=20)
    assert model.timeout == timedelta(minutes=5)


def test_timeout_of_models():
    """The gateway's default holds for models that say nothing."""
    model = one_model("{ targets: [openai/a] }", "defaults: { model_timeout: 1m }")
    assert model.timeout == timedelta(minutes=1)


def test_price_from_the_shipped_data():
    """A known model of a known provider has a price, in pico-USD a token."""
    price = one_model("{ targets: [openai/gpt-4o-mini] }").groups[0].targets[0].price
    assert (price.input, price.output, price.cached_input) == (150_000, 600_000, 75_000)
    assert "gpt-4o-mini" in price.source


def test_price_as_written():
    """A price in the file takes the place of the shipped one as a whole."""
    model = one_model(
        "{ targets: [openai/gpt-4o-mini] }",
        "prices: { openai/gpt-4o-mini: "
        "{ input: 0.10 USD/1M tokens, output: 0.002 USD/1k tokens } }",
    )
    assert model.groups[0].targets[0].price == Price(100_000, 2_000_000, None, "policy")


def test_price_of_the_unknown():
    """Nobody knows the price of a model elsewhere, and its lane says so."""
    plan = plan_of(LISTENER, TWO, "models: { m: { targets: [backup/gpt-4o] } }", LLM)
    assert plan.models[0].groups[0].targets[0].price is None
    assert plan.lanes[0].reason.endswith("its price is not known")


def test_timeout_of_forwarding_routes():
    """A route to a service has the gateway's timeout unless it says its own."""
    more = "defaults: { timeout: 3s }"
    default = one_route("{ match: /, service: orders }", more)
    written = one_route("{ match: /, service: orders, timeout: none }", more)
    assert applied(default, "timeout") == RequestTimeout(timedelta(seconds=3))
    assert applied(written, "timeout") == RequestTimeout(timedelta(0))


def test_a_default_has_the_place_of_its_line():
    """What a default did is shown at the default, and at the route where nothing is written."""
    text = "defaults: { timeout: 3s }"
    default = one_route("{ match: /, service: orders }", text)
    built_in = one_route("{ match: /, service: orders }")
    assert default.policies[0].at.line == 5
    assert built_in.policies[0].at.line == 5
    assert built_in.policies[0].at == built_in.at


def test_body_limit_of_llm_routes():
    """Routes that serve models have a limit on bodies, others have none."""
    plan = plan_of(LISTENER, OPENAI, FAST, LLM)
    assert applied(plan.routes[0], "body_limit") == BodyLimit(32 << 20)
    assert applied(one_route("{ match: /, service: orders }"), "body_limit") is None


def test_actions():
    """Each action as it is planned."""
    assert one_route("{ match: /, service: orders }").action == Forward((Branch("orders", 1),))
    assert one_route(
        "{ match: /, split: [{ to: orders, weight: 9 }, { to: next, weight: 1 }] }"
    ).action == Forward((Branch("next", 1), Branch("orders", 9)))
    assert one_route("{ match: /, respond: 404 }").action == Respond(404, "", "text/plain")
    assert one_route("{ match: /, redirect: 'https://N.example:444/x' }").action == Redirect(
        302, "https", "n.example", 444, "/x", None, False
    )
    assert one_route("{ match: /, redirect: { scheme: https, code: 308 } }").action == Redirect(
        308, "https", None, None, None, None, False
    )


def test_all_models_are_served_by_default():
    """A route without `models` offers all, by their own names."""
    plan = plan_of(LISTENER, TWO, "models: { b: { targets: [openai/x] }, a: b, c: b }", LLM)
    assert plan.routes[0].action == Serve(("b",))
    assert plan.models[0].aliases == ("a", "c")


def test_lanes():
    """The client's own API reaches a target natively, the others through the edge."""
    plan = plan_of(LISTENER, TWO, "models: { m: { targets: [claude/x] } }", LLM)
    assert [(one.endpoint, one.target, one.lane) for one in plan.lanes] == [
        ("/chat/completions", "claude/x", Lane.SERVICE),
        ("/completions", "claude/x", Lane.SERVICE),
        ("/responses", "claude/x", Lane.SERVICE),
        ("/responses/input_tokens", "claude/x", Lane.SERVICE),
        ("/messages", "claude/x", Lane.NATIVE),
        ("/messages/count_tokens", "claude/x", Lane.NATIVE),
    ]


def test_policies_stand_in_the_registry_s_order():
    """The order of a route's keys means nothing."""
    one = one_route("{ match: /, service: orders, timeout: 1s, body_limit: 1 MiB }")
    other = one_route("{ body_limit: 1 MiB, timeout: 1s, service: orders, match: / }")
    assert one.policies == other.policies


def test_an_old_envoy_serves_no_models():
    """A feature that the oldest Envoy lacks is an error at its line, with the version's line."""
    said = finding(
        'envoy: "1.37"', LISTENER, OPENAI, FAST, "routes: [{ match: /v1, serve: llm, auth: none }]"
    )
    assert said.code == "feature-needs-envoy"
    assert said.message == "`serve: llm` needs Envoy 1.39; the file says 1.37"
    assert said.at == "llm"
    assert said.labels == [('"1.37"', "the oldest of the fleet")]


ON_DEMAND = "listeners: { edge: { port: 80, hosts: on_demand } }"


def test_an_old_envoy_fetches_no_hosts():
    """Hosts on demand need 1.40."""
    said = finding('envoy: "1.39"', ON_DEMAND, "routes: [{ match: /, respond: { status: 200 } }]")
    assert said.code == "feature-needs-envoy"
    assert said.message == "`hosts: on_demand` needs Envoy 1.40; the file says 1.39"


def test_hosts_on_demand_have_no_routes_that_switch_filters_on():
    """The body of a first request would go past them."""
    said = finding(
        'envoy: "1.40"',
        ON_DEMAND,
        'services: { a: { endpoints: ["127.0.0.1:1"] } }',
        "routes: [{ match: /, service: a, body_limit: 1 MiB }]",
    )
    assert said.code == "filter-on-demand"
    assert said.message == ("`body_limit` does not work on a listener with `hosts: on_demand`")


SPLIT = "[{ to: openai/a, weight: 1 }, { to: backup/b, weight: 1 }]"


def test_an_envoy_without_priority_groups_splits():
    """Weights alone are older than priority groups."""
    plan = plan_of('envoy: "1.39"', LISTENER, TWO, f"models: {{ m: {{ targets: {SPLIT} }} }}", LLM)
    assert len(plan.models[0].groups[0].targets) == 2


@pytest.mark.parametrize("targets", ["[openai/a, backup/b]", f"[{SPLIT}, openai/c]"])
def test_an_envoy_without_priority_groups_has_no_chain(targets):
    """Chains need 1.40."""
    said = finding(
        'envoy: "1.39"', LISTENER, TWO, f"models: {{ m: {{ targets: {targets} }} }}", LLM
    )
    assert said.code == "feature-needs-envoy"
    assert said.message == "a chain of targets needs Envoy 1.40; the file says 1.39"


def test_an_envoy_that_is_too_old():
    """Nothing is promised for an Envoy that nobody tried."""
    assert finding('envoy: "1.30"', LISTENER).code == "unsupported-envoy"


def test_an_old_envoy_serves_services():
    """Gateways without models serve older fleets."""
    plan = plan_of('envoy: "1.36"', LISTENER, ORDERS, "routes: [{ match: /, service: orders }]")
    assert route(plan, "root").name == "root"
