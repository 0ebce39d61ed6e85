"""Keys that are refused ahead of what their shards say: at once, everywhere, as long as needed."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from tests.xds.hand_made import listener
from xds import revocation
from xds.ahead import RevokedAhead, UnknownKeyError
from xds.delta import DeltaWatch
from xds.edge.key_table import KeyTable, shards
from xds.edge.resources import KEYS, MESSAGES, REVOKED, edge_resource
from xds.edge.rules import Key
from xds.fleet import Fleet
from xds.identity import Peer, Trust
from xds.lane import Build
from xds.node_match import NodeMatch
from xds.placement import WHOLE
from xds.revocation import Revocation, active, digests_of, lost, revoked_in
from xds.revoked_file import DamagedRevocationsError, RevokedFile
from xds.rollout import Command
from xds.schema import envoy
from xds.secrets import Resolution
from xds.snapshot import snapshot
from xds.wave import Strategy

discovery = envoy.service.discovery.v3
STRATEGY = Strategy((2_000, WHOLE), 60.0, 600.0)
READ = Resolution()


def digest(name):
    return hashlib.sha256(name.encode()).digest()


def keyed(*names, other=""):
    """A policy's snapshot with some keys; ``other`` is something else that differs."""
    packed = shards((digest(one), Key(id=f"acme/{one}", tenant="acme")) for one in names)
    made = [edge_resource(KEYS, name, body) for name, body in packed.items()]
    return Build("all", NodeMatch(), snapshot([listener(), listener(f"x{other}"), *made]))


class Edge:
    """An edge's stream, as `xds` sees it: subscribes to keys and revocations, and obeys them."""

    def __init__(self, fleet, node="edge-1"):
        self.fleet = fleet
        self.table = KeyTable()
        self.bodies = {}
        self.held = []
        self.known = set()
        message = envoy.config.core.v3.Node(id=node)
        self.session = fleet.join(message, Peer(Trust.MACHINE), DeltaWatch, "", 0)
        for type_url in (KEYS, REVOKED):
            request = discovery.DeltaDiscoveryRequest(type_url=type_url)
            request.resource_names_subscribe.append("*")
            request.node.CopyFrom(message)
            self.session.receive(request, 0)
        self.settle()

    def admits(self, name):
        revoked = b"".join(self.bodies.values())
        cut = {revoked[at : at + 32] for at in range(0, len(revoked), 32)}
        return digest(name) in self.table and digest(name) not in cut

    def has_known(self, name):
        """Whether the key was ever in its table."""
        return digest(name) in self.known

    def take(self):
        """Take what comes and keep the answers back; tells whether anything came."""
        frames = self.session.flush(0)
        for frame in frames:
            response = discovery.DeltaDiscoveryResponse.FromString(frame)
            named = {
                one.name: MESSAGES[response.type_url].FromString(one.resource.value).body
                for one in response.resources
            }
            if response.type_url == KEYS:
                self.table = self.table.with_shards(named, response.removed_resources)
                self.known |= set(self.table.all_digests())
            else:
                self.bodies.update(named)
                for name in response.removed_resources:
                    self.bodies.pop(name, None)
            self.held.append((response.type_url, response.nonce))
        return bool(frames)

    def answer(self, type_url=None, *, error=""):
        """Answer what was taken, of one type or of all."""
        for url, nonce in tuple(self.held):
            if type_url in {None, url}:
                request = discovery.DeltaDiscoveryRequest(type_url=url, response_nonce=nonce)
                if error:
                    request.error_detail.message = error
                verdict = self.session.receive(request, 0)
                self.fleet.refuse(self.session, verdict, 0)
                self.held.remove((url, nonce))
        self.fleet.settle(self.session, 0)

    def settle(self):
        self.take()
        self.answer()
        while self.take():
            self.answer()
        self.answer()


@pytest.fixture
def fleet():
    return Fleet(tell=lambda _: None)


def test_a_revocation_comes_to_every_edge_at_once(fleet):
    """No policy is published; the keys stay as they are; undoing it removes it."""
    fleet.publish([keyed("ci", "other")], None, READ, 0)
    edges = [Edge(fleet, "edge-1"), Edge(fleet, "edge-2")]
    assert all(one.admits("ci") for one in edges)
    assert fleet.revoke(frozenset({digest("ci")}), 0)
    for one in edges:
        one.settle()
    assert not any(one.admits("ci") for one in edges)
    assert all(one.admits("other") for one in edges)
    fleet.revoke(frozenset(), 0)
    for one in edges:
        one.settle()
    assert all(one.admits("ci") for one in edges)


def test_an_edge_that_comes_later_is_told(fleet):
    """What is revoked is part of what is served."""
    fleet.publish([keyed("ci")], None, READ, 0)
    fleet.revoke(frozenset({digest("ci")}), 0)
    assert not Edge(fleet).admits("ci")


def test_a_commit_that_drops_a_key_does_not_wait_for_the_rollout(fleet):
    """Nodes whose wave has not come refuse it already, and have none of the rest."""
    fleet.publish([keyed("ci", "other")], None, READ, 0)
    edges = [Edge(fleet, f"edge-{n}") for n in range(8)]
    fleet.publish([keyed("other", "new")], STRATEGY, READ, 0)
    for one in edges:
        one.settle()
    assert not any(one.admits("ci") for one in edges)
    assert 0 < sum(one.admits("new") for one in edges) < len(edges)
    fleet.command("all", Command.PROMOTE, 0)
    for one in edges * 2:
        one.settle()
    assert all(one.admits("new") and not one.admits("ci") for one in edges)
    fleet.tick(61)
    for one in edges * 2:
        one.settle()
    assert not any(one.bodies for one in edges)


def test_a_commit_that_is_rolled_back_keeps_what_it_revoked(fleet):
    """The policy says so, whatever is served."""
    fleet.publish([keyed("ci", "other")], None, READ, 0)
    edge = Edge(fleet)
    fleet.publish([keyed("other", other="broken")], STRATEGY, READ, 0)
    fleet.command("all", Command.ROLLBACK, 0)
    edge.settle()
    assert edge.admits("other")
    assert not edge.admits("ci")


def test_the_revocation_goes_only_when_the_keys_have_gone(fleet):
    """No message in between leaves an edge with the old keys and no revocation."""
    fleet.publish([keyed("ci", "other")], None, READ, 0)
    fleet.revoke(frozenset({digest("ci"), digest("other")}), 0)
    edge = Edge(fleet)
    # An answer for older keys is still out when the policy drops one, and with it its revocation.
    fleet.publish([keyed("ci", "other", "a")], None, READ, 0)
    edge.take()
    fleet.publish([keyed("other", "a")], None, READ, 0)
    fleet.revoke(frozenset({digest("other")}), 0)
    seen = []
    for _ in range(10):
        edge.take()
        seen.append(edge.admits("ci"))
        edge.answer()
    assert not any(seen)
    assert revoked_in(fleet.lanes["all"].stable.target) == {digest("other")}
    assert edge.bodies == {"revoked": digest("other")}


def test_one_edge_that_refuses_it_does_not_keep_it_from_others(fleet):
    """A NACK of a revocation is that edge's alone."""
    fleet.publish([keyed("ci")], None, READ, 0)
    bad, good = Edge(fleet, "bad"), Edge(fleet, "good")
    fleet.revoke(frozenset({digest("ci")}), 0)
    bad.take()
    bad.answer(error="cannot")
    good.settle()
    assert not good.admits("ci")
    assert not Edge(fleet, "third").admits("ci")


def test_shards_are_compared_by_what_differs():
    """Digests by id, which are there, and which one set has lost."""
    old, new = keyed("a", "b").snapshot.of(KEYS), keyed("b", "c").snapshot.of(KEYS)
    assert digests_of("acme/a", old) == {digest("a")}
    assert active([digest("a"), digest("b")], new) == {digest("b")}
    assert lost(old, new) == {digest("a")}
    assert lost(old, old) == frozenset()


def test_more_keys_than_a_message_carries_wait_for_their_wave(monkeypatch):
    """Whoever drops so many at once has not lost a key."""
    monkeypatch.setattr(revocation, "MOST", 1)
    old, new = keyed("m", "n", "o"), keyed("o")
    assert lost(old.snapshot.of(KEYS), new.snapshot.of(KEYS)) == frozenset()


def ahead_of(fleet, state=None):
    moves = []
    return RevokedAhead(
        fleet, lambda: moves.append(1), state, clock=lambda: 0.0, wall=lambda: 5.0
    ), moves


def test_an_operator_revokes_by_id_until_the_policy_says_so(fleet, tmp_path):
    """Kept over a restart, known by its time, dropped by the policy that has dropped the key."""

    async def scene():
        fleet.publish([keyed("ci", "other")], None, READ, 0)
        ahead, moves = ahead_of(fleet, tmp_path)
        done = await ahead.revoke("acme/ci")
        assert done.kept
        assert moves
        assert ahead.revocations == (Revocation("acme/ci", 5.0, frozenset({digest("ci")})),)
        again = Fleet(tell=lambda _: None)
        restarted, _ = ahead_of(again, tmp_path)
        await restarted.restore()
        again.publish([keyed("ci", "other")], None, READ, 0)
        restarted.published()
        assert not Edge(again).admits("ci")
        again.publish([keyed("other")], None, READ, 0)
        restarted.published()
        await restarted.stop()
        assert restarted.revocations == ()
        assert RevokedFile(tmp_path).load() == ()

    asyncio.run(scene())


def test_an_operator_takes_it_back(fleet):
    """And hears what is unknown."""

    async def scene():
        fleet.publish([keyed("ci")], None, READ, 0)
        ahead, _ = ahead_of(fleet)
        for wrong in (ahead.revoke("acme/nobody"), ahead.undo("acme/ci")):
            with pytest.raises(UnknownKeyError):
                await wrong
        assert not (await ahead.revoke("acme/ci")).kept
        assert not Edge(fleet).admits("ci")
        await ahead.undo("acme/ci")
        assert Edge(fleet).admits("ci")

    asyncio.run(scene())


def test_a_revocation_that_cannot_be_stored_is_in_force(fleet, tmp_path):
    """The operator hears that a restart would forget it."""

    async def scene():
        fleet.publish([keyed("ci")], None, READ, 0)
        (tmp_path / "file").write_text("")
        ahead, _ = ahead_of(fleet, tmp_path / "file")
        assert not (await ahead.revoke("acme/ci")).kept
        assert not Edge(fleet).admits("ci")

    asyncio.run(scene())


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"gatewright-revoked-1": [{"id": "a", "since": 1}]}']
)
def test_a_damaged_file_is_not_taken_for_an_empty_one(tmp_path, text):
    """To go on would give revoked keys back."""
    (tmp_path / "revoked.json").write_text(text)
    with pytest.raises(DamagedRevocationsError, match="damaged"):
        RevokedFile(tmp_path).load()
