"""What happens when services fail: retries, timeouts, ejection, limits."""

from __future__ import annotations

import threading

import httpx
import pytest

from tests.e2e.envoy_process import until
from tests.e2e.rest_gateway import gateway
from tests.e2e.rest_upstream import upstream

POLICY = """\
gatewright: v1
name: resilience
listeners: { public: { port: 8080, address: 127.0.0.1 } }
services:
  one: { endpoints: ["<one>"] }
  dead: { endpoints: ["127.0.0.1:1"], connect_timeout: 500ms }
  pair:
    endpoints: ["<one>", "<two>"]
    health: { path: /healthz, interval: 100ms, timeout: 1s, healthy_after: 1, unhealthy_after: 1 }
  flaky:
    endpoints: ["<two>", "<three>"]
    outliers: { consecutive_5xx: 2, interval: 100ms, eject_for: 60s }
  narrow: { endpoints: ["<three>"], circuit: { requests: 1 } }
  sticky: { endpoints: ["<one>", "<two>", "<three>"], balance: { maglev: { header: x-user } } }
  ring: { endpoints: ["<one>", "<two>", "<three>"], balance: { ring_hash: { cookie: s } } }
  weighted: { endpoints: [{ address: "<one>", weight: 4 }, { address: "<two>", weight: 1 }] }
routes:
  - { match: /plain, service: one, timeout: 300ms }
  - match: /retry
    service: one
    timeout: none
    retries:
      attempts: 3
      on: [gateway_error, rate_limited, reset]
      backoff: { base: 1ms, max: 2ms }
  - match: /patient
    service: one
    retries: { on: [reset, server_error], per_try_timeout: 200ms, backoff: { base: 1ms, max: 2ms } }
  - { match: /dead, service: dead }
  - { match: /pair, service: pair }
  - { match: /flaky, service: flaky }
  - { match: /narrow, service: narrow }
  - { match: /sticky, service: sticky }
  - { match: /ring, service: ring }
  - { match: /weighted, service: weighted }
"""


@pytest.fixture(scope="module")
def parts():
    with (
        upstream("one") as one,
        upstream("two") as two,
        upstream("three") as three,
        gateway(POLICY, one=one.address, two=two.address, three=three.address) as envoy,
        httpx.Client(base_url=envoy.url("public"), timeout=10) as client,
    ):
        yield one, two, three, client


@pytest.fixture
def client(parts):
    return parts[3]


@pytest.fixture
def one(parts):
    yield parts[0]
    parts[0].script.clear()


def attempts(one, client, path, *script):
    """The status that a client sees, and how often the upstream was asked."""
    one.script.extend(script)
    before = len(one.requests)
    status = client.get(path).status_code
    return status, len(one.requests) - before


def test_a_client_cannot_order_retries(one, client):
    """Envoy takes a client on this machine for an internal one, which may: headers are dropped."""
    one.script.extend([503, 503, 503])
    before = len(one.requests)
    orders = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "2"}
    assert client.get("/plain", headers=orders).status_code == 503
    assert len(one.requests) - before == 1


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ((503, 200), (200, 2)),
        ((429, 502, 200), (200, 3)),
        (("close", 200), (200, 2)),
        ((503, 503, 503, 200), (503, 3)),
        ((500, 200), (500, 1)),
        ((404, 200), (404, 1)),
    ],
)
def test_retries_are_made_for_their_causes_and_no_others(one, client, script, expected):
    """Retried for 502, 503, 429 and resets, up to three attempts; 500 and 404 are answers."""
    assert attempts(one, client, "/retry", *script) == expected


def test_a_slow_attempt_is_given_up_and_made_again(one, client):
    """`per_try_timeout` ends the first attempt, and the second answers."""
    assert attempts(one, client, "/patient", 0.6, 200) == (200, 2)


def test_a_route_without_retries_makes_none(one, client):
    """One attempt, whatever comes back."""
    assert attempts(one, client, "/plain", 503, 200) == (503, 1)


def test_a_request_takes_no_longer_than_its_timeout(one, client):
    """504 when the service is slower than the route's `timeout`."""
    assert attempts(one, client, "/plain", 0.8) == (504, 1)


def test_a_service_that_is_not_there_gives_503(client):
    """A refused connection is answered at once."""
    assert client.get("/dead").status_code == 503


def test_an_ill_endpoint_gets_no_requests_until_it_is_well(parts, client):
    """The health check takes an endpoint out and brings it back."""
    one = parts[0]

    def served():
        return {client.get("/pair").json()["upstream"] for _ in range(8)}

    until(lambda: served() == {"one", "two"}, "both are well")
    one.healthy = False
    try:
        until(lambda: served() == {"two"}, "one is taken out")
    finally:
        one.healthy = True
    until(lambda: served() == {"one", "two"}, "one is back")


def test_an_endpoint_that_fails_in_a_row_is_ejected(parts, client):
    """After two 5xx in a row an endpoint gets nothing for `eject_for`."""
    two = parts[1]
    two.status = 500
    try:
        until(
            lambda: all(client.get("/flaky").status_code == 200 for _ in range(8)), "two is ejected"
        )
    finally:
        two.status = 200
    assert {client.get("/flaky").json()["upstream"] for _ in range(8)} == {"three"}


def test_more_than_the_circuit_takes_gets_503_at_once(parts, client):
    """With one request under way, the second is refused."""
    three = parts[2]
    three.script.append(1.0)
    before = len(three.requests)
    slow = threading.Thread(target=client.get, args=("/narrow",))
    slow.start()
    until(lambda: len(three.requests) > before, "the first is under way")
    assert client.get("/narrow").status_code == 503
    slow.join()
    assert client.get("/narrow").status_code == 200


def test_what_is_alike_goes_to_the_same_endpoint(client):
    """A hash of a header: one endpoint a user, and more than one over many users."""

    def served(user):
        answers = [client.get("/sticky", headers={"x-user": user}) for _ in range(4)]
        return {answer.json()["upstream"] for answer in answers}

    each = [served(f"user-{n}") for n in range(20)]
    assert all(len(one) == 1 for one in each)
    assert len(set().union(*each)) == 3


def test_a_client_without_the_cookie_is_given_it(client):
    """A session cookie is made where there is none, and leads to the same endpoint again."""
    with httpx.Client(base_url=client.base_url) as fresh:
        first = fresh.get("/ring")
        assert "s=" in first.headers["set-cookie"]
        names = {fresh.get("/ring").json()["upstream"] for _ in range(6)}
    assert names == {first.json()["upstream"]}


def test_weights_of_endpoints(client):
    """4:1 by round robin over 100 requests, within 10."""
    served = [client.get("/weighted").json()["upstream"] for _ in range(100)]
    assert 70 <= served.count("one") <= 90
