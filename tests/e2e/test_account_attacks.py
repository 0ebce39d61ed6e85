"""Attacks on accounts by a client, on the real Envoy and its edge: what they must not come to."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from tests.e2e.edges import Gateway, digest_of, gateway, key_of, usage_rows
from tests.e2e.envoy_process import until
from tests.e2e.rest_upstream import Upstream, upstream

TENANTS = {
    "acme": "models: [fast], limits: [100k requests/minute, 100M tokens/hour]",
    "rich": "",
    "far": "addresses: [10.0.0.0/8]",
    "places": "limits: [20 concurrent]",
    **{f"tokens-{case}": "limits: [1M tokens/hour]" for case in range(14)},
    "twice": "limits: [1M tokens/hour]",
    "each": "limits: [{ limit: 3 requests/hour, each: key }]",
}
POLICY = """\
gatewright: v1
name: attacked
edge: {{ folder: edge, workers: 2 }}
counters: {{ timeout: 500ms }}
providers:
  openai: {{ api: openai, url: "{{simulator}}/openai/v1", key: env:PROVIDER_KEY }}
  claude: {{ api: anthropic, url: "{{simulator}}/claude/v1", key: env:PROVIDER_KEY }}
models:
  fast: {{ targets: [openai/gpt-4o-mini] }}
  dear: {{ targets: [openai/gpt-4o], aliases: [best] }}
  smart: {{ targets: [claude/claude-haiku], aliases: [wise] }}
services:
  orders: {{ endpoints: ["{service}"] }}
routes:
  - {{ name: llm, match: /v1, serve: llm, auth: keys }}
  - {{ name: orders, match: /orders, service: orders, auth: keys }}
  - {{ name: open, match: /open, service: orders, auth: none }}
  - {{ name: by-client, match: /by-client, service: orders, auth: none,
      limits: [{{ limit: 3 requests/hour, each: client }}] }}
  - {{ name: narrow, match: /narrow, service: orders, auth: none, limits: [2 concurrent] }}
  - {{ name: hosted, host: api.example, match: /hosted, service: orders, auth: keys }}
  - {{ name: moved, match: /moved, redirect: {{ path: /orders }}, auth: keys }}
  - {{ name: said, match: /said, respond: {{ status: 200, body: inside }}, auth: keys }}
tenants:
{tenants}
"""
HELLO = [{"role": "user", "content": "hi"}]
CHAT = "/v1/chat/completions"


def policy(service: Upstream) -> str:
    tenants = "".join(
        f"  {name}: {{ keys: {{ ci: {digest_of(name)} }}{', ' if more else ''}{more} }}\n"
        for name, more in TENANTS.items()
    )
    return POLICY.format(service=service.address, tenants=tenants)


@pytest.fixture(scope="module")
def service():
    with upstream() as started:
        yield started


@pytest.fixture(scope="module")
def running(tmp_path_factory, service):
    folder = tmp_path_factory.mktemp("attacked")
    with gateway(folder, policy(service), edges=1) as started:
        yield started


@pytest.fixture
def client(running: Gateway, service: Upstream):
    service.requests.clear()
    limits = httpx.Limits(max_connections=50)
    with httpx.Client(base_url=running.urls()[0], timeout=20, limits=limits) as made:
        yield made


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key_of(name)}"}


def place(running: Gateway) -> tuple[str, int]:
    host, _, port = running.urls()[0].removeprefix("http://").partition(":")
    return host, int(port)


def raw(running: Gateway, line: str, *headers: str, host: str = "any") -> int:
    """Send a request as it is written here; give the status, 0 where there is no answer."""
    lines = (f"{line} HTTP/1.1", f"host: {host}", *headers, "connection: close", "", "")
    with socket.create_connection(place(running), 10) as sent:
        sent.sendall("\r\n".join(lines).encode("latin-1"))
        answer = sent.makefile("rb").read()
    return int(answer.split(b" ", 2)[1]) if answer else 0


@pytest.mark.parametrize(
    "line",
    [
        *("GET //orders", "GET /./orders", "GET /open/../orders", "GET /open/%2e%2e/orders"),
        *("GET /open\\..\\orders", "GET /open/..;/orders", "GET http://else/orders"),
        *("GET http://else:99/orders", "GET /orders/", "GET /orders?x", "GET /orders%2f"),
        *("OPTIONS /orders", "HEAD /orders", "TRACE /orders", "DELETE /orders/1", "FOO /orders"),
        *("CONNECT orders:80", "CONNECT /orders", "OPTIONS *", "GET /Orders", "GET /ordersx"),
        *("GET /%2forders", "GET /open/..%2forders", "GET /orders%00", "GET /orders#x"),
        *("GET /moved", "HEAD /moved", "GET /said", "OPTIONS /said", "GET /v1/models"),
        *("GET /v1/models/dear", f"GET {CHAT}", f"HEAD {CHAT}", "GET /v1/nothing"),
    ],
)
def test_no_spelling_of_a_path_or_method_leads_in_without_a_key(running, client, service, line):
    """Nothing reaches the service, no guarded answer is given."""
    assert raw(running, line) in (400, 401, 404, 307)
    assert service.requests == []


def test_a_path_that_is_still_encoded_stays_where_it_is(running, client, service):
    """`%252e` is no dot of ours: the request is one to the open route, and says that it is."""
    assert raw(running, "GET /open/%252e%252e/orders") == 200
    assert service.requests[0]["path"] == "/open/%252e%252e/orders"


@pytest.mark.parametrize("host", ["api.example", "API.Example", "api.example.", "api.example.:80"])
def test_no_spelling_of_a_host_leads_in_without_a_key(running, host):
    """Case, a trailing dot and a port change nothing."""
    assert raw(running, "GET /hosted", host=host) == 401


@pytest.mark.parametrize("upgrade", ["websocket", "h2c", "gatewright"])
def test_an_upgrade_needs_a_key_too(running, client, service, upgrade):
    """Whether it is one that the route knows or not."""
    headers = ("connection: upgrade", f"upgrade: {upgrade}")
    with socket.create_connection(place(running), 10) as sent:
        lines = ("GET /orders HTTP/1.1", "host: any", *headers, "", "")
        sent.sendall("\r\n".join(lines).encode())
        status = int(sent.makefile("rb").readline().split()[1])
    assert status in (401, 403)
    assert service.requests == []


KEY = key_of("acme")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([f"authorization: Bearer {KEY}"], 200),
        ([f"authorization: bEARER   {KEY}  "], 200),
        ([f"Authorization: Bearer\r\n {KEY}"], 200),  # folded: one value, by RFC 9112
        ([f"x-api-key:   {KEY}  "], 200),
        ([f"authorization: Basic {KEY}"], 401),
        ([f"authorization: {KEY}"], 401),
        ([f"authorization: Bearer {KEY.upper()}"], 401),
        ([f"authorization: Bearer {KEY[:-1]}"], 401),
        ([f"authorization: Bearer {KEY}x"], 401),
        ([f"authorization: Bearer {KEY} {KEY}"], 401),
        ([f"authorization: Bearer {KEY}\xe9"], 401),
        ([f"authorization: Bearer {KEY}\x00"], 400),
        ([f"authorization: Bearer {'gw_' + 'x' * 40_000}"], 401),
        ([f"authorization: Bearer {KEY},Bearer {KEY}"], 401),
        ([f"authorization: Bearer {KEY}", f"authorization: Bearer {key_of('rich')}"], 401),
        ([f"x-api-key: {KEY}", f"x-api-key: {KEY}"], 401),
        ([f"x_api_key: {KEY}"], 400),
        (["authorization: Bearer gw_", f"x-api-key: {KEY}"], 401),
        ([f"authorization: Bearer {digest_of('acme')}"], 401),
        ([f"cookie: authorization=Bearer {KEY}"], 401),
        ([f"authorization: Bearer {KEY}", "connection: authorization"], 401),
    ],
)
def test_a_key_is_good_as_a_whole_or_not_at_all(running, headers, status):
    """Spaces around it and the case of `Bearer` are HTTP's; nothing else is made out of a value."""
    assert raw(running, "GET /orders", *headers) == status


def http2(running: Gateway, headers: list[tuple[str, str]]) -> int:
    """Send one HTTP/2 request of these headers as they are; the status, 0 for a broken line."""
    config = h2.config.H2Configuration(
        validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None
    )
    made = h2.connection.H2Connection(config)
    made.initiate_connection()
    made.send_headers(1, headers, end_stream=True)
    with socket.create_connection(place(running), 10) as sent:
        sent.sendall(made.data_to_send())
        try:
            while data := sent.recv(65_536):
                for event in made.receive_data(data):
                    if isinstance(event, h2.events.ResponseReceived):
                        return int(dict(event.headers)[b":status"])
                    if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                        return 0
                sent.sendall(made.data_to_send())
        except ConnectionError:
            return 0
    return 0


START = [(":method", "GET"), (":scheme", "http"), (":authority", "any")]
PATH = (":path", "/orders")


@pytest.mark.parametrize(
    "headers",
    [
        [*START, PATH],
        [*START, (":path", "/open"), PATH],
        [*START, (":path", "orders")],
        [*START, (":path", "http://any/orders")],
        [*START, ("x", "y"), PATH],
        [*START, PATH, (":tenant", "acme")],
        [*START, PATH, ("x", f"a\r\nauthorization: Bearer {KEY}")],
        [*START, PATH, ("Authorization", f"Bearer {KEY}")],
        [*START, PATH, *[("authorization", f"Bearer {KEY}")] * 2],
        [(":method", "GET /open"), *START[1:], PATH],
        [(":method", "CONNECT"), (":authority", "orders:80")],
        [(":method", "CONNECT"), (":protocol", "websocket"), *START[1:], PATH],
        [START[0], (":scheme", "file"), START[2], PATH],
        [*START[:2], (":authority", "x@api.example"), (":path", "/hosted")],
    ],
)
def test_no_http2_header_leads_in(running, client, service, headers):
    """Pseudo-headers twice, late, unknown, or with more in them than they may have."""
    assert http2(running, headers) in (0, 400, 401, 403, 404)
    assert service.requests == []


def test_of_two_keys_the_one_in_authorization_counts_and_none_is_passed_on(client, service):
    """Whatever headers they are in; another credential is the service's own business."""
    keys = {"x-api-key": key_of("rich"), "api-key": key_of("each")}
    assert client.get("/orders", headers={**bearer("acme"), **keys}).status_code == 200
    mine = {"authorization": "Basic Zm9v", "x-api-key": key_of("rich")}
    assert client.get("/orders", headers=mine).status_code == 200
    first, second = (request["headers"] for request in service.requests)
    assert first["x-gatewright-tenant"] == "acme"
    assert second["x-gatewright-tenant"] == "rich"
    assert second["authorization"] == "Basic Zm9v"
    assert "gw_" not in json.dumps(service.requests)


@pytest.mark.parametrize("path", ["/orders", "/open"])
def test_what_only_the_gateway_may_say_never_comes_from_a_client(running, client, service, path):
    """In no spelling that arrives, and not by having a hop drop the gateway's own."""
    lies = (
        *("x-gatewright-tenant: evil", "X-GATEWRIGHT-Key: evil", "x-gatewright-user: root"),
        *(
            "x-request-id: mine",
            "x-forwarded-client-cert: URI=spiffe://evil",
            "x-real-ip: 10.0.0.1",
        ),
        *("x-envoy-original-path: /evil", "x-envoy-max-retries: 9", "x-envoy-retry-on: 5xx"),
        "connection: x-gatewright-tenant, x-gatewright-key",
    )
    assert raw(running, f"GET {path}", f"x-api-key: {KEY}", *lies) == 200
    for spelling in ("x_gatewright_tenant", "X-Gatewright_Tenant"):
        assert raw(running, f"GET {path}", f"x-api-key: {KEY}", f"{spelling}: evil") == 400
    [request] = service.requests
    told = request["headers"]
    assert "evil" not in json.dumps(told)
    assert told["x-request-id"] != "mine"
    assert not {"x-real-ip", "x-envoy-max-retries", "x-envoy-retry-on"} & set(told)
    if path == "/orders":
        assert (told["x-gatewright-tenant"], told["x-gatewright-key"]) == ("acme", "acme/ci")
    assert "x-gatewright-user" not in told


def test_an_address_cannot_be_claimed(client):
    """Nobody is trusted to say `x-forwarded-for` here: the connection's address is what counts."""
    for claim in ("10.1.1.1", "10.1.1.1, 10.2.2.2", "::ffff:10.1.1.1"):
        told = {**bearer("far"), "x-forwarded-for": claim, "x-real-ip": claim}
        assert client.get("/orders", headers=told).status_code == 403


def test_a_counter_for_each_client_or_key_cannot_be_dodged(client):
    """By other addresses, ids or headers that a client makes up; three pass, and no more."""
    found = []
    for turn in range(6):
        made_up = {"x-forwarded-for": f"10.0.0.{turn}", "x-request-id": str(turn)}
        found.append(client.get("/by-client", headers=made_up).status_code)
    assert found == [200] * 3 + [429] * 3
    found = []
    for turn in range(6):
        key = {"x-api-key": key_of("each")} if turn % 2 else bearer("each")
        found.append(client.get("/orders", headers={**key, "api-key": f"{turn}"}).status_code)
    assert found == [200] * 3 + [429] * 3


def test_one_id_for_two_requests_does_not_make_them_one(client):
    """A reservation that is there already takes nothing: so clients must not choose its name."""
    same = {**bearer("acme"), "x-request-id": "00000000-0000-4000-8000-000000000000"}
    left = [
        int(client.get("/orders", headers=same).headers["x-ratelimit-remaining"]) for _ in range(3)
    ]
    assert left == [left[0], left[0] - 1, left[0] - 2]


def shown(answer: httpx.Response, *names: str) -> tuple[Any, ...]:
    """All of an answer but its date, with the model's name taken out."""
    text = answer.text
    for name in names:
        text = text.replace(f"`{name}`", "``")
    skip = {"date", "content-length"}
    headers = [(name, value) for name, value in answer.headers.items() if name not in skip]
    return answer.status_code, text, headers


def test_a_model_of_others_looks_like_none_whatever_is_asked(client):
    """Name or alias, of one's own API or the other, its entry too: the bytes are the same."""
    anthropic = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    for path, headers in ((CHAT, bearer("acme")), ("/v1/messages", anthropic)):
        answers = [
            shown(client.post(path, headers=headers, json=body), name)
            for name in ("nobody-has-it", "dear", "best", "smart", "wise")
            for body in [{"model": name, "messages": HELLO, "max_tokens": 5}]
        ]
        assert answers == [answers[0]] * 5
        assert answers[0][0] == 404
    for headers in (bearer("acme"), anthropic):
        entries = [
            shown(client.get(f"/v1/models/{name}", headers=headers))
            for name in ("nobody-has-it", "dear", "best", "smart")
        ]
        assert entries == [entries[0]] * 4
        assert entries[0][0] == 404
    listed = client.get("/v1/models", headers=bearer("acme")).json()["data"]
    assert [one["id"] for one in listed] == ["fast"]


def test_nothing_tells_a_bad_key_from_a_key_that_was(running, client):
    """Unknown, ill-made, with a route or model that is there or not: one answer for each API."""
    bad = [{"authorization": f"Bearer {one}"} for one in ("gw_x", key_of("nobody"), "sk-other")]
    for path in (
        "/v1/models",
        "/v1/models/dear",
        "/v1/models/none",
        "/v1/none",
        "/orders",
        "/said",
    ):
        answers = [shown(client.get(path, headers=headers)) for headers in bad]
        assert answers == [answers[0]] * len(bad)
        assert answers[0][0] == 401
    body = {"model": "dear", "messages": HELLO}
    asked = [
        shown(client.post(CHAT, headers=bad[1], json={**body, "model": name}))
        for name in ("dear", "best", "smart", "nobody-has-it", "")
    ]
    assert asked == [asked[0]] * 5
    nothing = [shown(client.post(CHAT, json={**body, "model": name})) for name in ("dear", "no")]
    assert nothing[0] == nothing[1]


def test_refusals_of_grpc_are_grpc(running, client):
    """A client of gRPC is told by status 16 that it is unauthenticated."""
    answer = client.post("/orders", headers={"content-type": "application/grpc"})
    assert answer.headers["grpc-status"] == "16"


def leave(running: Gateway, path: str, body: bytes, after: float, name: str) -> None:
    """Send a request, and cut the connection after so many seconds, without waiting for it."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: any\r\nauthorization: Bearer {key_of(name)}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    sent = socket.create_connection(place(running), 10)
    sent.sendall(head.encode() + body)
    time.sleep(after)
    sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sent.close()


@pytest.mark.parametrize("path", [CHAT, "/orders"])
def test_who_leaves_while_the_edge_answers_holds_no_place(running, client, path):
    """60 requests that are cut off at moments around the edge's answer leave all 20 places free."""
    body = json.dumps({"model": "fast", "messages": HELLO}).encode() if path == CHAT else b""
    for turn in range(60):
        leave(running, path, body, (turn % 12) * 0.0003, "places")

    def all_free() -> bool:
        return at_once(client, 20) == {200: 20}

    until(all_free, "places are held by who has left", deadline=10)


def at_once(client: httpx.Client, count: int) -> dict[int, int]:
    """Send so many slow requests of `places` at the same time; give the number of each status."""
    slow = {**bearer("places"), "x-simulate": "openai=ok:delay=0.7"}
    body = {"model": "fast", "messages": HELLO}
    with ThreadPoolExecutor(count) as pool:
        sent = [pool.submit(client.post, CHAT, headers=slow, json=body) for _ in range(count)]
        return dict(Counter(one.result().status_code for one in sent))


def test_places_of_a_route_for_nobody_come_back(client):
    """Where nobody is asked who it is, what was held is given back all the same."""
    for _ in range(8):
        until(lambda: client.get("/narrow").status_code == 200, "its places are gone", deadline=5)


def reserved(client: httpx.Client, tenant: str, body: bytes, path: str = CHAT) -> int:
    """Send the first request of a tenant; give the tokens that were taken of its million."""
    headers = {**bearer(tenant), "content-type": "application/json"}
    answer = client.post(path, content=body, headers=headers)
    assert answer.headers["x-ratelimit-limit-tokens"] == "1000000"
    return 1_000_000 - int(answer.headers["x-ratelimit-remaining-tokens"])


LONG = [{"role": "user", "content": "some words and more of them, " * 4_000}]


BOUNDS: list[tuple[dict[str, Any], str, int]] = [
    ({"messages": HELLO, "max_tokens": 50_000}, CHAT, 50_000),
    ({"messages": HELLO, "max_tokens": 1, "max_completion_tokens": 50_000}, CHAT, 50_000),
    ({"messages": HELLO, "max_tokens": 50_000.0}, CHAT, 50_000),
    ({"messages": HELLO, "max_tokens": "50000"}, CHAT, 50_000),
    ({"messages": HELLO, "max_tokens": 0}, CHAT, 4_096),
    ({"messages": HELLO, "max_tokens": -1}, CHAT, 4_096),
    ({"messages": HELLO}, CHAT, 4_096),
    ({"messages": HELLO, "max_tokens": 1_000, "n": 50}, CHAT, 50_000),
    ({"messages": HELLO, "max_tokens": 1_000, "n": "50"}, CHAT, 50_000),
    ({"prompt": ["hi"] * 50, "max_tokens": 1_000}, "/v1/completions", 50_000),
    ({"input": ["some words "] * 500}, "/v1/embeddings", 1_000),
    # The bound that counts is out of sight: nested ones, and those before it, are not believed.
    ({"metadata": {"max_tokens": 1}, "messages": LONG, "max_tokens": 9_000}, CHAT, 40_000),
    ({"n": 20, "messages": LONG, "max_tokens": 9}, CHAT, 100_000),
    ({"messages": [{"role": "user", "content": "x" * 150_000}]}, CHAT, 50_000),
]


@pytest.mark.parametrize("case", range(len(BOUNDS)))
def test_whatever_a_body_says_of_its_bound_enough_is_reserved(client, case):
    """A client cannot make itself look small; the bill is charged in full, whatever it is."""
    body, path, at_least = BOUNDS[case]
    content = json.dumps({"model": "fast", **body}).encode()
    assert reserved(client, f"tokens-{case}", content, path) >= at_least


def test_of_a_bound_that_is_said_twice_the_one_that_providers_take_counts(client):
    """The last one, as in every JSON parser that takes the text at all."""
    twice = b'{"model":"fast","messages":[],"max_tokens":1,"max_tokens":50000}'
    assert reserved(client, "twice", twice) >= 50_000


def test_of_a_model_that_is_said_twice_the_provider_gets_the_one_that_was_admitted(running, client):
    """Both are written anew: which of them counts is not the client's choice."""
    for first, second in (("dear", "fast"), ("fast", "dear")):
        said = '"messages":[{"role":"user","content":"hi"}]'
        body = f'{{"model":"{first}",{said},"model":"{second}"}}'
        headers = {**bearer("acme"), "content-type": "application/json"}
        answer = client.post(CHAT, content=body.encode(), headers=headers)
        if answer.status_code == 200:
            assert answer.json()["model"] == "gpt-4o-mini"
        else:
            assert answer.status_code in (400, 404)


def test_usage_that_a_client_does_not_want_to_be_told_is_counted(running, client):
    """`include_usage: false`, said twice, or null: the row says what the provider told."""
    for options in (b'{"include_usage":false}', b"null", b'{"include_usage":false,"x":1}'):
        twice = b'"stream_options":{"include_usage":true},"stream_options":' + options
        body = b'{"model":"fast","stream":true,"messages":[{"role":"user","content":"hi"}],'
        answer = client.post(
            CHAT,
            content=body + twice + b"}",
            headers={**bearer("rich"), "content-type": "application/json"},
        )
        assert answer.status_code == 200

    def rows() -> list[dict[str, Any]]:
        found = usage_rows(running.edges[0])
        return [one for one in found if one["tenant"] == "rich" and one["model"] == "fast"]

    until(lambda: len(rows()) >= 3, "no rows", deadline=20)
    assert all(one["told"] and one["output"] > 0 for one in rows())


def test_requests_of_nobody_have_no_row(running, client):
    """What has a line for its places' sake alone is not told of in the ledger."""
    client.get("/narrow")
    client.get("/orders", headers=bearer("rich"))
    until(
        lambda: any(one["route"] == "orders" for one in usage_rows(running.edges[0])),
        "no rows",
        deadline=20,
    )
    assert not [one for one in usage_rows(running.edges[0]) if one["route"] == "narrow"]


def test_the_edge_logs_no_fault_and_no_key(running: Gateway):
    """After all of these."""
    said = running.edges[0].said
    assert "could not be answered" not in said
    everywhere = running.outputs()
    assert Path("state/ledger.sqlite").name in "".join(everywhere)
    for where, text in everywhere.items():
        assert KEY not in text, where
