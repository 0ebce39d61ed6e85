"""Providers over TLS: HTTP/2 where they offer it, their name called and verified, roots by SDS.

Another Envoy stands before the recording provider: it ends TLS, and tells in headers by which
protocol and which server name it was called.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h2.connection
import h2.events
import pytest
import trustme

from compiler.plan_llm import Api, Provider, Trigger, Url
from compiler.plan_policies import Applied
from policies.secret import SecretKind, SecretRef
from policies.upstream_tls import UpstreamTls
from tests.e2e.envoy_process import running
from tests.e2e.llm_gateway import AT, Gateway, gateway, key_of, model, plan, provider
from tests.e2e.llm_upstream import (
    Answer,
    Upstream,
    chat_chunk,
    message,
    openai_error,
    sse,
    upstream,
)

ROOTS = SecretRef(SecretKind.TRUST, ("file:test-ca.pem",))
TYPES = "type.googleapis.com/envoy.extensions"
TELL_TRAILERS = """
function envoy_on_request(handle)
  if #(handle:headers():get("content-length") or "") > 4 then return end -- not the large ones
  handle:body(true)
  local trailers = handle:trailers()
  if not trailers then return end
  local names = {}
  for name, _ in pairs(trailers) do names[#names + 1] = name end
  handle:headers():add("x-told-trailers", table.concat(names, ","))
end
"""
PROTOCOLS = {"h2": "HTTP/2", "http/1.1": "HTTP/1.1"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def tls_front(behind: Upstream, authority: trustme.CA, alpn: str) -> Iterator[int]:
    """An Envoy that ends TLS for `localhost` and offers one protocol; gives its port."""
    certificate = authority.issue_cert("localhost")
    context = {
        "@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "alpn_protocols": [alpn],
            "tls_certificates": [
                {
                    "certificate_chain": {
                        "inline_string": certificate.cert_chain_pems[0].bytes().decode()
                    },
                    "private_key": {"inline_string": certificate.private_key_pem.bytes().decode()},
                }
            ],
        },
    }
    told = [("x-told-protocol", "%PROTOCOL%"), ("x-told-name", "%REQUESTED_SERVER_NAME%")]
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "any",
                    "domains": ["*"],
                    "request_headers_to_add": [
                        {"header": {"key": name, "value": value}} for name, value in told
                    ],
                    "routes": [
                        {"match": {"prefix": "/"}, "route": {"cluster": "up", "timeout": "0s"}}
                    ],
                }
            ]
        },
        "http_filters": [
            {
                "name": "lua",
                "typed_config": {
                    "@type": f"{TYPES}.filters.http.lua.v3.Lua",
                    "default_source_code": {"inline_string": TELL_TRAILERS},
                },
            },
            {"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}},
        ],
    }
    bootstrap: dict[str, Any] = {
        "static_resources": {
            "listeners": [
                {
                    "name": "front",
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                    "listener_filters": [
                        {
                            "name": "tls_inspector",
                            "typed_config": {
                                "@type": f"{TYPES}.filters.listener.tls_inspector.v3.TlsInspector"
                            },
                        }
                    ],
                    "filter_chains": [
                        {
                            "transport_socket": {"name": "tls", "typed_config": context},
                            "filters": [{"name": "hcm", "typed_config": manager}],
                        }
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "up",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "up",
                        "endpoints": [
                            {
                                "lb_endpoints": [
                                    {
                                        "endpoint": {
                                            "address": {
                                                "socket_address": {
                                                    "address": "127.0.0.1",
                                                    "port_value": behind.port,
                                                }
                                            }
                                        }
                                    }
                                ]
                            }
                        ],
                    },
                }
            ],
        }
    }
    with running(bootstrap, log_level="warning") as envoy:
        yield envoy.port("front")


def secure(name: str, port: int, api: Api = Api.OPENAI, **tls: Any) -> Provider:
    """A provider at https://localhost, trusted by the test's own roots."""
    policy = Applied("tls", UpstreamTls(trust=ROOTS, **tls), AT)
    return provider(name, port, api, url=Url("https", "localhost", port, "/v1"), policies=(policy,))


@pytest.fixture(scope="module", params=list(PROTOCOLS))
def lane(request, authority) -> Iterator[tuple[Gateway, Upstream, str]]:
    with (
        upstream() as one,
        tls_front(one, authority, request.param) as port,
    ):
        models = [
            model(
                "fast", "a/gpt-a", "b/gpt-b", on=(Trigger.RATE_LIMITED, Trigger.CONTEXT_EXCEEDED)
            ),
            model("smart", "c/claude", api=Api.ANTHROPIC),
        ]
        providers = [secure("a", port), secure("b", port), secure("c", port, Api.ANTHROPIC)]
        roots = {ROOTS: authority.cert_pem.bytes()}
        with gateway(plan(providers, models), roots) as found:
            yield found, one, PROTOCOLS[request.param]


def test_the_provider_is_called_by_its_name_and_best_protocol(lane):
    """SNI and host are the URL's; HTTP/2 is spoken where ALPN offers it."""
    running_gateway, one, protocol = lane
    one.requests.clear()
    assert running_gateway.chat().status_code == 200
    (request,) = one.requests
    assert request.headers["x-told-protocol"] == protocol
    assert request.headers["x-told-name"] == "localhost"
    assert request.headers["host"].startswith("localhost:")
    assert request.headers["authorization"] == f"Bearer {key_of('a')}"
    assert request.json["model"] == "gpt-a"


def test_a_client_s_trailers_bring_no_credential_to_a_provider(lane):
    """HTTP/2 clients may send headers after the body: nothing of them goes on."""
    running_gateway, one, _ = lane
    one.requests.clear()
    body = json.dumps({"model": "fast", "messages": []}).encode()
    trailers = [("authorization", "Bearer planted"), ("x-api-key", "planted"), ("x-note", "a")]
    port = running_gateway.envoy.port("public")
    assert send_with_trailers(port, "/v1/chat/completions", body, trailers) == 200
    (request,) = one.requests
    assert "planted" not in str(request.headers)
    assert "x-told-trailers" not in request.headers


def send_with_trailers(port: int, path: str, body: bytes, trailers: list[tuple[str, str]]) -> int:
    """POST over clear-text HTTP/2 with trailers; give the answer's status."""
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    head = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", path)]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        connection.send_headers(1, [*head, ("content-type", "application/json")])
        connection.send_data(1, body)
        connection.send_headers(1, trailers, end_stream=True)
        wire.sendall(connection.data_to_send())
        while True:
            for event in connection.receive_data(wire.recv(65_536)):
                if isinstance(event, h2.events.ResponseReceived):
                    return int(dict(event.headers)[b":status"])
            wire.sendall(connection.data_to_send())


@pytest.mark.parametrize(
    "refusal",
    [openai_error(429, "slow"), openai_error(400, "x", "context_length_exceeded")],
    ids=["429", "context"],
)
@pytest.mark.parametrize("size", [10, 5 << 20])
def test_a_chain_goes_on_over_tls(lane, refusal, size):
    """Both attempts are whole, whatever the protocol, small or large."""
    running_gateway, one, _ = lane
    one.requests.clear()
    good = one.behave
    one.behave = lambda r: refusal if r.json["model"] == "gpt-a" else Answer(body=b'{"ok":1}')
    try:
        answer = running_gateway.chat(padding="x" * size)
    finally:
        one.behave = good
    assert (answer.status_code, answer.json()) == (200, {"ok": 1})
    first, second = one.requests
    assert first.headers["authorization"] == f"Bearer {key_of('a')}"
    assert second.headers["authorization"] == f"Bearer {key_of('b')}"
    assert len(first.body) == len(second.body)


def test_streams_over_tls_are_read_and_hidden(lane):
    """Usage nobody asked for is accounted and hidden over both protocols."""
    running_gateway, one, _ = lane
    events = sse(chat_chunk("hi"), chat_chunk(None, usage={"prompt_tokens": 9}))
    good = one.behave
    one.answer(Answer(content_type="text/event-stream", chunks=events))
    try:
        answer = running_gateway.chat(stream=True)
    finally:
        one.behave = good
    assert answer.content == events[0] + events[2]


def test_anthropic_s_key_goes_by_its_own_header_over_tls(lane):
    """The Anthropic provider gets `x-api-key` and the version."""
    running_gateway, one, _ = lane
    one.requests.clear()
    good = one.behave
    one.answer(message())
    try:
        assert running_gateway.messages().status_code == 200
    finally:
        one.behave = good
    assert one.requests[0].headers["x-api-key"] == key_of("c")


@pytest.mark.parametrize("wrong", ["roots", "name"])
def test_a_provider_that_cannot_prove_its_name_gets_nothing(authority, wrong):
    """With other roots or another name in its certificate no request is sent; the chain goes on."""
    with (
        upstream() as impostor,
        upstream() as good,
        tls_front(impostor, authority, "h2") as port,
    ):
        roots = trustme.CA() if wrong == "roots" else authority
        verify = ("api.example.com",) if wrong == "name" else ()
        chained = model("fast", "a/x", "b/y", on=(Trigger.CONNECT_FAILURE,))
        providers = [secure("a", port, verify=verify), provider("b", good)]
        with gateway(plan(providers, [chained]), {ROOTS: roots.cert_pem.bytes()}) as found:
            assert found.chat().headers["x-gatewright-target"] == "b/y"
            assert impostor.requests == []
