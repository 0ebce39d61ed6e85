"""State of the world: what is sent when, in the words of the protocol's page."""

from __future__ import annotations

import pytest

from tests.xds.client import Client
from tests.xds.hand_made import cluster, endpoints, listener, routes
from xds.group import Group
from xds.order import CLUSTER, LISTENER
from xds.snapshot import snapshot
from xds.watch import ProtocolError

TWO = [cluster("a"), cluster("b"), endpoints("a", 1), endpoints("b", 2)]


@pytest.fixture
def client():
    """A stream of a group that serves two clusters with their endpoints."""
    group = Group()
    group.publish(snapshot(TWO))
    return Client(group, "sotw")


def only(responses):
    [one] = responses
    return one


def test_a_wildcard_is_answered_with_all_there_is(client):
    """The first response for clusters is complete."""
    assert only(client.ask("cds")).names == {"a", "b"}


def test_an_ack_is_answered_with_silence(client):
    """No response without a change."""
    assert client.ack(only(client.ask("cds"))) == []


def test_a_change_of_one_cluster_sends_the_complete_set(client):
    """In SotW, what a response for clusters leaves out is deleted."""
    client.ack(only(client.ask("cds")))
    [response] = client.publish(snapshot([*TWO[1:], cluster("a", connect_timeout=5)]))
    assert response.names == {"a", "b"}


def test_a_change_of_endpoints_sends_only_those(client):
    """Types that are not complete carry changes only."""
    client.ack(only(client.ask("eds", "a", "b")), "a", "b")
    [response] = client.publish(snapshot([*TWO[:3], endpoints("b", 3)]))
    assert response.names == {"b"}


def test_a_name_newly_asked_for_is_sent_though_nothing_changed(client):
    """And only that name."""
    first = only(client.ask("eds", "a"))
    assert first.names == {"a"}
    assert only(client.ack(first, "a", "b")).names == {"b"}


def test_a_name_dropped_and_asked_for_again_is_sent_again(client):
    """The client has forgotten it meanwhile."""
    first = only(client.ask("eds", "a", "b"))
    assert client.ack(first, "a") == []
    assert only(client.ack(first, "a", "b")).names == {"b"}


def test_a_stale_nonce_is_ignored(client):
    """The client will answer the newer response as well, with its names of then."""
    first = only(client.ask("eds", "a"))
    second = only(client.ack(first, "a", "b"))
    assert client.ack(first, "a") == []
    assert client.session.stale == 1
    assert client.ack(second, "a", "b") == []


def test_a_nonce_of_another_stream_means_nothing(client):
    """A nonce is valid within its stream: the first request of a new one is just that."""
    assert only(client.ask("cds", nonce="41")).names == {"a", "b"}


def test_one_response_of_a_type_is_in_flight(client):
    """What changes meanwhile is merged into the next."""
    first = only(client.ask("cds"))
    for timeout in (5, 6, 7):
        changed = [*TWO[1:], cluster("a", connect_timeout=timeout)]
        assert client.publish(snapshot(changed)) == []
    response = only(client.ack(first))
    assert response.version == snapshot(changed).of(CLUSTER).version


def test_a_client_that_comes_back_with_the_same_version_is_sent_nothing(client):
    """Another replica, or this one before a restart, sent exactly that."""
    version = snapshot(TWO).of(CLUSTER).version
    assert client.ask("cds", version=version) == []
    again = Client(client.group, "sotw")
    assert again.ask("cds", version="something else") != []


def test_endpoints_are_sent_in_full_on_a_new_stream(client):
    """A cluster that was warming when the stream broke waits for them still."""
    version = only(client.ask("eds", "a")).version
    again = Client(client.group, "sotw")
    assert only(again.ask("eds", "a", version=version)).names == {"a"}


def test_a_nack_is_known_by_its_error_and_what_it_names_is_not_sent_again(client):
    """Not by comparing versions: this one names the newest. The rest is sent without it."""
    first = only(client.ask("cds"))
    refusal = client.ask(
        "cds", nonce=first.nonce, version=first.version, error="Error adding cluster(s) a: no"
    )
    assert only(refusal).names == {"b"}
    assert client.nacks[0].names == ("a",)
    assert client.nacks[0].version == first.version


def test_a_nack_of_what_is_good_elsewhere_is_followed_by_silence(client):
    """The fault is that client's own; sending the same again would go on for ever."""
    client.ack(only(client.ask("cds")))
    client.ack(only(client.ask("lds")))
    other = Client(client.group, "sotw")
    assert other.nack(only(other.ask("cds")), error="out of memory") == []
    assert client.take() == []


def test_after_a_nack_the_last_good_resource_takes_the_place_of_the_refused(client):
    """The others of the same response go live."""
    client.ack(only(client.ask("cds")))
    client.ack(only(client.ask("lds")))
    bad = [cluster("a", connect_timeout=5), cluster("b", connect_timeout=5), *TWO[2:]]
    refused = only(client.publish(snapshot(bad)))
    repaired = only(client.nack(refused, error="Error adding/updating cluster(s) a: bad"))
    assert repaired.resources["a"] == snapshot(TWO).of(CLUSTER).by_name["a"].body
    assert repaired.resources["b"] == snapshot(bad).of(CLUSTER).by_name["b"].body


def test_an_empty_set_is_said_so(client):
    """A client that waits for its first listeners learns that there are none."""
    assert only(client.ask("lds")).names == set()


def test_a_name_that_does_not_exist_is_said_so(client):
    """Clients that read resource errors (gRFC A88) need not wait for a timeout."""
    response = only(client.ask("eds", "a", "ghost"))
    assert (response.names, response.missing) == ({"a"}, {"ghost"})
    assert client.ack(response, "a", "ghost") == []


def test_a_name_that_did_not_exist_is_sent_when_it_does(client):
    """Interest is remembered."""
    client.ack(only(client.ask("eds", "ghost")), "ghost")
    [response] = client.publish(snapshot([*TWO, endpoints("ghost", 9)]))
    assert response.names == {"ghost"}


def test_unsubscribing_from_all_is_followed_by_silence(client):
    """An empty list of endpoints is what a client sends that shuts down."""
    response = only(client.ask("eds", "a", "b"))
    assert client.ack(response) == []
    assert client.publish(snapshot([*TWO[:2], endpoints("a", 7), endpoints("b", 8)])) == []


def test_the_endpoints_of_a_changed_cluster_follow_it(client):
    """Envoy waits for them anew, and its request then looks like any ACK."""
    client.ack(only(client.ask("cds")))
    client.ack(only(client.ask("eds", "a", "b")), "a", "b")
    sent = client.publish(snapshot([*TWO[1:], cluster("a", connect_timeout=5)]))
    assert [one.names for one in sent] == [{"a", "b"}, {"a"}]


def test_a_grpc_client_gets_the_listener_it_names_and_no_other():
    """Proxyless clients name their listeners; an absent one is absent from a complete response."""
    group = Group()
    group.publish(snapshot([listener("svc"), listener("other"), routes("svc"), *TWO]))
    client = Client(group, "sotw")
    assert only(client.ask("lds", "svc")).names == {"svc"}
    assert only(client.ask("rds", "svc")).names == {"svc"}
    assert only(client.ask("cds", "a")).names == {"a"}
    assert only(client.ask("eds", "a")).names == {"a"}
    response = only(Client(group, "sotw").ask("lds", "ghost"))
    assert (response.names, response.missing) == (set(), {"ghost"})


def test_the_first_request_must_carry_a_node(client):
    """And later ones need not."""
    from tests.xds.client import discovery

    with pytest.raises(ProtocolError, match="node"):
        client.session.receive(discovery.DiscoveryRequest(type_url=CLUSTER), 0.0)
    assert client.ask("cds")
    client.session.receive(discovery.DiscoveryRequest(type_url=LISTENER), 0.0)


def test_a_request_on_ads_must_carry_a_type(client):
    """An aggregated stream has no type of its own."""
    with pytest.raises(ProtocolError, match="type_url"):
        client.ask("")


def test_large_sets_of_endpoints_are_split_below_the_limit_of_grpc():
    """The next part follows the ACK of the one before, and each has its own version."""
    from xds.watch import CHUNK

    many = [endpoints(f"c{i:04}", *range(1, 500)) for i in range(400)]
    group = Group()
    group.publish(snapshot(many))
    client = Client(group, "sotw")
    names = [one.name for one in many]
    parts = client.ask("eds", *names)
    while more := client.ack(parts[-1], *names):
        parts += more
    assert len(parts) > 1
    assert len({part.version for part in parts}) == len(parts)
    assert all(sum(map(len, part.resources.values())) <= CHUNK for part in parts)
    assert set().union(*(part.names for part in parts)) == set(names)
