"""Upstreams that speak HTTP/2 and gRPC, and connections that change to websockets."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest

from simulator.config import Config, Provider
from simulator.running import start_in_thread
from tests.e2e.rest_gateway import gateway
from tests.e2e.rest_upstream import upstream

POLICY = """\
gatewright: v1
name: protocols
listeners: { public: { port: 8080, address: 127.0.0.1 } }
services:
  greeter: { protocol: grpc, endpoints: ["127.0.0.1:<grpc>"] }
  sockets: { endpoints: ["<sockets>"] }
  echo1: { endpoints: ["127.0.0.1:<echo>"] }
  echo2:
    protocol: http2
    endpoints: ["127.0.0.1:<echo>"]
    health: { path: /healthz, interval: 1s, healthy_after: 1 }
routes:
  - match: /test.Greeter
    service: greeter
    timeout: none
    retries: { attempts: 3, on: [unavailable], backoff: { base: 1ms, max: 2ms } }
  - { match: /ws, service: sockets, upgrade: websocket, timeout: 200ms, idle_timeout: 5s }
  - { match: /plain, service: sockets }
  - { match: /echo1, service: echo1 }
  - { match: /echo2, service: echo2 }
"""


class Greeter(grpc.GenericRpcHandler):
    """Echoes; `flaky` is unavailable every time but the third."""

    def __init__(self):
        self.calls = 0

    def service(self, details):
        match details.method:
            case "/test.Greeter/Echo":
                return grpc.unary_unary_rpc_method_handler(lambda request, _: request)
            case "/test.Greeter/Chat":
                return grpc.stream_stream_rpc_method_handler(lambda requests, _: requests)
            case "/test.Greeter/Flaky":
                return grpc.unary_unary_rpc_method_handler(self._flaky)
        return None

    def _flaky(self, request, context):
        self.calls += 1
        if self.calls % 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return request


@pytest.fixture(scope="module")
def envoy():
    with (
        ThreadPoolExecutor(4) as pool,
        upstream("sockets") as sockets,
        start_in_thread(Config((Provider("echo", "echo", port=0),))) as echo,
    ):
        server = grpc.server(pool, handlers=(Greeter(),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            places = {"grpc": port, "sockets": sockets.address, "echo": echo.port_of("echo")}
            with gateway(POLICY, **places) as envoy:
                yield envoy
        finally:
            server.stop(None).wait()


@pytest.fixture
def channel(envoy):
    with grpc.insecure_channel(f"127.0.0.1:{envoy.port('public')}") as channel:
        yield channel


@pytest.mark.parametrize(("path", "version"), [("/echo1", "1.1"), ("/echo2", "2")])
def test_services_are_spoken_to_in_their_protocol(envoy, path, version):
    """An HTTP/1.1 client reaches an HTTP/2 service, whose health is asked for in HTTP/2 too."""
    answer = httpx.post(envoy.url("public") + path, content=b"hello")
    assert (answer.json()["version"], answer.json()["body"]) == (version, "hello")


def test_a_unary_call(channel):
    """Calls pass through, trailers and all."""
    assert channel.unary_unary("/test.Greeter/Echo")(b"hello", timeout=10) == b"hello"


def test_a_stream_in_both_directions(channel):
    """Messages come back one by one, while the client still sends."""
    call = channel.stream_stream("/test.Greeter/Chat")(iter([b"a", b"b", b"c"]), timeout=10)
    assert list(call) == [b"a", b"b", b"c"]


def test_unavailable_is_retried(channel):
    """Two calls that end UNAVAILABLE are made again, and the client sees the third."""
    assert channel.unary_unary("/test.Greeter/Flaky")(b"x", timeout=10) == b"x"


def test_a_path_that_no_route_takes_is_unimplemented(channel):
    """A gRPC client gets a gRPC status for what is not routed."""
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/other.Service/Call")(b"x", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def _upgrade(envoy, path):
    connection = socket.create_connection(("127.0.0.1", envoy.port("public")), timeout=5)
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    return connection, head.split(b"\r\n")[0]


def test_a_websocket_outlives_the_routes_timeout(envoy):
    """Bytes go both ways after the upgrade, also after the time that a request may take."""
    connection, status = _upgrade(envoy, "/ws")
    with connection:
        assert status == b"HTTP/1.1 101 Switching Protocols"
        connection.sendall(b"first")
        assert connection.recv(100) == b"first"
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        connection.settimeout(5)
        connection.sendall(b"second")
        assert connection.recv(100) == b"second"


def test_a_route_without_upgrade_refuses_websockets(envoy):
    """No protocol is changed to unless the route says so."""
    connection, status = _upgrade(envoy, "/plain")
    connection.close()
    assert status == b"HTTP/1.1 403 Forbidden"
