"""A change comes to real Envoys wave by wave, and goes back from them: no request is lost."""

from __future__ import annotations

from contextlib import ExitStack
from urllib.request import urlopen

import pytest

from tests.e2e.envoy_process import running, until
from tests.e2e.load import load
from tests.e2e.plane_thread import running_plane
from tests.xds.hand_made import cluster, endpoints, listener, routes
from xds.lane import Build
from xds.node_match import NodeMatch
from xds.placement import WHOLE, position
from xds.rollout import Command
from xds.rollout_event import Kind
from xds.snapshot import snapshot
from xds.wave import Strategy

CANARY, MIDDLE, LAST = "edge-0", "edge-3", "edge-1"
NODES = (CANARY, MIDDLE, LAST)
STRATEGY = Strategy((2_000, 5_000, WHOLE), hold=1.0, deadline=60.0, max_errors=500)


def build(body, *more):
    return Build("edge", NodeMatch(cluster="test"), snapshot((listener(), body, *more)))


def publish(plane, wanted, strategy=STRATEGY):
    return plane.do(plane.plane.publish_fleet([wanted], strategy))


def fetch(envoy):
    return urlopen(envoy.url("public"), timeout=10).read().decode()


class Events:
    """What happened to rollouts, in order."""

    def __init__(self, plane):
        self._plane = plane
        self._coming = plane.plane.happened()

    def next(self, kind):
        happened = self._plane.do(anext(self._coming))
        assert happened.event.kind is kind, str(happened)
        return happened


def broken():
    """Routes that Envoy refuses: a prefix rewrite and a regex rewrite at once."""
    wrong = routes(to="a")
    action = wrong.message.virtual_hosts[0].routes[0].route
    action.prefix_rewrite = "/x"
    action.regex_rewrite.pattern.regex = "("
    action.regex_rewrite.pattern.google_re2.SetInParent()
    return wrong


@pytest.fixture
def envoys():
    """Starts an Envoy a node, and ends them with the test."""
    with ExitStack() as stack:

        def start(plane, protocol="delta", nodes=NODES):
            return {
                node: stack.enter_context(running(plane.bootstrap(protocol, node_id=node)))
                for node in nodes
            }

        yield start


def test_the_nodes_of_these_tests_stand_where_they_should():
    """One in each wave."""
    assert position(CANARY) < 2_000 <= position(MIDDLE) < 5_000 <= position(LAST)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["delta", "sotw"])
def test_each_wave_has_the_change_before_the_next_and_no_request_is_lost(envoys, protocol):
    """Streams move to the candidate without being closed, and back to nobody."""
    with running_plane() as plane:
        events = Events(plane)
        publish(plane, build(routes(body="old")))
        events.next(Kind.FINISHED)
        nodes = envoys(plane, protocol)
        with load(nodes[CANARY].url("public")) as first, load(nodes[LAST].url("public")) as last:
            last.wait_for("old")
            publish(plane, build(routes(body="new")))
            events.next(Kind.STARTED)
            first.wait_for("new")
            assert (fetch(nodes[MIDDLE]), fetch(nodes[LAST])) == ("old", "old")
            events.next(Kind.ADVANCED)
            until(lambda: fetch(nodes[MIDDLE]) == "new", "the second wave has it not")
            assert fetch(nodes[LAST]) == "old"
            events.next(Kind.ADVANCED)
            last.wait_for("new")
            events.next(Kind.FINISHED)
        assert not first.failures
        assert not last.failures
        assert plane.plane.fleet.settled
        for envoy in nodes.values():
            assert envoy.stats("control_plane.connected_state")["control_plane.connected_state"]
            assert envoy.stats(r"cds.update_attempt$")


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["delta", "sotw"])
def test_what_the_canary_refuses_nobody_else_ever_sees(envoys, protocol, tmp_path):
    """It goes back to the last good snapshot; the change is quarantined, also after a restart."""
    base = (cluster("a"), endpoints("a", 1))
    wanted = build(broken(), *base)
    with running_plane(state=tmp_path) as plane:
        events = Events(plane)
        publish(plane, build(routes(body="old"), *base))
        events.next(Kind.FINISHED)
        nodes = envoys(plane, protocol)
        before = nodes[LAST].stats("rds.public.update_(success|rejected)")
        publish(plane, wanted)
        events.next(Kind.STARTED)
        happened = events.next(Kind.ROLLED_BACK)
        assert (happened.nack.node, happened.nack.names) == (CANARY, ("public",))
        assert "refused route configuration public" in happened.event.reason
        assert fetch(nodes[CANARY]) == "old"
        until(lambda: plane.plane.fleet.settled, "the canary did not go back")
        assert nodes[LAST].stats("rds.public.update_(success|rejected)") == before
        publish(plane, wanted)
        events.next(Kind.IGNORED)
        assert not plane.plane.fleet.complete
    with running_plane(state=tmp_path) as plane:
        events = Events(plane)
        publish(plane, wanted)
        events.next(Kind.IGNORED)
        assert fetch(envoys(plane, protocol, nodes=["edge-7"])["edge-7"]) == "old"
        # Another change is served.
        publish(plane, build(routes(body="fixed"), *base))
        events.next(Kind.STARTED)


@pytest.mark.slow
def test_a_canary_that_dies_of_a_change_takes_it_back(envoys):
    """Nobody else is given what may have killed it."""
    with running_plane(grace=1.0) as plane:
        events = Events(plane)
        publish(plane, build(routes(body="old")))
        events.next(Kind.FINISHED)
        nodes = envoys(plane, nodes=(CANARY, LAST))
        publish(plane, build(routes(body="new")), Strategy((2_000, WHOLE), 2.0, 60.0))
        events.next(Kind.STARTED)
        until(lambda: fetch(nodes[CANARY]) == "new", "the canary has it not")
        nodes[CANARY].process.kill()
        assert CANARY in events.next(Kind.ROLLED_BACK).event.reason
        assert fetch(nodes[LAST]) == "old"


@pytest.mark.slow
def test_failing_requests_take_a_change_back(envoys):
    """Told of the canary's errors, it rolls back before the hold is over."""
    careful = Strategy((2_000, WHOLE), hold=300.0, deadline=600.0, max_errors=500)

    async def measured(plane):
        plane.measured(CANARY, 100, 6)

    with running_plane() as plane:
        events = Events(plane)
        publish(plane, build(routes(body="old")), careful)
        events.next(Kind.FINISHED)
        nodes = envoys(plane, nodes=(CANARY, LAST))
        publish(plane, build(routes(body="new")), careful)
        events.next(Kind.STARTED)
        until(lambda: fetch(nodes[CANARY]) == "new", "the canary has it not")
        until(lambda: plane.plane.fleet.lanes["edge"].rollout.waits_for == "the hold to pass", "no")
        plane.do(measured(plane.plane))
        assert events.next(Kind.ROLLED_BACK).event.reason == "6 of 100 requests failed"
        until(lambda: fetch(nodes[CANARY]) == "old", "the canary did not go back")


@pytest.mark.slow
def test_a_restart_goes_on_with_the_wave_it_was_in(envoys, tmp_path):
    """The canary is served the candidate from the disk, the others the stable snapshot."""
    slow = Strategy((2_000, WHOLE), hold=300.0, deadline=600.0)

    async def promote(plane):
        plane.command("edge", Command.PROMOTE)

    with running_plane(state=tmp_path) as plane:
        publish(plane, build(routes(body="old")), slow)
        publish(plane, build(routes(body="new")), slow)
        Events(plane).next(Kind.FINISHED)
    with running_plane(state=tmp_path) as plane:
        nodes = envoys(plane, nodes=(CANARY, LAST))
        assert (fetch(nodes[CANARY]), fetch(nodes[LAST])) == ("new", "old")
        plane.do(promote(plane.plane))
        until(lambda: fetch(nodes[LAST]) == "new", "the promotion did not come")
