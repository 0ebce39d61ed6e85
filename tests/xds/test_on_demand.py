"""Hosts on demand without a socket: names to hosts, answers, changes, removals, limits."""

from __future__ import annotations

import logging

import pytest

from tests.xds.client import discovery
from tests.xds.hand_made import cluster, endpoints, listener
from tests.xds.test_shards import connect, made, routes_of, table
from xds.frames import delta_resources
from xds.group import Group
from xds.on_demand import OnDemand, canonical, domains
from xds.order import CLUSTER, ROUTE, VIRTUAL_HOST
from xds.schema import envoy, google
from xds.shards import by_table, part_name, table_in_parts
from xds.snapshot import Encoded, snapshot

route_v3 = envoy.config.route.v3
TABLE = table_in_parts("public", on_demand=True)
OPENING = f"{TABLE}/"


def name(host):
    return part_name(TABLE, host)


def hosts(**bodies):
    """A table on demand; ``any`` is the host `*`, ``below`` is `*.x.test`."""
    spelled = {"any": "*", "below": "*.x.test", "own": "own.x.test"}
    return made(table(TABLE, **{spelled.get(host, host): body for host, body in bodies.items()}))


@pytest.fixture
def group():
    group = Group()
    group.publish(hosts(a="1", b="2", below="3", own="4"))
    return group


def opened(group):
    """A client that has the table, and nothing of it."""
    client = connect(group)
    client.ack(*client.ask("rds", TABLE))
    [response] = client.ask(VIRTUAL_HOST)
    assert response.names == {OPENING}
    assert not response.resources[OPENING]
    client.ack(response)
    return client


def host_of(response, resource):
    packed = google.protobuf.Any.FromString(response.resources[resource])
    return route_v3.VirtualHost.FromString(packed.value)


@pytest.mark.parametrize(
    ("asked", "resource"),
    [
        ("a.test", "a.test"),
        ("A.Test:8080", "a.test"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
    ],
)
def test_a_host_is_asked_for_without_its_port(asked, resource):
    """As Envoy matches it."""
    assert canonical(f"{TABLE}/{asked}") == f"{TABLE}/{resource}"


def test_the_most_particular_domain_comes_first():
    """Exact, then by suffix, then by prefix, then any: Envoy's order."""
    order = list(domains("a.b"))
    assert order == ["a.b", "*.b", "*b", "a.*", "a*", "*"]


def test_only_what_is_asked_for_is_sent(group):
    """The answer bears the name that was asked for."""
    client = opened(group)
    [response] = client.ask(VIRTUAL_HOST, name("a"))
    assert response.names == {name("a")}
    assert list(host_of(response, name("a")).domains) == ["a"]


def test_a_table_asked_for_by_name_is_still_on_demand(group):
    """Its name does not stand for all its hosts, as that of a pushed table does."""
    client = connect(group)
    client.ack(*client.ask("rds", TABLE))
    [response] = client.ask(VIRTUAL_HOST, TABLE)
    assert response.names == {OPENING}


def test_a_wildcard_is_sent_as_the_host_that_was_asked_for(group):
    """The wildcard itself would keep Envoy from asking for `own.x.test`."""
    client = opened(group)
    [response] = client.ask(VIRTUAL_HOST, name("some.x.test"))
    sent = host_of(response, name("some.x.test"))
    assert list(sent.domains) == ["some.x.test"]
    assert sent.routes[0].direct_response.body.inline_string == "3"
    client.ack(response)
    [response] = client.ask(VIRTUAL_HOST, name("own.x.test"))
    sent = host_of(response, name("own.x.test"))
    assert sent.routes[0].direct_response.body.inline_string == "4"


def test_two_names_of_one_host_are_one_resource_with_two_aliases(group):
    """A table with one domain twice would be refused."""
    client = opened(group)
    client.ack(*client.ask(VIRTUAL_HOST, name("a")))
    request = discovery.DeltaDiscoveryRequest(
        type_url=VIRTUAL_HOST, resource_names_subscribe=[name("a:81")]
    )
    client.session.receive(request, 0.0)
    [frame] = client.session.flush(0.0)
    [one] = discovery.DeltaDiscoveryResponse.FromString(frame).resources
    assert (one.name, list(one.aliases)) == (name("a"), [name("a"), name("a:81")])


def test_an_unknown_host_is_answered_without_a_body_each_time(group):
    """Envoy lets the request go on then; a removal it would not notice."""
    client = opened(group)
    for _ in range(2):
        [response] = client.ask(VIRTUAL_HOST, name("nobody"))
        assert response.resources == {name("nobody"): b""}
        assert not response.removed
        client.ack(response)


def test_changes_of_what_was_asked_for_are_sent_and_others_not(group):
    """And a host that was unknown comes when it is there."""
    client = opened(group)
    client.ack(*client.ask(VIRTUAL_HOST, name("a"), name("c")))
    heard = client.ack_all(client.publish(hosts(a="1", b="changed")))
    assert not [one for one in heard if one.type_url in {VIRTUAL_HOST, ROUTE}]
    [response] = client.publish(hosts(a="changed", b="changed", c="new"))
    assert (response.type_url, response.names) == (VIRTUAL_HOST, {name("a"), name("c")})


def test_a_host_that_is_gone_is_removed_and_comes_back(group):
    """The interest in it stays."""
    client = opened(group)
    client.ack(*client.ask(VIRTUAL_HOST, name("a")))
    heard = client.ack_all(client.publish(hosts(b="2")))
    [removal] = [one for one in heard if one.type_url == VIRTUAL_HOST]
    assert (removal.removed, removal.names) == ({name("a")}, set())
    [response] = client.publish(hosts(a="1", b="2"))
    assert response.names == {name("a")}


def test_a_host_that_loses_its_own_routes_falls_back_to_the_wildcard(group):
    """It is changed, and not removed."""
    client = opened(group)
    client.ack(*client.ask(VIRTUAL_HOST, name("own.x.test")))
    heard = client.ack_all(client.publish(hosts(a="1", below="3")))
    [response] = [one for one in heard if one.type_url == VIRTUAL_HOST]
    sent = host_of(response, name("own.x.test"))
    assert sent.routes[0].direct_response.body.inline_string == "3"
    assert not response.removed


def test_a_host_is_answered_while_clusters_warm_up(group):
    """A request waits for it: it is not for the barrier to hold it."""
    client = opened(group)
    more = snapshot(
        (table(TABLE, a="later"), listener(f"l-{TABLE}", routes=TABLE), cluster("a"),
         endpoints("a", 1), cluster("n"), endpoints("n", 1))
    )  # fmt: skip
    heard = client.publish(more)
    assert {one.type_url for one in heard} == {CLUSTER}
    [response] = client.ask(VIRTUAL_HOST, name("a"))
    sent = host_of(response, name("a"))
    assert sent.routes[0].direct_response.body.inline_string == "1"


def test_a_client_that_comes_back_is_sent_what_changed(group):
    """It names what it has; hosts that it no longer names are not sent."""
    client = opened(group)
    client.ack(*client.ask(VIRTUAL_HOST, name("a"), name("b")))
    has = dict(client.session._watches[VIRTUAL_HOST].holding().accepted)
    group.publish(hosts(a="1", b="changed"))
    again = connect(group)
    again.ack(*again.ask("rds", TABLE))
    heard = again.ask(VIRTUAL_HOST, name("a"), name("b"), has=has)
    assert set().union(*(one.names for one in heard)) == {name("b")}


def test_hosts_that_are_pushed_stay_wanted_beside_those_on_demand():
    """Envoy's silence asked for them, and its asking for one name does not end that."""
    pushed = table_in_parts("more")
    group = Group()
    group.publish(made(table(TABLE, a="1"), table(pushed, c="1")))
    client = connect(group)
    client.ack_all(client.ask("rds", TABLE, pushed))
    client.ack_all(client.ask(VIRTUAL_HOST))
    client.ack_all(client.ask(VIRTUAL_HOST, name("a")))
    heard = client.ack_all(client.publish(made(table(TABLE, a="1"), table(pushed, c="1", d="2"))))
    assert [one.names for one in heard if one.type_url == VIRTUAL_HOST] == [{f"{pushed}/d"}]


def test_a_name_that_is_dropped_is_not_followed_any_more(group):
    """Unless another name of the host is still there."""
    client = opened(group)
    client.ack(*client.ask(VIRTUAL_HOST, name("a"), name("a:1"), name("b")))
    assert client.ask(VIRTUAL_HOST, drop=[name("b"), name("a:1")]) == []
    heard = client.ack_all(client.publish(hosts(a="changed", b="changed")))
    assert [one.names for one in heard if one.type_url == VIRTUAL_HOST] == [{name("a")}]


def test_what_is_above_the_limit_is_unknown_and_said_once(caplog):
    """A client that asks for names without end costs no memory without end."""
    on_demand = OnDemand(limit=1)
    on_demand.ask([name("a")], frozenset())
    with caplog.at_level(logging.WARNING):
        on_demand.ask([name("b")], frozenset())
        on_demand.ask([name("c")], frozenset())
    assert len(caplog.records) == 1
    resources = hosts(a="1", b="2").of(VIRTUAL_HOST)
    tables = by_table(resources.version, resources.by_name)
    view = on_demand.view(resources, tables, {}, on_demand.take()).by_name
    assert view[name("a")].body
    assert not view[name("b")].body


def test_a_name_longer_than_any_host_is_unknown(group):
    """Nobody looks for the wildcards of a header of many kilobytes."""
    client = opened(group)
    long = name("x" * 60_000)
    [response] = client.ask(VIRTUAL_HOST, long)
    assert response.resources == {long: b""}


def test_a_resource_without_a_body_is_read_as_one():
    """Its aliases stand, and its `resource` is unset, which Envoy tells from an empty one."""
    sent = delta_resources([Encoded("n", "v", b"", aliases=("x", "y"))])
    [one] = discovery.DeltaDiscoveryResponse.FromString(sent).resources
    assert not one.HasField("resource")
    assert list(one.aliases) == ["x", "y"]


def test_who_speaks_sotw_has_the_table_whole(group):
    """There is nothing to ask with."""
    [response] = connect(group, "sotw").ask("rds", TABLE)
    assert len(routes_of(response).virtual_hosts) == 4
