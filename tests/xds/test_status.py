"""Status: how a node stands to each type, told from its own answers."""

from __future__ import annotations

import pytest

from tests.xds.client import Client
from tests.xds.hand_made import cluster, listener, routes
from xds.group import Group
from xds.order import CLUSTER, LISTENER, ROUTE
from xds.snapshot import NONE, snapshot
from xds.status import State, resources, types, worst

both_protocols = pytest.mark.parametrize("protocol", ["delta", "sotw"])


def connected(protocol, *made):
    """A client that has asked for everything of a snapshot, with the responses that came."""
    group = Group()
    group.publish(snapshot(made))
    client = Client(group, protocol)
    heard = client.ask("cds")
    for response in heard:
        client.ack(response)
    heard = client.ask("lds")
    return client, heard


def states(client):
    return {one.type_url: one.state for one in types(client.session, client.group.withheld)}


@both_protocols
def test_a_type_is_stale_until_it_is_acknowledged(protocol):
    """Sent is not accepted; the version is told once it is."""
    client, [response] = connected(protocol, cluster("a"), listener())
    assert states(client) == {CLUSTER: State.SYNCED, LISTENER: State.STALE}
    client.ack(response)
    assert states(client) == {CLUSTER: State.SYNCED, LISTENER: State.SYNCED}
    told = {one.type_url: one.version for one in types(client.session, {})}
    assert told[LISTENER] == client.group.target.of(LISTENER).version


@both_protocols
def test_what_was_asked_for_and_not_sent_yet_is_told(protocol):
    """Routes wait until the clusters are accepted."""
    group = Group()
    group.publish(snapshot([cluster("a"), routes()]))
    client = Client(group, protocol)
    client.ask("cds")
    client.ask("rds", "public")
    assert states(client)[ROUTE] is State.NOT_SENT


@both_protocols
def test_a_refusal_is_told_with_its_resource_and_error_until_it_is_mended(protocol):
    """It stands while the policy still says so, on a new stream of the node too."""
    client, [response] = connected(protocol, cluster("a"), listener("x"))
    client.ack(response)
    wrong = snapshot([cluster("a"), listener("x", port=1)])
    [response] = client.publish(wrong)
    client.ack_all(client.nack(response, error="port in use"))
    [told] = [one for one in types(client.session, client.group.withheld) if one.refused]
    [refused] = told.refused
    assert (told.state, refused.name, refused.nack.error) == (State.NACKED, "x", "port in use")
    assert refused.wanted == wrong.of(LISTENER).by_name["x"].version
    assert refused.version != refused.wanted

    again = Client(client.group, protocol)
    again.ack_all([*again.ask("cds"), *again.ask("lds")])
    assert states(again)[LISTENER] is State.NACKED

    other = Client(client.group, protocol, node="other")
    other.ack_all([*other.ask("cds"), *other.ask("lds")])
    assert states(other)[LISTENER] is State.SYNCED

    client.ack_all(client.publish(snapshot([cluster("a"), listener("x", port=2)])))
    assert states(client)[LISTENER] is State.SYNCED


@both_protocols
def test_a_type_without_resources_is_synced(protocol):
    """There is nothing to have, and it has that."""
    client, heard = connected(protocol, cluster("a"))
    for response in heard:
        client.ack(response)
    [told] = [one for one in types(client.session, {}) if one.type_url == LISTENER]
    assert (told.state, told.version) == (State.SYNCED, NONE.version)


@both_protocols
def test_each_resource_is_told_by_its_versions(protocol):
    """One of two changed: the other stays as it is."""
    client, [response] = connected(protocol, cluster("a"), listener("x"), listener("y"))
    client.ack(response)
    client.publish(snapshot([cluster("a"), listener("x"), listener("y", port=7)]))
    told = {one.name: one for one in resources(client.session, {})}
    assert {name: one.state for name, one in told.items()} == {
        "a": State.SYNCED,
        "x": State.SYNCED,
        "y": State.STALE,
    }
    assert told["x"].version == told["x"].wanted != ""


@both_protocols
def test_a_type_that_is_asked_for_by_name_has_the_version_of_its_set(protocol):
    """All names that there are: the version is that of the whole, as it is for a wildcard."""
    group = Group()
    group.publish(snapshot([cluster("a"), listener(), routes(), routes("other")]))
    client = Client(group, protocol)
    client.ack_all([*client.ask("cds"), *client.ask("lds")])
    heard = client.ask("rds", "public", "other")
    for response in heard:
        client.ack(response, "public", "other") if protocol == "sotw" else client.ack(response)
    told = {one.type_url: one for one in types(client.session, {})}
    assert told[ROUTE].state is State.SYNCED
    assert told[ROUTE].version == group.target.of(ROUTE).version


def test_the_whole_is_as_bad_as_its_worst_part():
    """A refusal outweighs a delay, and nothing at all is well."""
    assert worst([State.SYNCED, State.NACKED, State.STALE]) is State.NACKED
    assert worst([State.SYNCED, State.NOT_SENT]) is State.NOT_SENT
    assert worst([]) is State.SYNCED
