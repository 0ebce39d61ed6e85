"""The newest and the oldest Envoy that are supported, by both protocols, on one small policy."""

from __future__ import annotations

import pytest

from compiler.pipeline import compile_sources
from compiler.read import sources_of
from tests.e2e.envoy_process import running, until
from tests.e2e.envoy_versions import OLDEST, envoy_of
from tests.e2e.load import load
from tests.e2e.named_upstream import named_upstream
from tests.e2e.plane_thread import running_plane
from tests.e2e.test_control_plane_changes import clusters, dumped
from xds.resource import Resource
from xds.wire import to_json

POLICY = """
gatewright: v1
name: peers
listeners:
  public: { port: 8080, address: 127.0.0.1 }
services:
  a: { endpoints: ["127.0.0.1:<a>"] }
  b: { endpoints: ["127.0.0.1:<b>"], connect_timeout: <connect> }
routes:
  - { match: /, service: <to> }
  - { match: { path: /same, method: POST }, service: a }
  - { match: { template: "/users/{id}" }, service: b, rewrite: { template: "/u/{id}" } }
  - { match: { path: /moved }, redirect: "https://new.example.com/x" }
  - { match: /hello, respond: { status: 200, body: <hello> } }
"""


@pytest.fixture(
    scope="module",
    params=["newest", OLDEST],
)
def binary(request):
    return None if request.param == "newest" else envoy_of(request.param)


@pytest.fixture(scope="module")
def upstreams():
    with named_upstream("a") as a, named_upstream("b") as b:
        yield a, b


@pytest.fixture(scope="module")
def compiled(upstreams):
    """Compile the policy with these values in it; its listener gets an ephemeral port."""
    a, b = upstreams

    def make(**values) -> tuple[Resource, ...]:
        text = POLICY
        for name, value in {
            "a": a,
            "b": b,
            "to": "a",
            "hello": "hi",
            "connect": "1s",
            **values,
        }.items():
            text = text.replace(f"<{name}>", str(value))
        made = compile_sources(sources_of({"gateway.yaml": text}), until="checked")
        assert made.ok, made.diagnostics
        for one in made.lowered.resources:
            if one.name == "public" and hasattr(one.message, "filter_chains"):
                one.message.address.socket_address.port_value = 0  # type: ignore[attr-defined] # it is a Listener
        return made.lowered.resources

    return make


@pytest.fixture(scope="module", params=["delta", "sotw"])
def served(request, binary, compiled):
    with running_plane() as plane:
        plane.publish(*compiled())
        with running(plane.bootstrap(request.param), envoy=binary) as envoy:
            envoy.port("public")
            yield plane, envoy


def test_config_dump_is_the_compiled_policy(served, compiled):
    """Every resource of the policy is in Envoy as it was compiled, and nothing else is."""
    plane, envoy = served
    resources = compiled(hello="dumped")
    assert plane.publish_and_wait(*resources)
    wanted = {
        f"{one.type_url.rpartition('.')[2]}/{one.name}": {
            "@type": one.type_url,
            **to_json(one.message),
        }
        for one in resources
    }
    until(lambda: dumped(envoy).keys() == wanted.keys(), "not the policy's names", envoy)
    for name, message in dumped(envoy).items():
        # Envoy fills in the defaults of an endpoint.
        if not name.startswith("ClusterLoadAssignment"):
            assert message == wanted[name]
    assert clusters(envoy)[1] == set()
    assert not plane.nacks


def test_edits_under_load_fail_no_request(served, compiled):
    """Twenty edits of routes, clusters and their endpoints, and every request is answered."""
    plane, envoy = served
    assert plane.publish_and_wait(*compiled())
    with load(envoy.url("public")) as requests:
        requests.wait_for("a")
        for turn in range(20):
            edit = [
                {"to": "b"},
                {"to": "b", "connect": "2s"},
                {"to": "a", "connect": "2s"},
                {"to": "a", "hello": f"turn {turn}"},
            ][turn % 4]
            assert plane.publish_and_wait(*compiled(**edit))
        assert plane.publish_and_wait(*compiled(to="b"))
        requests.wait_for("b")
    assert not requests.failures
    assert clusters(envoy)[1] == set()
    assert not plane.nacks
