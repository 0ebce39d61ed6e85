"""Which stream is served what: groups of a policy, moves between them, secrets, refusals."""

from __future__ import annotations

import pytest

from policies.secret import SecretKind, SecretRef
from tests.xds.hand_made import certificate, listener, routes
from xds.fleet import Fleet
from xds.identity import Peer, Trust
from xds.lane import Build
from xds.node_match import NodeMatch
from xds.order import LISTENER, ROUTE, SECRET
from xds.placement import WHOLE, Code, Refused
from xds.rollout_event import Kind
from xds.schema import envoy
from xds.secrets import Resolution
from xds.snapshot import snapshot
from xds.sotw import SotwWatch
from xds.wave import Strategy

discovery = envoy.service.discovery.v3
HERE = Peer(Trust.MACHINE)
CANARY = "edge-0"
STRATEGY = Strategy((2_000, WHOLE), 60.0, 600.0)
KEY = SecretRef(SecretKind.CERTIFICATE, ("file:a.pem", "file:a.key"))
READ = Resolution((certificate(KEY.name, b"chain", b"key"),))


def build(name, region, *resources, secrets=()):
    return Build(name, NodeMatch(region=region), snapshot(resources), tuple(secrets))


EU = build("eu", "eu-*", listener(), routes(body="eu"))
US = build("us", "us-*", listener(), routes(body="us"))


class Stream:
    """A node's stream that asks for one type by its name, or for all of it."""

    def __init__(self, fleet, region, node="edge-1", peer=HERE):
        self.fleet = fleet
        message = envoy.config.core.v3.Node(id=node)
        message.locality.region = region
        self.session = fleet.join(message, peer, SotwWatch, "", 0)
        self.message = message
        self.nonce = ""

    def ask(self, type_url, *names, error=None):
        """Ask (or answer), and give the bodies that came."""
        request = discovery.DiscoveryRequest(
            type_url=type_url, resource_names=names, response_nonce=self.nonce
        )
        request.node.CopyFrom(self.message)
        if error:
            request.error_detail.message = error
        verdict = self.session.receive(request, 0)
        self.fleet.refuse(self.session, verdict, 0)
        return self.take()

    def take(self):
        frames = [discovery.DiscoveryResponse.FromString(f) for f in self.session.flush(0)]
        for frame in frames:
            self.nonce = frame.nonce
        self.fleet.settle(self.session, 0)
        return [one.SerializeToString() for frame in frames for one in frame.resources]


@pytest.fixture
def events():
    return []


@pytest.fixture
def fleet(events):
    return Fleet(tell=lambda happened: events.append(happened.event.kind))


def body(wanted, type_url=ROUTE):
    [one] = wanted.snapshot.of(type_url).by_name.values()
    return [one.body]


def test_a_stream_is_served_the_group_of_its_node(fleet):
    """By what its first request says of itself."""
    fleet.publish([EU, US], None, Resolution(), 0)
    assert Stream(fleet, "eu-1").ask(ROUTE, "public") == body(EU)
    assert Stream(fleet, "us-1").ask(ROUTE, "public") == body(US)


def test_a_node_of_no_group_is_refused(fleet):
    """It is told nothing of what groups there are."""
    fleet.publish([EU], None, Resolution(), 0)
    with pytest.raises(Refused) as refused:
        Stream(fleet, "mars")
    assert refused.value.code is Code.PERMISSION_DENIED
    assert "eu" not in str(refused.value)


def test_a_policy_with_other_groups_moves_streams_without_closing_them(fleet):
    """And ends those of nodes that are in none any more."""
    fleet.publish([EU, US], None, Resolution(), 0)
    stream, stray = Stream(fleet, "eu-1"), Stream(fleet, "us-1")
    stream.ask(ROUTE, "public")
    stream.ask(ROUTE, "public")
    wide = build("all", "eu-*", listener(), routes(body="wide"))
    fleet.publish([wide], None, Resolution(), 1)
    assert stream.take() == body(wide)
    assert fleet.refusal(stream.session) is None
    assert fleet.refusal(stray.session).code is Code.PERMISSION_DENIED


def test_a_group_has_its_own_secrets_alone(fleet):
    """Another group's is not there, by whatever name it is asked for."""
    secure = build("eu", "eu-*", listener(secret=KEY.name), routes(), secrets=[KEY])
    fleet.publish([secure, US], None, READ, 0)
    assert len(Stream(fleet, "eu-1").ask(SECRET, KEY.name)) == 1
    assert Stream(fleet, "us-1").ask(SECRET, KEY.name) == []


def test_where_anybody_may_be_a_node_nobody_is_given_secrets():
    """What needs them is withheld: a listener would open without its certificate."""
    fleet = Fleet(tell=lambda _: None, trust=Trust.NOBODY)
    secure = build("eu", "eu-*", listener(secret=KEY.name), listener("plain"), secrets=[KEY])
    fleet.publish([secure], None, READ, 0)
    stranger = Peer(Trust.NOBODY)
    assert Stream(fleet, "eu-1", peer=stranger).ask(SECRET, KEY.name) == []
    [served] = Stream(fleet, "eu-1", peer=stranger).ask(LISTENER)
    assert served == secure.snapshot.of(LISTENER).by_name["plain"].body


def test_a_canary_that_refuses_what_all_have_does_not_roll_back(fleet, events):
    """A port that is taken on its machine says nothing of the change."""
    fleet.publish([EU], STRATEGY, Resolution(), 0)
    stream = Stream(fleet, "eu-1", CANARY)
    changed = build("eu", "eu-*", listener(), routes(body="new"))
    fleet.publish([changed], STRATEGY, Resolution(), 1)
    assert stream.ask(LISTENER) == body(EU, LISTENER)
    stream.ask(LISTENER, error="public: address in use")
    assert events == [Kind.FINISHED, Kind.STARTED]
    assert fleet.lanes["eu"].candidate is not None
