"""Which route a request takes: host, path, method, headers, query, and their order."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.rest_gateway import gateway

POLICY = """\
gatewright: v1
name: matching
listeners: { public: { port: 8080, address: 127.0.0.1 } }
routes:
  - { match: { path: /exact }, respond: { status: 200, body: exact } }
  - { match: /exact, respond: { status: 200, body: below-exact } }
  - { match: { prefix: /orders }, respond: { status: 200, body: orders } }
  - { match: { prefix: /slash/ }, respond: { status: 200, body: slash } }
  - { match: { regex: "/v[0-9]+/items" }, respond: { status: 200, body: regex } }
  - { match: { template: "/users/{id}/posts" }, respond: { status: 200, body: template } }
  - { match: { template: "/files/{path=**}" }, respond: { status: 200, body: files } }
  - { match: { prefix: /methods, method: [PUT, PATCH] }, respond: { status: 200, body: changes } }
  - { match: { prefix: /methods, method: GET }, respond: { status: 200, body: get } }
  - match: { prefix: /headers, headers: { x-tester: "yes" } }
    respond: { status: 200, body: tester }
  - match: { prefix: /headers, headers: { x-beta: { present: true }, x-old: { absent: true } } }
    respond: { status: 200, body: beta }
  - match: { prefix: /headers, headers: { x-id: { prefix: "a-" } } }
    respond: { status: 200, body: prefix }
  - match: { prefix: /headers, headers: { x-id: { suffix: "-z" } } }
    respond: { status: 200, body: suffix }
  - match: { prefix: /headers, headers: { x-id: { contains: mid } } }
    respond: { status: 200, body: contains }
  - match: { prefix: /headers, headers: { x-id: { regex: "[0-9]+" } } }
    respond: { status: 200, body: number }
  - match: { prefix: /query, query: { page: { regex: "[0-9]+" } } }
    respond: { status: 200, body: page }
  - match: { prefix: /query, query: { a%20b: c%22d } }
    respond: { status: 200, body: encoded }
  - match: { prefix: /query, query: { debug: { present: true } } }
    respond: { status: 200, body: debug }
  - match: { prefix: /bare, query: { debug: { absent: true } } }
    respond: { status: 200, body: without }
  - { match: /, host: api.example.com, respond: { status: 200, body: api } }
  - { match: /, host: "*.example.com", respond: { status: 200, body: any-example } }
  - { match: /only-wild, host: "*.example.com", respond: { status: 200, body: only-wild } }
"""


# Enough routes under every host that they are found through an index and not by trying each.
FILLER = "".join(
    f"  - {{ match: /{word}/filler{n}, respond: 410 }}\n"
    for word in ("exact", "orders", "users", "headers", "x")
    for n in range(60)
)


@pytest.fixture(scope="module", params=["", FILLER], ids=["few", "many"])
def client(request):
    with (
        gateway(POLICY + request.param) as envoy,
        httpx.Client(base_url=envoy.url("public")) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/exact", "exact"),
        ("/exact?x=1", "exact"),
        ("/exact/", "below-exact"),
        ("/orders", "orders"),
        ("/orders/1/2", "orders"),
        ("/ordersx", None),
        ("/slash/a", "slash"),
        ("/slash", "slash"),
        ("/v12/items", "regex"),
        ("/v12/items/3", None),
        ("/users/7/posts", "template"),
        ("/users/7/8/posts", None),
        ("/files/a/b/c", "files"),
        ("/nothing", None),
    ],
)
def test_paths(client, path, expected):
    """Exact, whole-segment prefix, regex and template take what they say and no more."""
    answer = client.get(path)
    assert (answer.text or None, answer.status_code) == (expected, 200 if expected else 404)


@pytest.mark.parametrize(
    ("method", "expected"),
    [("GET", "get"), ("PUT", "changes"), ("PATCH", "changes"), ("DELETE", None), ("POST", None)],
)
def test_methods(client, method, expected):
    """A method, or one of several."""
    assert (client.request(method, "/methods").text or None) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Tester": "yes"}, "tester"),
        ({"x-tester": "no"}, None),
        ({"x-beta": ""}, "beta"),
        ({"x-beta": "1", "x-old": "1"}, None),
        ({"x-id": "a-1"}, "prefix"),
        ({"x-id": "1-z"}, "suffix"),
        ({"x-id": "amidz"}, "contains"),
        ({"x-id": "42"}, "number"),
        ({"x-id": "42a"}, None),
        ({}, None),
    ],
)
def test_headers(client, headers, expected):
    """Every comparison of a header's value."""
    assert (client.get("/headers", headers=headers).text or None) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("/query?page=3", "page"),
        ("/query?page=x", None),
        ("/query?a%20b=c%22d", "encoded"),
        ("/query?a+b=c%22d", None),
        ("/query?debug", "debug"),
        ("/query?debug=1", "debug"),
        ("/query", None),
        ("/bare", "without"),
        ("/bare?x=1", "without"),
        ("/bare?debug=1", None),
    ],
)
def test_query(client, query, expected):
    """Query parameters by value, by presence and by absence."""
    assert (client.get(query).text or None) == expected


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("api.example.com", "/a", "api"),
        ("API.example.com:8443", "/a", "api"),
        ("shop.example.com", "/a", "any-example"),
        ("deep.shop.example.com", "/a", "any-example"),
        ("example.com", "/a", None),
        ("other.test", "/orders", "orders"),
        ("api.example.com", "/orders", "api"),
    ],
)
def test_hosts(client, host, path, expected):
    """The most particular host wins, whatever its path, and ports are no part of it."""
    assert (client.get(path, headers={"host": host}).text or None) == expected


def test_a_request_that_its_own_host_has_no_route_for_goes_to_a_wider_one():
    """A route without a host also serves hosts that have routes of their own."""
    policy = """\
gatewright: v1
name: wider
listeners: { public: { port: 8080, address: 127.0.0.1 } }
routes:
  - { match: /own, host: api.example.com, respond: { status: 200, body: own } }
  - { match: /wild, host: "*.example.com", respond: { status: 200, body: wild } }
  - { match: /any, respond: { status: 200, body: any } }
"""
    with gateway(policy) as envoy:
        for host, taken in (("api.example.com", 3), ("b.example.com", 2), ("x.test", 1)):
            answers = [
                httpx.get(envoy.url("public") + path, headers={"host": host}).status_code
                for path in ("/any", "/wild", "/own")
            ]
            assert answers == [200] * taken + [404] * (3 - taken)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/orders/../exact", "exact"), ("//exact", "exact"), ("/./exact", "exact")],
)
def test_paths_are_normalised_before_they_are_matched(client, path, expected):
    """Dots and doubled slashes lead to the route that they mean, not around it."""
    request = client.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    assert client.send(request).text == expected


def test_escaped_slashes_are_redirected_to_plain_ones(client):
    """`%2F` is not let through as a part of a segment."""
    request = client.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=b"/orders%2F..%2Fexact")
    answer = client.send(request)
    assert answer.status_code == 307
    assert answer.headers["location"].endswith("/exact")


def test_headers_with_underscores_are_refused(client):
    """`x_tester` cannot pass for `x-tester` anywhere behind."""
    assert client.get("/exact", headers={"x_tester": "yes"}).status_code == 400
