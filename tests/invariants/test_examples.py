"""The request that shows a violation: the smallest, and one that really goes that way."""

import re

import pytest

from compiler.pipeline import compile_sources
from compiler.read import sources_of

HEAD = """\
gatewright: v1
name: edge
listeners: { public: { port: 8080, address: 127.0.0.1 } }
services: { orders: { endpoints: ["10.0.0.1:80"] } }
"""
KEY = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LLM = """\
providers:
  one: { api: openai, key: env:KEY }
  two: { api: openai, key: env:KEY, trust: internal }
"""


def shown(text):
    """The request that is shown, and the trace of it."""
    told = compile_sources(sources_of({"gateway.yaml": HEAD + text})).diagnostics
    found = [one for one in told if one.code == "invariant-violated"]
    assert len(found) == 1, told
    notes = [*found[0].notes, ""]
    return notes[0].removeprefix("for example: "), notes[1].removeprefix("trace: ")


@pytest.mark.parametrize(
    ("route", "request_line"),
    [
        ("match: /orders", "GET /orders"),
        ("match: { path: /orders, method: [PUT, POST] }", "POST /orders"),
        ("match: { regex: '/orders/[0-9]{2}' }", "GET /orders/00"),
        ("match: { template: '/o/{id}/x/{rest=**}' }", "GET /o/a/x/a"),
        ("match: /, host: '*.example.com'", "GET / at host a.example.com"),
        ("match: { prefix: /o, headers: { x-a: b } }", "GET /o with x-a: b"),
        ("match: { prefix: /o, headers: { x-a: { regex: 'v[12]' } } }", "GET /o with x-a: v1"),
        ("match: { prefix: /o, query: { q: { present: true } } }", "GET /o?q=1"),
    ],
)
def test_a_route_is_asked_for_as_it_wants(route, request_line):
    """Whatever a match says, in the fewest words."""
    said, trace = shown(
        f"routes: [{{ {route}, service: orders }}]\n"
        "invariants: [{ name: x, forbid: { auth: none } }]\n"
    )
    assert said == request_line
    assert "to `orders`" in trace


def test_the_smallest_of_many():
    """The one with the least to say: no header, the shortest path."""
    said, _ = shown(
        "routes:\n"
        "  - { match: { prefix: /a, headers: { x-a: b } }, service: orders }\n"
        "  - { match: /orders/very/long, service: orders }\n"
        "  - { match: /orders, service: orders }\n"
        "invariants: [{ name: x, forbid: { auth: none } }]\n"
    )
    assert said == "GET /orders"


def test_not_a_request_that_another_route_takes():
    """The prefix itself belongs to a more particular route: something below it is shown."""
    said, trace = shown(
        "routes:\n"
        "  - { name: exact, match: { path: /orders }, respond: 204, auth: none }\n"
        "  - { name: rest, match: /orders, service: orders }\n"
        "invariants: [{ name: x, where: { routes: rest }, forbid: { auth: none } }]\n"
    )
    assert said == "GET /orders/a"
    assert "route `rest`" in trace


def test_a_match_that_is_too_odd_is_said_to_be():
    """The path is told all the same."""
    said, trace = shown(
        "routes: [{ match: { regex: '/[[:alpha:]]+' }, service: orders }]\n"
        "invariants: [{ name: x, forbid: { auth: none } }]\n"
    )
    assert said == "no request was found that shows it: the route's match is too odd"
    assert trace == ""


@pytest.mark.parametrize(
    ("tenant", "auth", "said"),
    [
        (f"keys: {{ ci: {KEY} }}", "keys", "with key acme/ci"),
        (f"teams: {{ core: {{ keys: {{ ci: {KEY} }} }} }}", "keys", "with key acme/core/ci"),
        ("claims: [acme-inc]", "jwt", "with a token of corp (tenant: acme-inc, sub: somebody)"),
        (f"keys: {{ ci: {KEY} }}, addresses: [10.1.0.0/16]", "keys", "from 10.1.0.0"),
    ],
)
def test_who_asks(tenant, auth, said):
    """By the way that the route knows."""
    issuers = "issuers: { corp: { issuer: 'https://login.example' } }\n" if auth == "jwt" else ""
    request, trace = shown(
        f"{issuers}tenants: {{ acme: {{ {tenant} }} }}\n"
        f"routes: [{{ match: /orders, service: orders, auth: {auth} }}]\n"
        "invariants: [{ name: x, forbid: { tenants: acme } }]\n"
    )
    assert request.startswith("GET /orders with ")
    assert said in request
    assert "tenant `acme" in trace


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("targets: [two/a, one/b]", "while two/a fails (rate_limited)"),
        (
            "targets: [two/a, one/b], fallback: { on: [connect_failure, server_error] }",
            "while two/a fails (server_error)",
        ),
        ("targets: [{ to: two/a, weight: 99 }, { to: one/b, weight: 1 }]", ""),
        ("targets: [two/a, one/b], choose: latency", ""),
    ],
)
def test_what_has_to_fail_first(model, said):
    """A fallback is reached where the one before it fails, a share where the draw falls on it."""
    request, trace = shown(
        f"{LLM}models: {{ m: {{ {model} }} }}\n"
        "routes: [{ match: /v1, serve: llm, auth: none }]\n"
        "invariants: [{ name: x, forbid: { egress: external } }]\n"
    )
    assert request == f"POST /v1/chat/completions for model m {said}".strip()
    assert re.search(r"`one/b` by native: served", trace)
