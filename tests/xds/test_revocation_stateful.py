"""Whatever happens in whatever order: a key that an edge has refused as revoked stays refused."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.xds.test_revocation import READ, STRATEGY, Edge, digest, keyed
from xds.edge.resources import KEYS
from xds.fleet import Fleet
from xds.revocation import active
from xds.rollout import Command, CommandError

NAMES = ("a", "b", "c")
some = st.sets(st.sampled_from(NAMES))
one_edge = st.integers(0, 2)


class Revoking(RuleBasedStateMachine):
    """Policies, operators, waves, and edges whose answers may be late."""

    def __init__(self):
        super().__init__()
        self.fleet = Fleet(tell=lambda _: None)
        self.policy = set(NAMES)
        self.ahead = set()
        self.edges = []
        self.now = 0.0
        self.refused = {}

    @initialize()
    def begin(self):
        self.fleet.publish([keyed(*self.policy)], None, READ, 0)
        self.edges = [Edge(self.fleet, f"edge-{n}") for n in range(3)]
        self.refused = {edge: set() for edge in self.edges}

    @rule(names=some, rollout=st.booleans(), other=st.sampled_from("xy"))
    def publish(self, names, rollout, other):
        self.policy = names
        build = keyed(*sorted(names), other=other)
        self.fleet.publish([build], STRATEGY if rollout else None, READ, self.now)
        left = active(map(digest, self.ahead), build.snapshot.of(KEYS))
        self.ahead = {name for name in self.ahead if digest(name) in left}
        self.fleet.revoke(left, self.now)

    @rule(name=st.sampled_from(NAMES))
    def revoke(self, name):
        if name in self.policy:
            self.ahead.add(name)
            self.fleet.revoke(frozenset(map(digest, self.ahead)), self.now)

    @precondition(lambda self: self.ahead)
    @rule(data=st.data())
    def undo(self, data):
        self.ahead.discard(data.draw(st.sampled_from(sorted(self.ahead))))
        self.fleet.revoke(frozenset(map(digest, self.ahead)), self.now)

    @rule(command=st.sampled_from([Command.PROMOTE, Command.ROLLBACK]))
    def command(self, command):
        with suppress(CommandError):
            self.fleet.command("all", command, self.now)

    @rule(seconds=st.sampled_from([1, 61]))
    def wait(self, seconds):
        self.now += seconds
        self.fleet.tick(self.now)

    @rule(edge=one_edge)
    def take(self, edge):
        self.edges[edge].take()

    @rule(edge=one_edge, url=st.sampled_from([None, KEYS]))
    def answer(self, edge, url):
        self.edges[edge].answer(url)

    @rule()
    def settle(self):
        """When all has come to all, what is revoked is refused and the rest is as it is served."""
        for edge in self.edges * 3:
            edge.settle()
        lane = self.fleet.lanes["all"]
        for edge in self.edges:
            group = next(group for group in lane.groups if edge.session in group.sessions)
            served = lane.build_of(group).snapshot.of(KEYS)
            for name in NAMES:
                wanted = (
                    name in self.policy
                    and name not in self.ahead
                    and bool(active([digest(name)], served))
                )
                assert edge.admits(name) == wanted

    @invariant()
    def what_is_refused_stays_refused(self):
        revoked = {name for name in NAMES if name not in self.policy or name in self.ahead}
        for edge in self.edges:
            self.refused[edge] &= revoked
            now = {name for name in revoked if not edge.admits(name)}
            assert self.refused[edge] <= now, f"{self.refused[edge] - now} came back"
            # One that it has never heard of it does not refuse as revoked: a key that is made and
            # revoked within one answer may be there for the moment that the second message takes.
            self.refused[edge] |= {name for name in now if edge.has_known(name)}


TestRevoking = Revoking.TestCase
TestRevoking.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
