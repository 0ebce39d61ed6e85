"""Each difference between `decide` and Envoy about models and tenants that was ever found."""

from compiler.decide.world import Answer, Fault
from tests.decide.deciding import answers, asked, model, plan, told

COUNT = "/v1/messages/count_tokens"
CUT = Answer(fault=Fault.CUT)


def test_what_is_counted_here_names_no_target():
    """Nobody was asked: neither is there a target, nor does it matter who cools down."""
    text = model("targets: [m/x]")
    trace = asked(text, COUNT, cooling=frozenset({"m"}))
    assert (trace.status, trace.served, told(trace)) == (200, None, [("m/x", "served")])


def test_a_head_that_is_held_is_lost_where_the_connection_breaks():
    """A stream that is cut before its first content is 502, and goes on as a broken connection."""
    chain = "targets: [b/x, a/x], fallback: {{ on: [{}] }}"
    trace = asked(model(chain.format("server_error")), stream=True, answers=answers(b=CUT))
    assert (trace.status, trace.code, len(trace.attempts)) == (502, "bad_gateway", 1)
    trace = asked(model(chain.format("connect_failure")), stream=True, answers=answers(b=CUT))
    assert told(trace) == [("b/x", "connect_failure"), ("a/x", "served")]


def test_a_gate_that_fails_a_stream_answers_itself():
    """Where the chain does not go on for it, the client is told of no target."""
    text = model("targets: [a/x, a/y], fallback: { on: [rate_limited] }, apis: chat")
    trace = asked(text, stream=True, answers=answers(a=Answer(fault=Fault.IN_BAND)))
    assert (trace.status, trace.served, told(trace)) == (500, None, [("a/x", "passed on")])


def test_a_list_of_models_is_not_counted():
    """The edge answers before it looks at any limit."""
    text = (
        "models: { m1: { targets: [a/x] } }\n"
        "routes: [{ name: llm, match: /v1, serve: llm, auth: keys, limits: 1 requests/day }]\n"
        f"tenants: {{ acme: {{ keys: {{ ci: {'ab' * 32} }} }} }}\n"
    )
    used = {"route/llm/requests/day": {"all": 1}}
    listed = asked(text, "/v1/models", method="GET", key="acme/ci", used=used)
    assert (listed.status, listed.verdicts) == (200, ())
    one = asked(text, "/v1/models/m1", method="GET", key="acme/ci", used=used)
    assert (one.status, one.code) == (429, "rate_limit_exceeded")


def test_what_stands_in_for_a_target_says_503():
    """Where one target is tried again for a server's error, it is for that one as well."""
    text = "targets: [m/x], fallback: {{ on: [{}], retries: 1 }}"
    cooling = frozenset({"m"})
    assert len(asked(model(text.format("server_error")), cooling=cooling).attempts) == 2
    assert len(asked(model(text.format("rate_limited")), cooling=cooling).attempts) == 1


def test_anthropics_beta_is_passed_on_but_to_deployments():
    """Azure's paths without a version are like OpenAI's own."""
    trace = asked(model("targets: [c/x], apis: chat"), "/v1/chat/completions?beta=true&x=1")
    assert trace.attempts[0].sent.path == "/openai/v1/chat/completions?beta=true"


def test_an_envoy_alone_counts_all_without_a_user_together():
    """It has no word for whoever else it may be."""
    text = (
        "routes: [{ name: r, match: /, service: orders, auth: keys }]\n"
        f"tenants: {{ acme: {{ keys: {{ ci: {'ab' * 32}, cd: {'cd' * 32} }}, "
        "limits: { limit: 3 requests/hour, per: edge, each: user } } }\n"
    )
    (verdict,) = asked(text, "/", key="acme/ci").verdicts
    assert (verdict.whom, verdict.left) == ("-", 3)


def test_an_edge_that_is_away_refuses_only_what_it_is_asked_about():
    """A request that no limit is for passes, where Envoy itself knows who asks."""
    text = (
        "issuers: { corp: { issuer: https://corp.test, audiences: [x], jwks: file:corp.jwks.json, "
        "claims: { tenant: org } } }\n"
        "routes:\n"
        "  - { name: r, match: /r, service: orders, auth: jwt, limits: 5 requests/minute }\n"
        "  - { name: s, match: /s, service: orders, auth: jwt }\n"
        "tenants: { acme: { claims: acme } }\n"
    )
    who = {"issuer": "corp", "claims": {"org": "acme"}, "edge_away": True}
    assert asked(text, "/r", **who).status == 503
    assert asked(text, "/s", **who).status is None


def test_an_edge_that_is_away_comes_before_who_cools_down():
    """The edge would have had to make the request, whoever it was for."""
    trace = asked(
        model("targets: [m/x, b/x], fallback: { on: [server_error] }"),
        "/v1/messages",
        edge_away=True,
        cooling=frozenset({"m"}),
    )
    assert (trace.status, trace.code, len(trace.attempts)) == (503, "overloaded_error", 1)


def test_who_asks_for_too_long_a_wait_is_not_asked_again():
    """At the last target; before it the attempts that are left are made at once."""
    text = "targets: {}, fallback: {{ on: [overloaded], retries: 1 }}, apis: chat"
    late = answers(a=Answer(503, retry_after=60))
    assert len(asked(model(text.format("[a/x]")), answers=late).attempts) == 1
    both = answers(a=Answer(503, retry_after=60), c=Answer(503, retry_after=60))
    assert len(asked(model(text.format("[a/x, c/x]")), answers=both).attempts) == 3


def test_a_prefix_that_ends_with_a_slash_is_served_too():
    """What is not there is told in the client's schema, at the prefix itself as below it."""
    text = (
        "models: { m1: { targets: [a/x] } }\n"
        "routes: [{ name: llm, match: /v1/, serve: llm, auth: none }]\n"
    )
    assert plan(text).routes[0].match.path in ("/v1", "/v1/")
    assert (asked(text, "/v1").route, asked(text, "/v1").status) == ("llm", 404)
    assert asked(text).status == 200


def test_a_token_that_is_not_good_is_refused_without_an_edge():
    """Envoy looks at it first: neither an edge that is away nor a large body comes before it."""
    text = (
        "issuers: { corp: { issuer: https://corp.test, audiences: [x], jwks: file:corp.jwks.json, "
        "claims: { tenant: org } } }\n"
        "models: { m1: { targets: [a/x] } }\n"
        "routes: [{ name: llm, match: /v1, serve: llm, auth: jwt, body_limit: 1 KiB }]\n"
        "tenants: { acme: { claims: acme, models: m1 } }\n"
    )
    large = {"said": {"x": "y" * 2000}}
    assert asked(text, edge_away=True).status == 401
    assert asked(text, **large).status == 401
    assert asked(text, issuer="corp", claims={"org": "acme"}, **large).status == 413
