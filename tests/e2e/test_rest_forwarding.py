"""What services are asked for, and what clients are answered: rewrites, headers, redirects."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.rest_gateway import gateway
from tests.e2e.rest_upstream import upstream

POLICY = r"""
gatewright: v1
name: forwarding
listeners:
  public: { port: 8080, address: 127.0.0.1 }
  behind: { port: 8081, address: 127.0.0.1, trusted_hops: 1 }
services:
  one: { endpoints: ["<one>"] }
  two: { endpoints: ["<two>"] }
  named: { endpoints: ["localhost:<port>"] }
routes:
  - { match: /plain, service: one }
  - { match: /all, service: one, rewrite: { path: '/index\1.html' } }
  - { match: /strip, service: one, rewrite: { prefix: / } }
  - { match: /old, service: one, rewrite: { prefix: /new/ } }
  - { match: /slash/, service: one, rewrite: { prefix: /other } }
  - { match: /v1, service: one, rewrite: { regex: { match: "^/v1/([a-z]+)/(.*)$", to: '/\2/\1' } } }
  - match: { template: "/users/{id}/posts/{post}" }
    service: one
    rewrite: { template: "/p/{post}/{id}" }
  - { match: /host, service: one, rewrite: { host: inside.example } }
  - { match: /endpoint-host, service: named, rewrite: { host: { from: endpoint } } }
  - match: /headers
    service: one
    headers:
      request: { set: { x-set: "100% %REQ(x)%" }, add: { x-add: new }, remove: [x-gone] }
      response: { set: { x-answer: edge }, remove: [x-upstream] }
  - { match: /small, service: one, body_limit: 1 KiB }
  - { match: /split, split: [{ to: one, weight: 80 }, { to: two, weight: 20 }] }
  - { match: { path: /r/url }, redirect: "https://new.example.com/x" }
  - { match: { path: /r/ip }, redirect: "https://[2001:db8::1]:8443/x" }
  - { match: /r/https, redirect: { code: 308, scheme: https } }
  - { match: /r/prefix, redirect: { code: 301, prefix: / } }
  - match: /r/host
    redirect: { code: 307, host: new.example.com, port: 8443, strip_query: true }
  - match: /teapot
    respond: { status: 418, body: '{"a": "50%"}', content_type: application/json }
  - { match: /gone, respond: 410, headers: { response: { set: { x-why: moved } } } }
"""


@pytest.fixture(scope="module")
def upstreams():
    with upstream("one") as one, upstream("two") as two:
        yield one, two


@pytest.fixture(scope="module")
def envoy(upstreams):
    one, two = upstreams
    places = {"one": one.address, "two": two.address, "port": one.port}
    with gateway(POLICY, **places) as envoy:
        yield envoy


@pytest.fixture(scope="module")
def client(envoy):
    with httpx.Client(base_url=envoy.url("public")) as client:
        yield client


def test_a_plain_route_changes_nothing(client):
    """Method, path, query, Host and body reach the service as they were sent."""
    asked = client.put("/plain/a%20b?x=1&y", content=b"12345", headers={"host": "shop.test"}).json()
    assert (asked["method"], asked["path"], asked["size"]) == ("PUT", "/plain/a%20b?x=1&y", 5)
    assert asked["headers"]["host"] == "shop.test"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/all/of/it?x=1", r"/index\1.html?x=1"),
        ("/strip", "/"),
        ("/strip/", "/"),
        ("/strip/a/strip?x=1", "/a/strip?x=1"),
        ("/old", "/new"),
        ("/old/a", "/new/a"),
        ("/slash/a", "/other/a"),
        ("/v1/items/7", "/7/items"),
        ("/users/u1/posts/p2?x=1", "/p/p2/u1?x=1"),
    ],
)
def test_rewritten_paths(client, path, expected):
    """The service is asked for the rewritten path; the query is kept."""
    assert client.get(path).json()["path"] == expected


def test_rewritten_hosts(client):
    """A literal host, and the name of the endpoint."""
    assert client.get("/host").json()["headers"]["host"] == "inside.example"
    assert client.get("/endpoint-host").json()["headers"]["host"].startswith("localhost")


def test_headers_on_the_way_in_and_out(client):
    """Set, added and removed headers; values are no formats of Envoy's."""
    answer = client.get("/headers", headers={"x-add": "old", "x-gone": "1", "x-set": "old"})
    seen = answer.json()["headers"]
    assert seen["x-set"] == "100% %REQ(x)%"
    assert "x-gone" not in seen
    assert answer.headers["x-answer"] == "edge"
    assert "x-upstream" not in answer.headers


def test_what_clients_may_not_say(client):
    """Headers that only a trusted proxy may set, and those that steer Envoy, are dropped."""
    spoofed = {
        "x-forwarded-host": "evil.test",
        "x-real-ip": "10.0.0.1",
        "forwarded": "for=10.0.0.1",
        "x-forwarded-proto": "https",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-max-retries": "9",
        "x-envoy-retry-on": "5xx",
    }
    seen = client.get("/plain", headers=spoofed).json()["headers"]
    assert seen["x-forwarded-proto"] == "http"
    del spoofed["x-forwarded-proto"]
    assert not spoofed.keys() & seen.keys()


def test_what_a_trusted_proxy_says_is_believed(envoy):
    """With `trusted_hops` the headers of the proxy before this one stay as they are."""
    said = {
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "shop.test",
    }
    seen = httpx.get(envoy.url("behind") + "/plain", headers=said).json()["headers"]
    assert seen["x-forwarded-for"].startswith("203.0.113.7,")
    assert (seen["x-forwarded-proto"], seen["x-forwarded-host"]) == ("https", "shop.test")


def test_nothing_of_envoys_is_shown(client):
    """Answers name neither the proxy nor how long the service took."""
    headers = client.get("/plain").headers
    assert headers["server"] == "gatewright"
    assert not [name for name in headers if name.startswith("x-envoy")]


def test_bodies_over_the_limit_never_reach_the_service(client, upstreams):
    """A body of the limit passes; a larger one gets 413, with or without a length."""
    assert client.post("/small", content=b"x" * 1024).json()["size"] == 1024
    before = len(upstreams[0].requests)
    assert client.post("/small", content=b"x" * 1025).status_code == 413
    assert client.post("/small", content=iter([b"x" * 800, b"x" * 800])).status_code == 413
    assert len(upstreams[0].requests) == before
    assert client.post("/plain", content=b"x" * 100_000).json()["size"] == 100_000


def test_shares_of_a_split(client):
    """80/20 within 10 points over 300 requests."""
    served = [client.get("/split").json()["upstream"] for _ in range(300)]
    assert 210 <= served.count("one") <= 270


@pytest.mark.parametrize(
    ("path", "code", "location"),
    [
        ("/r/url?x=1", 302, "https://new.example.com/x?x=1"),
        ("/r/ip", 302, "https://[2001:db8::1]:8443/x"),
        ("/r/https/a?x=1", 308, "https://gw.test/r/https/a?x=1"),
        ("/r/prefix/a?x=1", 301, "http://gw.test/a?x=1"),
        ("/r/prefix", 301, "http://gw.test/"),
        ("/r/host/a?x=1", 307, "http://new.example.com:8443/r/host/a"),
    ],
)
def test_redirects(client, path, code, location):
    """The code and the place that the policy says; what is not said stays."""
    answer = client.get(path, headers={"host": "gw.test"})
    assert (answer.status_code, answer.headers["location"]) == (code, location)


def test_direct_answers(client):
    """Status, body, content type, and headers of a route that answers by itself."""
    teapot = client.get("/teapot")
    assert (teapot.status_code, teapot.json()) == (418, {"a": "50%"})
    assert teapot.headers["content-type"] == "application/json"
    gone = client.get("/gone")
    assert (gone.status_code, gone.content, gone.headers["x-why"]) == (410, b"", "moved")
