"""The roster: one row a node, and for a while one of each that has left."""

from __future__ import annotations

from dataclasses import replace

from tests.xds.client import Client
from tests.xds.hand_made import cluster, listener
from xds.group import Group
from xds.placement import Node
from xds.roster import Departed, Seated, row_data, rows
from xds.snapshot import snapshot
from xds.status import State


def group():
    made = Group()
    made.publish(snapshot([cluster("a"), listener("x", port=1)]))
    return made


def seated(served, name="edge-1", now=0.0, agent="envoy 1.40.0"):
    client = Client(served, "delta", node=name, now=now)
    heard = client.ask("cds")
    return client, heard, Seated(client.session, Node(name, agent=agent), "default")


def test_a_row_tells_since_when_and_when_last():
    """Times of the session's clock are told as times of day."""
    client, heard, seat = seated(group(), now=100)
    client.now = 130
    client.ack_all(heard)
    [told] = rows([seat], now=150, wall=1_000_150)
    assert (told.since, told.seen) == (1_000_100, 1_000_130)
    assert (told.protocol, told.connected, told.state) == ("delta", True, State.SYNCED)


def test_two_streams_of_one_node_are_one_row():
    """The newer one speaks for the types that both have."""
    served = group()
    old, heard, one = seated(served, now=1)
    _, _, two = seated(served, now=2)
    old.ack_all(heard)
    [told] = rows([one, two], 3, 3)
    assert told.streams == 2
    assert told.state is State.STALE


def test_a_node_that_left_is_shown_for_a_while():
    """It is not connected, keeps what it had, and goes when its time is up or it comes back."""
    _, _, seat = seated(group())
    [last] = rows([seat], 0, 1_000)
    departed = Departed(kept=60)
    departed.left(last)
    [told] = departed.rows((), 1_050)
    assert told == replace(last, connected=False, streams=0)
    assert departed.rows((), 1_061) == []
    departed.left(last)
    assert departed.rows(["edge-1"], 1_001) == []


def test_many_nodes_that_come_and_go_do_not_fill_the_memory():
    """The oldest give way."""
    _, _, seat = seated(group())
    [last] = rows([seat], 0, 0)
    departed = Departed()
    for number in range(1_500):
        departed.left(replace(last, node=Node(f"node-{number}")))
    assert len(departed.rows((), 0)) == 1_000


def test_a_refusal_is_told_with_the_place_in_the_policy():
    """That is what an operator mends."""
    client, heard, seat = seated(group())
    heard = client.ack_all(heard)
    [response] = client.ask("lds")
    client.nack(response, error="port in use")
    seat = replace(seat, withheld=client.group.withheld)
    data = row_data(rows([seat], 0, 0)[0], lambda _url, name: f"gateway.yaml:3:{name}")
    assert data["state"] == "NACKED"
    [refused] = data["types"]["listener"]["refused"]
    assert (refused["resource"], refused["error"]) == ("x", "port in use")
    assert refused["place"] == "gateway.yaml:3:x"
