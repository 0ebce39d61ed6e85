"""The steps from one snapshot to the next, and what is held back on the way."""

from __future__ import annotations

from tests.xds.client import Client
from tests.xds.hand_made import certificate, cluster, endpoints, listener, routes
from xds.group import Group
from xds.order import CLUSTER, LISTENER, ROUTE
from xds.snapshot import EMPTY, snapshot
from xds.transaction import Phase, steps
from xds.withhold import unresolved, withhold

OLD = snapshot([listener(), routes(to="a"), cluster("a"), endpoints("a", 1)])
NEW = snapshot([listener(), routes(to="b"), cluster("b"), endpoints("b", 2)])


def names(view, type_url):
    return set(view.of(type_url).by_name)


def test_new_clusters_stand_beside_old_ones_before_routes_move():
    """Make, switch, prune; the last view is the new snapshot."""
    make, switch, prune = steps(OLD, NEW)
    assert [step.phase for step in (make, switch, prune)] == [
        Phase.MAKE,
        Phase.SWITCH,
        Phase.PRUNE,
    ]
    assert names(make.view, CLUSTER) == names(switch.view, CLUSTER) == {"a", "b"}
    assert make.view.of(ROUTE) == OLD.of(ROUTE)
    assert switch.view.of(ROUTE) == NEW.of(ROUTE)
    assert prune.view is NEW


def test_listeners_and_routes_are_not_sent_while_clusters_are_made():
    """Not even to a client that asks for them just then."""
    make, switch, _ = steps(OLD, NEW)
    assert make.sends(CLUSTER)
    assert not make.sends(LISTENER)
    assert not make.sends(ROUTE)
    assert switch.sends(ROUTE)


def test_listeners_go_before_what_they_used():
    """A listener may be removed in the switch; clusters and routes only at the end."""
    _, switch, prune = steps(OLD, NEW)
    assert switch.prunes(LISTENER)
    assert not switch.prunes(CLUSTER)
    assert not switch.prunes(ROUTE)
    assert prune.prunes(CLUSTER)


def test_a_change_of_endpoints_alone_is_one_step():
    """Steps that change nothing are left out."""
    moved = snapshot([listener(), routes(to="a"), cluster("a"), endpoints("a", 9)])
    [step] = steps(OLD, moved)
    assert step.view is moved


def test_a_client_of_whom_nothing_is_known_is_led_through_every_step():
    """It may hold anything: nothing may be taken from it before its routes are ours."""
    way = steps(EMPTY, NEW, sure=False)
    assert [step.phase for step in way] == [Phase.MAKE, Phase.SWITCH, Phase.PRUNE]


def test_a_step_that_is_not_acknowledged_is_left_when_its_time_is_up():
    """The clock is the caller's; the stream tells when it wants to be asked again."""
    group = Group(barrier=10)
    group.publish(OLD)
    client = Client(group, "delta")
    settle(client)
    made = client.publish(NEW)
    assert {one.type_url for one in made} == {CLUSTER}
    assert client.session.deadline(client.now) == 10
    client.now = 9.9
    assert client.take() == []
    client.now = 10
    assert [one.type_url for one in client.take()] == [ROUTE]
    assert client.session.overdue == 1


def test_a_blocked_resource_keeps_its_last_good_version():
    """And the rest goes live."""
    wanted = snapshot([listener(port=1), routes(to="b"), cluster("b"), endpoints("b", 2)])
    got = withhold(wanted, OLD, [(LISTENER, "public")])
    assert got.of(LISTENER) == OLD.of(LISTENER)
    assert got.of(ROUTE) == wanted.of(ROUTE)


def test_a_blocked_resource_that_never_was_is_left_out():
    """There is nothing better to send."""
    assert names(withhold(NEW, EMPTY, [(LISTENER, "public")]), LISTENER) == set()


def test_routes_to_a_cluster_that_is_left_out_stay_as_they_were():
    """Better the old route than one that leads nowhere."""
    got = withhold(NEW, OLD, [(CLUSTER, "b")])
    assert got.of(ROUTE) == OLD.of(ROUTE)
    assert withhold(NEW, EMPTY, [(CLUSTER, "b")]).of(ROUTE) == NEW.of(ROUTE)


def test_blocking_nothing_changes_nothing():
    """Not even the object."""
    assert withhold(NEW, OLD, []) is NEW
    assert withhold(NEW, OLD, [(CLUSTER, "ghost")]) is NEW


def test_what_names_an_unreadable_secret_is_found_by_the_whole_name():
    """`env:KEY` is not `env:KEY_2`."""
    one = snapshot([listener("x", secret="generic/env:KEY_2"), listener("y", secret="s")])
    assert unresolved(one, {"generic/env:KEY"}) == set()
    assert unresolved(one, {"generic/env:KEY_2"}) == {(LISTENER, "x")}


def test_a_secret_alone_is_no_reason_to_hold_itself_back():
    """Only what refers to it waits."""
    one = snapshot([certificate("present", b"c", b"k")])
    assert unresolved(one, {"missing"}) == set()


def settle(client):
    for type_url, asked in (
        ("cds", ()), ("eds", ("a",)), ("lds", ()), ("rds", ("public",)),
    ):  # fmt: skip
        client.ack_all(client.ask(type_url, *asked))
    assert client.session.has == client.group.target.version


def test_nobody_has_what_is_yet_to_be_sent_to_it():
    """Between the change and its sending a stream counts as behind, also where one step is all."""
    group = Group()
    group.publish(OLD)
    client = Client(group, "delta")
    settle(client)
    assert client.session.has == OLD.version
    # One step is all that this takes.
    group.publish(snapshot([listener(), routes(to="a"), cluster("a"), endpoints("a", 2)]))
    group.steer(client.now)
    assert client.session.has is None
    client.ack_all(client.take())
    assert client.session.has == group.target.version
