"""Any order of changes, deliveries, refusals and broken streams: the client ends at the snapshot.

On the way no route ever points to a cluster that is not ready, and nothing is said without need.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.xds.hand_made import cluster, endpoints, listener, routes
from tests.xds.model_envoy import TYPES, ModelEnvoy, target_of
from xds.group import Group
from xds.order import CLUSTER, LISTENER, ROUTE
from xds.snapshot import snapshot

NAMES = ("a", "b", "c", "d")

gateways = st.fixed_dictionaries(
    {
        "clusters": st.dictionaries(st.sampled_from(NAMES), st.integers(1, 3), min_size=1),
        "listeners": st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 1), min_size=1),
        "targets": st.lists(st.integers(0, 3), min_size=2, max_size=2),
        "ports": st.integers(1, 2),
    }
)


def resources(gateway):
    """A whole policy: every listener has routes, every route a cluster, every cluster endpoints."""
    names = sorted(gateway["clusters"])
    for name in names:
        yield cluster(name, connect_timeout=gateway["clusters"][name])
        yield endpoints(name, gateway["ports"])
    for name, target in zip(sorted(gateway["listeners"]), gateway["targets"], strict=False):
        yield listener(name, port=gateway["listeners"][name])
        yield routes(name, to=names[target % len(names)])


class ControlPlane(RuleBasedStateMachine):
    """One Envoy and its group, with every message on the wire delivered on its own."""

    protocol = ""

    @initialize(gateway=gateways)
    def start(self, gateway):
        self.group = Group()
        self.group.publish(snapshot(resources(gateway)))
        self.envoy = ModelEnvoy(self.group, self.protocol)
        self.refused = False

    @rule(gateway=gateways)
    def publish(self, gateway):
        self.envoy.responses += self.envoy.client.publish(snapshot(resources(gateway)))

    @rule(times=st.integers(1, 6))
    def deliver(self, times):
        for _ in range(times):
            self.envoy.deliver()

    @rule(times=st.integers(1, 6))
    def hear(self, times):
        for _ in range(times):
            self.envoy.hear()

    @rule()
    def reconnect(self):
        self.envoy.reconnect()

    # Refused endpoints would leave their cluster warming, and the stream waiting, for ever.
    @rule(type_url=st.sampled_from([CLUSTER, LISTENER, ROUTE]))
    def refuse(self, type_url):
        self.refused = True
        self.envoy.refuse_next = type_url

    @rule()
    def come_to_rest(self):
        self.envoy.refuse_next = None
        for _ in range(1_000):
            if not self.envoy.hear() and not self.envoy.deliver():
                break
        else:
            pytest.fail("they never stop talking")
        assert self.envoy.client.take() == []
        target = self.group.target
        assert self.envoy.client.session.has == target.version
        held = self.envoy.held
        for url in TYPES:
            wanted = {name: one.body for name, one in target.of(url).by_name.items()}
            if url in (CLUSTER, LISTENER):
                assert held[url] == wanted
            else:
                assert held[url] == {n: b for n, b in wanted.items() if n in held[url]}
        assert not self.envoy.warming

    @rule()
    def retry(self):
        """The operator asks for another try of what was refused."""
        if self.group.forgive():
            self.group.steer(self.envoy.client.now)
        self.envoy.responses += self.envoy.client.take()

    @invariant()
    def every_route_has_a_warm_cluster(self):
        # What was refused may leave a route without its cluster: there is nothing better to send.
        if not hasattr(self, "envoy") or self.refused:
            return
        for name, body in self.envoy.held[ROUTE].items():
            assert target_of(body) in self.envoy.active, name

    @invariant()
    def no_more_than_one_push_of_a_type_is_in_flight(self):
        if not hasattr(self, "envoy") or self.protocol == "delta":
            return
        types = [one.type_url for one in self.envoy.responses]
        assert len(types) == len(set(types))

    def teardown(self):
        if hasattr(self, "envoy"):
            self.come_to_rest()


class Sotw(ControlPlane):
    protocol = "sotw"


class Delta(ControlPlane):
    protocol = "delta"


TestSotw = Sotw.TestCase
TestDelta = Delta.TestCase
TestSotw.settings = TestDelta.settings = settings(
    max_examples=60, stateful_step_count=30, report_multiple_bugs=False
)
