"""Hosts on demand on the real Envoy: fetched by the first request, whole bodies, quick 404s."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from compiler.pipeline import compile_sources
from compiler.read import sources_of
from tests.e2e.envoy_process import running, until
from tests.e2e.envoy_versions import OLDEST, envoy_of
from tests.e2e.load import load
from tests.e2e.plane_thread import running_plane
from xds.bootstrap import CONTROL_PLANE

HOSTS = 2000
TABLE = "edge@on-demand"


@contextmanager
def echo():
    """An upstream that answers with the body that it got, or with its name."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"echo")

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def policy(port, *, hosts=HOSTS, first=0, body="hello", service="a"):
    """h0, h1 and so on answer for themselves and forward; any host below wild.test answers."""
    lines = [
        "gatewright: v1",
        "name: demand",
        'envoy: "1.40"',
        "listeners: { edge: { port: 8080, address: 127.0.0.1, hosts: on_demand } }",
        "services:",
        f'  {service}: {{ endpoints: ["127.0.0.1:{port}"] }}',
        "routes:",
        '  - { host: "*.wild.test", match: { path: /own }, respond: { status: 200, body: wild } }',
    ]
    for n in range(first, first + hosts):
        host = f"h{n}.example.com"
        told = f"respond: {{ status: 200, body: {body if n == 7 else 'own'} }}"
        lines += [
            f"  - {{ host: {host}, match: {{ path: /own }}, {told} }}",
            f"  - {{ host: {host}, match: /up, service: {service} }}",
        ]
    return "\n".join(lines)


def compiled(text):
    made = compile_sources(sources_of({"gateway.yaml": text}), until="checked")
    assert made.ok, made.diagnostics
    for one in made.lowered.resources:
        if hasattr(one.message, "filter_chains"):
            one.message.address.socket_address.port_value = 0
    return made.lowered.resources


@pytest.fixture(scope="module")
def upstream():
    with echo() as port:
        yield port


@pytest.fixture(scope="module")
def served(upstream):
    with running_plane() as plane:
        plane.publish(*compiled(policy(upstream)))
        started = time.monotonic()
        with running(plane.bootstrap("delta")) as envoy:
            envoy.port("edge")
            assert time.monotonic() - started < 10, "the listener waited for hosts"
            yield plane, envoy


def answer(envoy, host, path="/own", body=None):
    method = "GET" if body is None else "POST"
    url = envoy.url("edge") + path
    got = httpx.request(
        method, url, headers={"host": host}, content=body, trust_env=False, timeout=8
    )
    return got.status_code, got.text


def hosts_of(envoy):
    """The domains of the virtual hosts that this Envoy has."""
    dump = envoy.json("/config_dump?resource=dynamic_route_configs")
    return {
        domain
        for one in dump.get("configs", [])
        for host in one["route_config"].get("virtual_hosts", [])
        for domain in host["domains"]
    }


def test_nothing_but_the_shell_is_sent_at_first(served):
    """Of 2,000 hosts, an Envoy that has had no request knows none."""
    _plane, envoy = served
    assert envoy.stats(r"\.rds\.edge@on-demand\.update_success$")
    assert not hosts_of(envoy)


def test_the_first_request_of_a_host_is_answered(served):
    """Nobody notices that the host was not there; others stay unknown."""
    _plane, envoy = served
    assert answer(envoy, "h1.example.com") == (200, "own")
    assert answer(envoy, "h1.example.com", "/up") == (200, "echo")
    known = hosts_of(envoy)
    assert "h1.example.com" in known
    assert "h2.example.com" not in known


@pytest.mark.parametrize("size", [1, 30_000, 3_000_000])
def test_the_body_of_a_first_request_arrives_whole(served, size):
    """Held back while the host is fetched, and sent on then."""
    _plane, envoy = served
    body = "x" * size
    assert answer(envoy, f"h{100 + size % 97}.example.com", "/up", body) == (200, body)


def test_a_body_that_comes_after_the_host_arrives_whole(served):
    """The headers alone have the host fetched; both parts of the body are still to come."""
    _plane, envoy = served
    with socket.create_connection(("127.0.0.1", envoy.port("edge")), timeout=8) as client:
        client.sendall(
            b"POST /up HTTP/1.1\r\nhost: h99.example.com\r\ncontent-length: 10\r\n"
            b"connection: close\r\n\r\n"
        )
        until(lambda: "h99.example.com" in hosts_of(envoy), "not fetched", envoy)
        client.sendall(b"first")
        client.sendall(b"other")
        got = b"".join(iter(lambda: client.recv(4096), b""))
    assert got.startswith(b"HTTP/1.1 200")
    assert got.endswith(b"\r\n\r\nfirstother")


def test_an_unknown_host_is_told_so_quickly(served):
    """404, and not a request that hangs; again when it is asked again."""
    _plane, envoy = served
    for _ in range(2):
        started = time.monotonic()
        assert answer(envoy, "nobody.example.org")[0] == 404
        assert time.monotonic() - started < 2


def test_hosts_below_a_wildcard_come_one_by_one(served):
    """The wildcard itself would take hosts that have routes of their own."""
    _plane, envoy = served
    assert answer(envoy, "a.wild.test") == (200, "wild")
    assert answer(envoy, "b.wild.test:8443") == (200, "wild")
    assert answer(envoy, "B.wild.test") == (200, "wild")
    assert {"a.wild.test", "b.wild.test"} <= hosts_of(envoy)
    assert "*.wild.test" not in hosts_of(envoy)


def test_a_host_with_a_port_and_without_is_one(served):
    """In either order; Envoy refuses a table that has a domain twice."""
    plane, envoy = served
    for host in ("h20.example.com:8080", "h20.example.com", "h20.example.com:9", "H20.example.com"):
        assert answer(envoy, host) == (200, "own")
    assert not plane.nacks


def test_a_path_without_a_route_does_not_ask_again(served):
    """The host says 404 itself."""
    _plane, envoy = served
    answer(envoy, "h30.example.com")
    name = next(n for n in envoy.stats(r"\.vhds\..*update_attempt$"))
    before = envoy.stats(name)[name]
    assert answer(envoy, "h30.example.com", "/no-such")[0] == 404
    assert envoy.stats(name)[name] == before


def test_only_what_was_asked_for_is_on_the_wire(served, upstream):
    """One host costs its own bytes, a changed one likewise, and one never asked for nothing."""
    plane, envoy = served
    assert answer(envoy, "h7.example.com") == (200, "hello")
    name = f"cluster.{CONTROL_PLANE}.upstream_cx_rx_bytes_total"
    before = envoy.stats(name)[name]
    assert answer(envoy, "h40.example.com") == (200, "own")
    assert envoy.stats(name)[name] - before < 2000
    tables = envoy.stats(r"\.rds\.edge@on-demand\.update_success$")
    assert plane.publish_and_wait(*compiled(policy(upstream, body="changed")))
    until(lambda: answer(envoy, "h7.example.com") == (200, "changed"), "not live", envoy)
    assert envoy.stats(name)[name] - before < 4000
    assert envoy.stats(r"\.rds\.edge@on-demand\.update_success$") == tables
    quiet = envoy.stats(name)[name]
    assert plane.publish_and_wait(*compiled(policy(upstream, body="changed", hosts=HOSTS + 5)))
    assert envoy.stats(name)[name] - quiet < 200
    assert answer(envoy, f"h{HOSTS + 1}.example.com") == (200, "own")


def test_a_host_that_goes_and_comes_is_followed(served, upstream):
    """It is 404 while it is gone, and there again without another word."""
    plane, envoy = served
    assert plane.publish_and_wait(*compiled(policy(upstream)))
    assert answer(envoy, "h50.example.com") == (200, "own")
    assert plane.publish_and_wait(*compiled(policy(upstream, first=100)))
    assert answer(envoy, "h50.example.com")[0] == 404
    assert plane.publish_and_wait(*compiled(policy(upstream)))
    assert "h50.example.com" in hosts_of(envoy)
    assert answer(envoy, "h50.example.com") == (200, "own")
    assert not plane.nacks


@pytest.mark.slow
def test_edits_under_load_fail_no_request(served, upstream):
    """Clusters, bodies and hosts change while known and new hosts are asked for."""
    plane, envoy = served
    assert plane.publish_and_wait(*compiled(policy(upstream)))
    host = "h60.example.com"
    fresh = 0
    with load(envoy.url("edge") + "/up", headers={"host": host}) as requests:
        requests.wait_for("echo")
        for turn in range(6):
            edit = policy(upstream, service="ab"[turn % 2], body=f"b{turn}", hosts=HOSTS - turn)
            plane.publish(*compiled(edit))
            for _ in range(10):
                fresh += 1
                assert answer(envoy, f"h{200 + fresh}.example.com", "/up") == (200, "echo")
            assert plane.publish_and_wait(*compiled(edit))
        requests.wait_for("echo", count=20)
    assert not requests.failures
    assert not plane.nacks


def test_a_control_plane_that_comes_back_is_asked_on(upstream):
    """Known hosts go on meanwhile; changes and new hosts come from the other one."""
    with running_plane() as first:
        first.publish(*compiled(policy(upstream)))
        address = first.plane.address
        with running(first.bootstrap("delta")) as envoy:
            assert answer(envoy, "h7.example.com") == (200, "hello")
            assert answer(envoy, "h8.example.com:81", "/up") == (200, "echo")
            with load(envoy.url("edge") + "/up", headers={"host": "h8.example.com"}) as requests:
                requests.wait_for("echo")
                first.do(first.plane.stop(0.5))
                with running_plane(address) as second:
                    second.publish(*compiled(policy(upstream, body="new")))
                    until(lambda: answer(envoy, "h7.example.com") == (200, "new"), "not new", envoy)
                    assert answer(envoy, "h9.example.com") == (200, "own")
                    assert answer(envoy, "nobody.example.org")[0] == 404
                    assert not second.nacks
                    assert hosts_of(envoy) == {f"h{n}.example.com" for n in (7, 8, 9)}
            assert not requests.failures


@pytest.mark.parametrize("peer", ["sotw", pytest.param("oldest", marks=pytest.mark.slow)])
def test_who_cannot_ask_has_all_hosts(upstream, peer):
    """State of the world, and Envoys before 1.40."""
    with running_plane() as plane:
        plane.publish(*compiled(policy(upstream, hosts=50)))
        binary = envoy_of(OLDEST) if peer == "oldest" else None
        protocol = "delta" if peer == "oldest" else "sotw"
        with running(plane.bootstrap(protocol), envoy=binary) as envoy:
            assert answer(envoy, "h7.example.com") == (200, "hello")
            assert answer(envoy, "a.wild.test") == (200, "wild")
            assert answer(envoy, "nobody.example.org")[0] == 404
            assert "h49.example.com" in hosts_of(envoy)
            assert not plane.nacks
