"""Delta: what is sent when, in the words of the protocol's page."""

from __future__ import annotations

import pytest

from tests.xds.client import Client
from tests.xds.hand_made import certificate, cluster, endpoints, listener, routes
from xds.chunk import chunks
from xds.delta import DeltaWatch
from xds.group import Group
from xds.order import CLUSTER, ENDPOINT, SECRET
from xds.schema import envoy
from xds.snapshot import Encoded, snapshot
from xds.sotw import SotwWatch
from xds.watch import ProtocolError

discovery = envoy.service.discovery.v3

TWO = [cluster("a"), cluster("b"), endpoints("a", 1), endpoints("b", 2)]


@pytest.fixture
def client():
    """A stream of a group that serves two clusters with their endpoints."""
    group = Group()
    group.publish(snapshot(TWO))
    return Client(group, "delta")


def only(responses):
    [one] = responses
    return one


def versions(type_url, resources=TWO):
    return {name: one.version for name, one in snapshot(resources).of(type_url).by_name.items()}


def settle(client):
    """Subscribe as an Envoy does, and acknowledge everything."""
    client.ack(only(client.ask("cds")))
    client.ack(only(client.ask("eds", "a", "b")))
    client.ack(only(client.ask("lds")))


def test_a_wildcard_is_answered_with_all_there_is(client):
    """The first empty request for clusters, or `*`."""
    assert only(client.ask("cds")).names == {"a", "b"}
    assert only(Client(client.group, "delta").ask("cds", "*")).names == {"a", "b"}


def test_a_change_sends_what_changed_and_names_what_is_gone(client):
    """Removals are a phase of their own: they come when the changes are acknowledged."""
    settle(client)
    changed = [cluster("c"), cluster("b", connect_timeout=5), *TWO[2:]]
    sent = client.ack_all(client.publish(snapshot(changed)))
    first, *_, last = [one for one in sent if one.type_url == CLUSTER]
    assert (first.names, first.removed) == ({"b", "c"}, set())
    assert (last.names, last.removed) == (set(), {"a"})


def test_an_ack_is_answered_with_silence(client):
    """No response without a change."""
    assert client.ack(only(client.ask("cds"))) == []


def test_a_first_wildcard_is_answered_even_if_there_is_nothing(client):
    """Envoy waits for its first listeners before it is ready."""
    assert only(client.ask("lds")).names == set()


def test_a_client_that_comes_back_is_sent_only_what_it_lacks(client):
    """It tells the version of each resource it has."""
    has = versions(CLUSTER)
    assert Client(client.group, "delta").ask("cds", has=has) == []
    lacking = {"a": has["a"], "b": "older"}
    assert only(Client(client.group, "delta").ask("cds", has=lacking)).names == {"b"}


def test_what_a_client_brings_and_we_do_not_know_is_removed_last(client):
    """Only when its listeners and routes are up to date is it told of the removal."""
    has = {**versions(CLUSTER), "z": "1"}
    assert client.ask("cds", has=has) == []
    sent = client.ask("lds")
    assert [one.removed for one in sent] == [set()]
    assert only(client.ack(sent[0])).removed == {"z"}


def test_endpoints_are_sent_in_full_on_a_new_stream_whatever_versions_it_names(client):
    """Honouring them left a warming Envoy without clusters for twelve seconds."""
    response = only(client.ask("eds", "a", "b", has=versions(ENDPOINT)))
    assert response.names == {"a", "b"}


def test_changes_of_the_subscription_count_with_a_stale_nonce_too(client):
    """A nonce tells which response is answered, and nothing else."""
    first = only(client.ask("eds", "a"))
    client.ack(first)
    late = only(client.ask("eds", "b", nonce=first.nonce))
    assert late.names == {"b"}
    assert client.session.stale == 1


def test_asking_again_sends_again(client):
    """A re-subscription is answered though nothing changed."""
    client.ack(only(client.ask("eds", "a")))
    assert only(client.ask("eds", "a")).names == {"a"}


def test_a_name_that_does_not_exist_is_answered_and_remembered(client):
    """As removed, with an error that says so; and sent once it exists."""
    response = only(client.ask("eds", "ghost"))
    assert (response.removed, response.missing) == ({"ghost"}, {"ghost"})
    assert client.ack(response) == []
    [later] = client.publish(snapshot([*TWO, endpoints("ghost", 9)]))
    assert later.names == {"ghost"}


def test_dropping_a_name_under_a_wildcard_is_answered(client):
    """With the resource if there is one, as removed if not."""
    client.ack(only(client.ask("cds", "*", "a")))
    assert only(client.ask("cds", drop=["a"])).names == {"a"}
    again = Client(client.group, "delta")
    again.ack(only(again.ask("cds", "*")))
    assert only(again.ask("cds", drop=["ghost"])).removed == {"ghost"}


def test_dropping_the_wildcard_keeps_the_names(client):
    """And what is no longer subscribed to is not sent any more."""
    client.ack(only(client.ask("cds", "*", "a")))
    assert client.ask("cds", drop=["*"]) == []
    changed = [cluster("a", connect_timeout=5), cluster("b", connect_timeout=5), *TWO[2:]]
    assert only(client.publish(snapshot(changed))).names == {"a"}


def test_the_endpoints_of_a_changed_cluster_follow_it(client):
    """Envoy makes the cluster anew and waits for them; it sends no request at all."""
    settle(client)
    sent = client.publish(snapshot([*TWO[1:], cluster("a", connect_timeout=5)]))
    assert [(one.type_url, one.names) for one in sent] == [(CLUSTER, {"a"}), (ENDPOINT, {"a"})]


def test_the_secret_of_a_changed_listener_follows_it():
    """The listener is made anew and waits for its certificate."""
    group = Group()
    secret = certificate("s", b"chain", b"key")
    group.publish(snapshot([listener(secret="s"), routes(), secret]))
    client = Client(group, "delta")
    client.ack(only(client.ask("cds")))
    client.ack(only(client.ask("lds")))
    client.ack(only(client.ask(SECRET, "s")))
    client.ack(only(client.ask("rds", "public")))
    sent = client.publish(snapshot([listener(secret="s", port=1), routes(), secret]))
    assert [one.names for one in sent] == [{"public"}, {"s"}]


def test_a_secret_is_never_said_not_to_exist():
    """Envoy would open the listener that waits for it without a certificate."""
    group = Group()
    group.publish(snapshot([certificate("s", b"chain", b"key")]))
    client = Client(group, "delta")
    assert client.ask(SECRET, "ghost") == []
    client.ack(only(client.ask(SECRET, "s")))
    assert client.publish(snapshot([])) == []


def test_a_nack_says_which_response_and_is_followed_by_the_last_good(client):
    """The refused hash is not sent again on this stream or another one."""
    settle(client)
    bad = [cluster("a", connect_timeout=5), cluster("b", connect_timeout=6), *TWO[2:]]
    refused = client.publish(snapshot(bad))[0]
    repaired = client.nack(refused, error="Error adding/updating cluster(s) a: bad")
    good = snapshot(TWO).of(CLUSTER).by_name["a"].body
    sent = next(one for one in repaired if one.type_url == CLUSTER)
    assert sent.resources == {"a": good, "b": snapshot(bad).of(CLUSTER).by_name["b"].body}
    fresh = only(Client(client.group, "delta").ask("cds"))
    assert fresh.resources["a"] == good


def test_a_removal_in_a_refused_response_is_said_again():
    """Whether the client came to it before it found the fault cannot be known."""
    group = Group()
    group.publish(snapshot([listener("x", routes="r"), routes("r")]))
    client = Client(group, "delta")
    for type_url, names in (("cds", ()), ("lds", ()), ("rds", ("r",))):
        client.ack_all(client.ask(type_url, *names))
    [refused] = client.publish(snapshot([listener("y", routes="r"), routes("r")]))
    assert (refused.names, refused.removed) == ({"y"}, {"x"})
    again = only(client.nack(refused, error="listener(s) y: no"))
    assert (again.names, again.removed) == (set(), {"x", "y"})
    assert client.nack(again) == []


def test_large_pushes_are_split_below_the_limit_of_grpc():
    """All parts are sent at once, each with its nonce; removals come with the last."""
    from xds.watch import CHUNK

    many = [endpoints(f"c{i:04}", *range(1, 500)) for i in range(400)]
    group = Group()
    group.publish(snapshot(many))
    client = Client(group, "delta")
    parts = client.ask("eds", *(one.name for one in many), "ghost")
    assert len(parts) > 1
    assert all(sum(map(len, part.resources.values())) <= CHUNK for part in parts)
    assert set().union(*(part.names for part in parts)) == {one.name for one in many}
    assert [part.removed for part in parts] == [set()] * (len(parts) - 1) + [{"ghost"}]
    for part in parts:
        assert client.session.has is None
        client.ack(part)
    assert client.session.has == snapshot(many).version


@pytest.mark.parametrize("protocol", ["delta", "sotw"])
def test_no_response_is_above_four_mebibytes_whatever_is_asked_for(protocol):
    """Clients of gRPC refuse larger ones, and try again for ever."""
    group = Group()
    group.publish(snapshot(TWO))
    session = group.join(DeltaWatch if protocol == "delta" else SotwWatch)
    names = [f"name-{number}-{'x' * 40}" for number in range(30_000)]
    sent = _asked(session, protocol, names)
    assert sent
    assert max(map(len, sent)) < 4 << 20
    if protocol == "delta":
        made = [discovery.DeltaDiscoveryResponse.FromString(one) for one in sent]
        assert {name for one in made for name in one.removed_resources} == set(names)


def test_names_and_versions_count_for_the_size_of_a_response():
    """They may be more than the resources themselves."""
    small = [Encoded(f"{number}-{'n' * 150}", "v" * 32, b"b" * 20) for number in range(30_000)]
    made = list(chunks(small))
    assert sum(len(one.versions) for one in made) == len(small)
    assert max(len(one.body) for one in made) < 4 << 20


def test_a_stream_asks_for_so_many_types_and_no_more(client):
    """Whoever makes up types does not fill our memory."""
    asked = [discovery.DeltaDiscoveryRequest(type_url=f"made.up/{n}") for n in range(1_000)]
    asked[0].node.id = "n"
    with pytest.raises(ProtocolError, match="types"):
        any(client.session.receive(one, 0.0).stale for one in asked)


def _asked(session, protocol, names):
    if protocol == "delta":
        asked = discovery.DeltaDiscoveryRequest(type_url=ENDPOINT, resource_names_subscribe=names)
    else:
        asked = discovery.DiscoveryRequest(type_url=ENDPOINT, resource_names=names)
    asked.node.id = "n"
    session.receive(asked, 0.0)
    return session.flush(0.0)
