"""What an Envoy does at the limits that its bootstrap sets."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import httpx
import pytest

from cli.main import main
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.simulated import any_ports
from compiler.standalone import standalone
from tests.e2e.envoy_process import running, until, validate
from xds.bootstrap import Address, Bootstrap, bootstrap
from xds.overload import Overload, overload_manager
from xds.wire import to_json

POLICY = """\
gatewright: v1
name: limits
listeners: { public: { port: 8080, address: 127.0.0.1 } }
routes: [{ match: /, respond: { status: 200, body: "here" } }]
"""


def limited(limits: Overload):
    """A whole Envoy with these limits."""
    lowered = compile_sources(sources_of({"gateway.yaml": POLICY}), revise=any_ports).lowered
    made = {**standalone(lowered), "overload_manager": to_json(overload_manager(limits))}
    return running(made)


def test_connections_beyond_the_limit_are_closed_and_the_others_served():
    """A flood of connections takes nothing from those that are there."""
    with limited(Overload(connections=2)) as envoy, ExitStack() as stack:
        port = envoy.port("public")
        first = stack.enter_context(httpx.Client(base_url=envoy.url("public")))
        assert first.get("/").text == "here"
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        third = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        assert third.recv(1) == b""
        assert first.get("/").text == "here"


def test_at_the_end_of_its_heap_it_takes_no_new_work():
    """Requests and connections are turned away; the process lives, and its admin answers."""
    with limited(Overload(heap=1 << 20)) as envoy:  # less than it has at its start
        for action in ("stop_accepting_requests", "stop_accepting_connections"):
            name = f"overload.envoy.overload_actions.{action}.active"
            until(lambda name=name: envoy.stats("overload").get(name) == 1, name, envoy)
        assert envoy.ready()


@pytest.mark.parametrize("limits", [Overload(), Overload(heap=2 << 30)])
def test_envoy_takes_a_bootstrap_with_limits(limits):
    """The real Envoy has nothing against it."""
    wanted = Bootstrap(Address("127.0.0.1", 18_000), "n", "c", overload=limits)
    validate(to_json(bootstrap(wanted)))


@pytest.mark.parametrize(
    "wrong", [["--max-heap", "2"], ["--max-heap", "0 GiB"], ["--max-connections", "0"]]
)
def test_limits_that_are_none_are_refused(wrong, capsys):
    """With exit code 2, and the form that is wanted."""
    with pytest.raises(SystemExit) as left:
        main(["bootstrap", "--node-id", "x", *wrong])
    assert left.value.code == 2
    assert capsys.readouterr().err
