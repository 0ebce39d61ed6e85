"""Route tables in parts: what a stream is shown, by its protocol and its Envoy."""

from __future__ import annotations

import pytest

from tests.xds.client import Client, discovery
from tests.xds.hand_made import cluster, endpoints, listener
from xds.group import Group
from xds.order import CLUSTER, LISTENER, ROUTE, VIRTUAL_HOST
from xds.resource import resource
from xds.schema import envoy
from xds.shards import part_name, table_in_parts, table_of
from xds.snapshot import snapshot
from xds.wire import decode

route_v3 = envoy.config.route.v3
TABLE = table_in_parts("public")


def table(name=TABLE, **bodies):
    """A route table with a virtual host for each keyword, which answers with its value."""
    message = route_v3.RouteConfiguration(
        name=name, max_direct_response_body_size_bytes={"value": 9}
    )
    for host, body in bodies.items():
        one = message.virtual_hosts.add(name=part_name(name, host), domains=[host])
        route = one.routes.add()
        route.match.prefix = "/"
        route.direct_response.status = 200
        route.direct_response.body.inline_string = body
    return resource(message)


def made(*tables):
    names = [one.name for one in tables]
    return snapshot(
        (*tables, *(listener(f"l-{name}", routes=name) for name in names),
         cluster("a"), endpoints("a", 1))
    )  # fmt: skip


def connect(group, protocol="delta", agent="envoy", version=(1, 40)):
    """A client that has clusters, listeners and the table, all of it acknowledged."""
    client = Client(group, protocol)
    kind = discovery.DeltaDiscoveryRequest if protocol == "delta" else discovery.DiscoveryRequest
    request = kind(type_url=CLUSTER)
    request.node.id = "client"
    request.node.user_agent_name = agent
    number = request.node.user_agent_build_version.version
    number.major_number, number.minor_number = version
    client._met = True
    heard = client.send(request)
    for one in heard:
        client.ack(one)
    heard += client.ask("lds")
    client.ack(heard[-1])
    return client


@pytest.fixture
def group():
    group = Group()
    group.publish(made(table(a="1", b="2")))
    return group


def routes_of(response):
    [body] = response.resources.values()
    packed = envoy.service.discovery.v3.Resource().resource
    packed.MergeFromString(body)
    return decode(route_v3.RouteConfiguration, packed.value)


def test_an_envoy_that_can_gets_the_table_without_its_hosts(group):
    """What else the table says is there, and where its hosts come from."""
    [response] = connect(group).ask("rds", TABLE)
    shown = routes_of(response)
    assert not shown.virtual_hosts
    assert shown.vhds.config_source.HasField("ads")
    assert shown.max_direct_response_body_size_bytes.value == 9


@pytest.mark.parametrize(
    "told", [{"version": (1, 36)}, {"agent": "other"}, {"protocol": "sotw"}], ids=str
)
def test_everybody_else_gets_the_table_whole(group, told):
    """An older Envoy, another client, and whoever speaks SotW."""
    [response] = connect(group, **told).ask("rds", TABLE)
    assert [host.name for host in routes_of(response).virtual_hosts] == [
        f"{TABLE}/a",
        f"{TABLE}/b",
    ]


def test_silence_asks_for_all_virtual_hosts(group):
    """As Envoy does, which names neither tables nor hosts."""
    client = connect(group)
    client.ack(*client.ask("rds", TABLE))
    [response] = client.ask(VIRTUAL_HOST)
    assert response.names == {f"{TABLE}/a", f"{TABLE}/b"}


def test_a_table_can_be_asked_for_by_name(group):
    """And stands for all its virtual hosts, those to come as well."""
    client = connect(group)
    client.ack(*client.ask("rds", TABLE))
    [response] = client.ask(VIRTUAL_HOST, TABLE)
    assert response.names == {f"{TABLE}/a", f"{TABLE}/b"}
    client.ack(response)
    [response] = client.publish(made(table(a="1", b="2", c="3")))
    assert response.names == {f"{TABLE}/c"}


def test_a_table_that_is_let_go_takes_its_hosts_along(group):
    """Asked for again, they are sent again."""
    client = connect(group)
    client.ack(*client.ask("rds", TABLE))
    client.ack(*client.ask(VIRTUAL_HOST, TABLE))
    assert client.ask(VIRTUAL_HOST, drop=[TABLE]) == []
    [response] = client.ask(VIRTUAL_HOST, TABLE)
    assert response.names == {f"{TABLE}/a", f"{TABLE}/b"}


def test_an_unknown_table_is_said_to_be_missing(group):
    """As any other name is."""
    client = connect(group)
    [response] = client.ask(VIRTUAL_HOST, "other@hosts")
    assert response.missing == response.removed == {"other@hosts"}


def test_a_changed_route_costs_its_host(group):
    """Neither the table nor another host is sent; who has the table whole gets it whole."""
    client, whole = connect(group), connect(group, "sotw")
    client.ack(*client.ask("rds", TABLE))
    client.ack(*client.ask(VIRTUAL_HOST))
    whole.ack(*whole.ask("rds", TABLE), TABLE)
    [response] = client.publish(made(table(a="1", b="changed")))
    assert (response.type_url, response.names) == (VIRTUAL_HOST, {f"{TABLE}/b"})
    assert [one.type_url for one in whole.take()] == [ROUTE]


def test_hosts_go_when_the_switch_is_made_and_before_their_clusters(group):
    """A host that is gone must lead nowhere before its cluster is taken away."""
    client = connect(group)
    client.ack(*client.ask("rds", TABLE))
    client.ack(*client.ask(VIRTUAL_HOST))
    fewer = snapshot((table(a="1"), listener(f"l-{TABLE}", routes=TABLE)))
    [response] = client.publish(fewer)
    assert (response.type_url, response.removed) == (VIRTUAL_HOST, {f"{TABLE}/b"})
    assert {one.type_url for one in client.ack(response)} >= {CLUSTER}


def test_the_hosts_of_a_table_that_is_gone_stay(group):
    """Connections of a listener that drains use them still; Envoy drops them when it asks to."""
    client = connect(group)
    client.ack(*client.ask("rds", TABLE))
    client.ack(*client.ask(VIRTUAL_HOST))
    heard = client.ack_all(client.publish(made(table("public", a="1", b="2"))))
    assert LISTENER in {one.type_url for one in heard}
    assert not any(one.removed for one in heard if one.type_url == VIRTUAL_HOST)


def test_hosts_follow_a_table_that_is_sent_later(group):
    """Envoy forgets hosts that come before their table, and does not ask again."""
    client = connect(group)
    client.ack(*client.ask("rds", TABLE))
    client.ack(*client.ask(VIRTUAL_HOST))
    more = table_in_parts("more")
    client.ack_all(client.publish(made(table(a="1", b="2"), table(more, c="3"))))
    heard = client.ask("rds", more)
    assert [one.type_url for one in heard] == [ROUTE, VIRTUAL_HOST]
    assert heard[1].names == {f"{more}/c"}


def test_a_refused_host_stays_at_its_last_good_version(group):
    """The others go on, and what was refused is not sent again."""
    client = connect(group)
    client.ack(*client.ask("rds", TABLE))
    client.ack(*client.ask(VIRTUAL_HOST))
    [response] = client.publish(made(table(a="good", b="bad")))
    client.nack(response, error=f"{TABLE}/b: no")
    [nack] = client.nacks
    assert nack.type_url == VIRTUAL_HOST
    assert client.take() == []


def test_only_parts_have_a_table():
    """Names of other resources may hold a slash too."""
    assert table_of(f"{TABLE}/a") == TABLE
    assert table_of("service/orders") == ""
