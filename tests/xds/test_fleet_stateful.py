"""Any order of changes, answers, broken streams, commands and times: rollouts keep their word."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.xds.hand_made import listener, routes
from xds.fleet import Fleet
from xds.identity import Peer, Trust
from xds.lane import Build
from xds.node_match import NodeMatch
from xds.order import ROUTE
from xds.placement import WHOLE, position
from xds.rollout import Command, CommandError
from xds.rollout_event import Kind
from xds.schema import envoy
from xds.secrets import Resolution
from xds.snapshot import snapshot
from xds.sotw import SotwWatch
from xds.wave import Strategy

discovery = envoy.service.discovery.v3
NODES = [f"edge-{n}" for n in range(8)]  # positions from 1609 to 9984
PEER = Peer(Trust.MACHINE)
CAREFUL = Strategy((2_000, 5_000, WHOLE), hold=30.0, deadline=300.0)
BOLD = Strategy((5_000, WHOLE), hold=0.0, deadline=20.0)
BUILDS = {
    build.version: build
    for body in "abcde"
    for build in [Build("edge", NodeMatch(), snapshot([listener(), routes(body=body)]))]
}
VERSION_OF = {one.snapshot.of(ROUTE).by_name["public"].body: v for v, one in BUILDS.items()}


def version_of(routes_any):
    """The version of the build that a resource is of."""
    return VERSION_OF[routes_any.SerializeToString()]


nodes = st.sampled_from(NODES)


class Fleets(RuleBasedStateMachine):
    """A fleet whose nodes ask for one type each, and answer or refuse what they are sent."""

    @initialize(version=st.sampled_from(sorted(BUILDS)))
    def start(self, version):
        self.now = 0.0
        self.events = []
        self.fleet = Fleet(tell=lambda happened: self.events.append(happened.event))
        self.sessions = {}
        self.unanswered = {}
        self.has = {}
        self.refusals = set()
        self.publish(version, CAREFUL)

    @rule(version=st.sampled_from(sorted(BUILDS)), strategy=st.sampled_from([CAREFUL, BOLD]))
    def publish(self, version, strategy):
        self.strategy = strategy
        self.fleet.publish([BUILDS[version]], strategy, Resolution(), self.now)
        self.flush()

    @rule(node=nodes)
    def connect(self, node):
        if node in self.sessions:
            return
        message = envoy.config.core.v3.Node(id=node)
        session = self.fleet.join(message, PEER, SotwWatch, "", self.now)
        self.sessions[node] = session
        request = discovery.DiscoveryRequest(type_url=ROUTE, resource_names=["public"])
        request.node.id = node
        session.receive(request, self.now)
        self.flush()

    @rule(node=nodes)
    def disconnect(self, node):
        session = self.sessions.pop(node, None)
        if session is not None:
            self.unanswered.pop(node, None)
            self.fleet.leave(session, self.now)
            self.flush()

    @rule(node=nodes)
    def accept(self, node):
        self.answer(node)

    @precondition(lambda self: len(self.refusals) < 3)
    @rule(node=nodes)
    def refuse(self, node):
        # What nodes have taken already they take again.
        candidate = self.fleet.lanes["edge"].rollout.state.candidate
        if node in self.unanswered and candidate in map(
            version_of, self.unanswered[node].resources
        ):
            self.refusals.add(candidate)
            self.answer(node, error="refused public")
            assert self.events[-1].kind is Kind.ROLLED_BACK

    @rule(seconds=st.sampled_from([1.0, 15.0, 40.0, 400.0]))
    def wait(self, seconds):
        self.now += seconds
        self.fleet.tick(self.now)
        self.flush()

    @rule(command=st.sampled_from(list(Command)), force=st.booleans())
    def command(self, command, force):
        with suppress(CommandError):
            self.fleet.command("edge", command, self.now, force=force)
        self.flush()

    @rule()
    def come_to_rest(self):
        """With time and answers, all end at the stable snapshot."""
        for node in NODES:
            self.connect(node)
        if self.fleet.lanes["edge"].rollout.state.paused:
            self.fleet.command("edge", Command.RESUME, self.now)
        for _ in range(40):
            for node in NODES:
                while node in self.unanswered:
                    self.answer(node)
            self.wait(31.0)
        state = self.fleet.lanes["edge"].rollout.state
        assert state.candidate is None
        build = BUILDS[state.stable]
        wanted = build.snapshot.of(ROUTE).by_name["public"].body
        refused = any(url == ROUTE for url, _, _ in self.fleet.lanes["edge"].stable.refused)
        if not refused:
            assert set(self.has.values()) == {wanted}
            assert self.fleet.settled

    def answer(self, node, error=None):
        response = self.unanswered.pop(node, None)
        if response is None:
            return
        session = self.sessions[node]
        request = discovery.DiscoveryRequest(
            type_url=ROUTE, resource_names=["public"], response_nonce=response.nonce
        )
        if error is None:
            [taken] = response.resources
            self.has[node] = taken.SerializeToString()
        else:
            request.error_detail.message = error
        self.fleet.refuse(session, session.receive(request, self.now), self.now)
        self.flush()

    def flush(self):
        """Let every session say what it has to say, until there is nothing more."""
        again = True
        while again:
            again = False
            for node, session in self.sessions.items():
                for frame in session.flush(self.now):
                    self.send(node, discovery.DiscoveryResponse.FromString(frame))
                again |= self.fleet.settle(session, self.now)

    def send(self, node, response):
        self.unanswered[node] = response
        quarantined = self.fleet.lanes["edge"].rollout.state.quarantined
        for one in response.resources:
            assert version_of(one) not in quarantined

    @invariant()
    def no_more_than_the_share_is_on_the_candidate(self):
        if not hasattr(self, "fleet"):
            return
        lane = self.fleet.lanes["edge"]
        candidates = lane.candidate.sessions if lane.candidate else set()
        on_it = {node for node, one in self.sessions.items() if one in candidates}
        allowed = {node for node in NODES if position(node) < lane.rollout.share}
        stand_in = {lane.rollout.state.stand_in} - {None}
        assert on_it <= allowed | stand_in
        assert len(stand_in) <= 1
        assert set(self.sessions.values()) == lane.stable.sessions | candidates

    @invariant()
    def what_is_quarantined_is_served_to_nobody(self):
        if not hasattr(self, "fleet"):
            return
        lane = self.fleet.lanes["edge"]
        state = lane.rollout.state
        assert state.candidate not in state.quarantined
        assert state.stable not in state.quarantined
        assert (lane.candidate is None) == (state.candidate is None)
        for group in lane.groups:
            assert lane.build_of(group).version in {state.stable, state.candidate}

    @invariant()
    def stable_is_what_was_finished_last(self):
        if not hasattr(self, "fleet"):
            return
        finished = [event.version for event in self.events if event.kind is Kind.FINISHED]
        assert self.fleet.lanes["edge"].rollout.state.stable == finished[-1]

    def teardown(self):
        if hasattr(self, "fleet"):
            self.come_to_rest()


TestFleets = Fleets.TestCase
TestFleets.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None, report_multiple_bugs=False
)
