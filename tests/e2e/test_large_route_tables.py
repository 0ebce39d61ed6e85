"""Large route tables on the real Envoy: by virtual host in delta, whole in SotW, never a 404."""

from __future__ import annotations

import httpx
import pytest

from compiler.pipeline import compile_sources
from compiler.read import sources_of
from tests.e2e.envoy_process import running, until
from tests.e2e.envoy_versions import OLDEST, envoy_of
from tests.e2e.load import load
from tests.e2e.named_upstream import named_upstream
from tests.e2e.plane_thread import running_plane

HOSTS = 400


def policy(a: int, b: int, hosts: int = HOSTS, *, to="a", first=0, body="hello") -> str:
    """Any host goes to ``to``; h0, h1 and so on answer for themselves."""
    lines = [
        "gatewright: v1",
        "name: large",
        "listeners: { public: { port: 8080, address: 127.0.0.1 } }",
        "services:",
        f'  a: {{ endpoints: ["127.0.0.1:{a}"] }}',
        f'  b: {{ endpoints: ["127.0.0.1:{b}"] }}',
        "routes:",
        f"  - {{ match: /, service: {to} }}",
    ]
    lines += [
        f"  - {{ host: h{n}.example.com, match: {{ path: /own }}, "
        f"respond: {{ status: 200, body: {body if n == 7 else 'own'} }} }}"
        for n in range(first, first + hosts)
    ]
    return "\n".join(lines)


def compiled(text: str):
    made = compile_sources(sources_of({"gateway.yaml": text}), until="checked")
    assert made.ok, made.diagnostics
    for one in made.lowered.resources:
        if hasattr(one.message, "filter_chains"):
            one.message.address.socket_address.port_value = 0  # type: ignore[attr-defined] # it is a Listener
    return made.lowered.resources


@pytest.fixture(scope="module")
def ports():
    with named_upstream("a") as a, named_upstream("b") as b:
        yield a, b


@pytest.fixture(
    scope="module",
    params=["delta", "sotw", pytest.param("delta by the oldest", marks=pytest.mark.slow)],
)
def served(request, ports):
    protocol, _, oldest = request.param.partition(" ")
    with running_plane() as plane:
        plane.publish(*compiled(policy(*ports)))
        binary = envoy_of(OLDEST) if oldest else None
        with running(plane.bootstrap(protocol), envoy=binary) as envoy:
            envoy.port("public")
            yield plane, envoy, request.param == "delta"


def answer(envoy, host, path="/own"):
    got = httpx.get(envoy.url("public") + path, headers={"host": host}, trust_env=False)
    return got.status_code, got.text


def test_every_host_has_its_routes_and_those_of_wider_hosts(served, ports):
    """Whichever way the table came, requests find the same routes."""
    plane, envoy, in_parts = served
    assert plane.publish_and_wait(*compiled(policy(*ports)))
    assert answer(envoy, "h7.example.com") == (200, "hello")
    assert answer(envoy, "h8.example.com") == (200, "own")
    assert answer(envoy, "h8.example.com", "/else") == (200, "a")
    assert answer(envoy, "unknown.example.com") == (200, "a")
    vhds = envoy.stats(r"\.vhds\..*update_success$")
    assert bool(vhds) == in_parts


def test_a_changed_route_of_one_host_is_followed(served, ports):
    """One virtual host is sent, and the table is not."""
    plane, envoy, in_parts = served
    assert plane.publish_and_wait(*compiled(policy(*ports)))
    tables = envoy.stats(r"\.rds\.public@hosts\.update_success$")
    assert plane.publish_and_wait(*compiled(policy(*ports, body="changed")))
    assert answer(envoy, "h7.example.com") == (200, "changed")
    if in_parts:
        assert envoy.stats(r"\.rds\.public@hosts\.update_success$") == tables
    assert not plane.nacks


def test_hosts_that_come_and_go_fail_no_request(served, ports):
    """Under load, a quarter of the hosts is replaced, and all traffic moves to another cluster."""
    plane, envoy, _in_parts = served
    assert plane.publish_and_wait(*compiled(policy(*ports)))
    with load(envoy.url("public") + "/else") as requests:
        requests.wait_for("a")
        for turn in range(4):
            edit = policy(*ports, first=turn * 100, to="ba"[turn % 2])
            assert plane.publish_and_wait(*compiled(edit))
        assert plane.publish_and_wait(*compiled(policy(*ports, first=100, to="b")))
        requests.wait_for("b")
    assert not requests.failures
    assert answer(envoy, "h450.example.com") == (200, "own")
    assert answer(envoy, "h7.example.com") == (200, "b")
    assert not plane.nacks


def test_a_table_that_grows_large_and_small_again_fails_no_request(served, ports):
    """It changes its form under another name, and the listener warms up with it first."""
    plane, envoy, _in_parts = served
    small = compiled(policy(*ports, hosts=3))
    large = compiled(policy(*ports))
    assert plane.publish_and_wait(*small)
    port = envoy.port("public")
    with load(f"http://127.0.0.1:{port}/else") as requests:
        requests.wait_for("a")
        for _ in range(3):
            assert plane.publish_and_wait(*large)
            assert plane.publish_and_wait(*small)
        assert plane.publish_and_wait(*large)
        requests.wait_for("a", count=20)
    assert not requests.failures
    assert not plane.nacks


def test_a_control_plane_that_comes_back_with_other_hosts_fails_no_request(ports):
    """Envoy reconnects with what it has; what is gone goes, and what is new comes."""
    with running_plane() as first:
        first.publish(*compiled(policy(*ports)))
        address = first.plane.address
        with running(first.bootstrap("delta")) as envoy:
            url = envoy.url("public") + "/else"
            with load(url) as requests:
                requests.wait_for("a")
                first.do(first.plane.stop(0.5))
                with running_plane(address) as second:
                    second.publish(*compiled(policy(*ports, first=100, to="b")))
                    requests.wait_for("b")
                    until(
                        lambda: answer(envoy, "h450.example.com") == (200, "own"), "not new", envoy
                    )
                    until(lambda: answer(envoy, "h7.example.com") == (200, "b"), "not gone", envoy)
            assert not requests.failures
