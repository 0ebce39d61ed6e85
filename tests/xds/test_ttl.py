"""Resources with a TTL, and the heartbeats that renew them, by a clock that is passed in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.xds.client import Client
from tests.xds.hand_made import cluster, endpoints
from xds.group import Group
from xds.lane import Build, Kept
from xds.lease import TTL_FEATURE, WRAPPER_FEATURE
from xds.node_match import NodeMatch
from xds.order import RUNTIME
from xds.resource import resource
from xds.rollout import State
from xds.runtime_layer import RUNTIME_LAYER
from xds.schema import envoy
from xds.snapshot import snapshot
from xds.store import Store, Stored

KNOWS = (TTL_FEATURE, WRAPPER_FEATURE)


def runtime(share=1, ttl=10.0):
    """A layer of one key, kept for as many seconds."""
    made = envoy.service.runtime.v3.Runtime(name=RUNTIME_LAYER)
    made.layer.update({"test.share": share})
    return resource(made, ttl=None if ttl is None else timedelta(seconds=ttl))


def joined(protocol, *resources, features=KNOWS, group=None):
    """A stream of a group that serves these."""
    if group is None:
        group = Group()
        group.publish(snapshot(resources))
    return Client(group, protocol, features=features)


def served(protocol, *resources, features=KNOWS):
    """The same, once it has the runtime and has acknowledged it at 0 s; and what it was sent."""
    client = joined(protocol, *resources, features=features)
    [response] = client.ask(RUNTIME, RUNTIME_LAYER)
    assert ack(client, response) == []
    return client, response


def ack(client, response, **more):
    names = (RUNTIME_LAYER,) if client.protocol == "sotw" else ()
    return client.ask(RUNTIME, *names, nonce=response.nonce, version=response.version, **more)


def renews(response, names=frozenset({RUNTIME_LAYER})):
    """Whether it is a heartbeat of these: without resources in delta, the same ones in SotW."""
    without = response.beats if response.version == "" else response.names
    return without == names and response.ttls.keys() == names


def at(client, now):
    """What is sent at this time."""
    client.now = now
    return client.take()


@pytest.fixture(params=["delta", "sotw"])
def protocol(request):
    return request.param


def test_a_ttl_goes_with_its_resource(protocol):
    """In the Resource around it, which SotW has for this alone."""
    _, response = served(protocol, runtime())
    assert response.ttls == {RUNTIME_LAYER: 10}
    assert response.names == {RUNTIME_LAYER}


@pytest.mark.parametrize("features", [(), (WRAPPER_FEATURE,)])
def test_a_client_that_does_not_know_ttls_is_sent_none(protocol, features):
    """The resource is the same for it, and there is nothing to wake up for."""
    client, response = served(protocol, runtime(), features=features)
    assert not response.ttls
    assert response.names == {RUNTIME_LAYER}
    assert client.session.deadline(0) is None
    assert at(client, 100) == []


def test_a_sotw_client_that_does_not_unwrap_is_sent_none():
    """It would take the wrapper for a resource of another type; delta has it always."""
    assert not served("sotw", runtime(), features=(TTL_FEATURE,))[1].ttls
    assert served("delta", runtime(), features=(TTL_FEATURE,))[1].ttls


def test_a_heartbeat_comes_at_half_of_the_ttl(protocol):
    """Not before, and again after as long."""
    client, _ = served(protocol, runtime())
    for due in (5, 10, 15):
        assert client.session.deadline(client.now) == due
        assert at(client, due - 0.01) == []
        [beat] = at(client, due)
        assert renews(beat)
        assert beat.ttls == {RUNTIME_LAYER: 10}
        assert ack(client, beat) == []


def test_a_sotw_heartbeat_has_the_version_that_was_accepted():
    """And the resource besides: Envoy 1.40 lets it expire where that is left out."""
    client, response = served("sotw", runtime())
    [beat] = at(client, 5)
    assert beat.version == response.version
    assert beat.resources == response.resources


def test_a_delta_heartbeat_has_no_resource():
    """Its name, version and TTL are all that is needed."""
    client, _ = served("delta", runtime())
    [beat] = at(client, 5)
    assert beat.beats == {RUNTIME_LAYER}
    assert not beat.resources


def test_without_a_ttl_there_is_no_heartbeat(protocol):
    """And no deadline."""
    client, _ = served(protocol, runtime(ttl=None))
    assert client.session.deadline(0) is None
    assert at(client, 1000) == []


def test_a_change_begins_the_time_anew(protocol):
    """It says all that a heartbeat does."""
    client, _ = served(protocol, runtime(1))
    client.now = 4
    [changed] = client.publish(snapshot([runtime(2)]))
    assert ack(client, changed) == []
    assert at(client, 8.9) == []
    assert renews(at(client, 9)[0])


def test_another_ttl_is_a_change(protocol):
    """Sent at once, in full; and the new one counts."""
    client, _ = served(protocol, runtime(ttl=10))
    [changed] = client.publish(snapshot([runtime(ttl=60)]))
    assert changed.ttls == {RUNTIME_LAYER: 60}
    assert changed.names == {RUNTIME_LAYER}
    ack(client, changed)
    assert client.session.deadline(0) == 30


def test_a_ttl_that_is_taken_away_ends_the_heartbeats(protocol):
    """The client hears of it as of any change."""
    client, _ = served(protocol, runtime(ttl=10))
    [changed] = client.publish(snapshot([runtime(ttl=None)]))
    assert not changed.ttls
    ack(client, changed)
    assert at(client, 100) == []


def test_what_nobody_asks_for_any_more_is_not_renewed(protocol):
    """Neither at once nor when it would have been due."""
    client, response = served(protocol, runtime())
    if protocol == "sotw":
        sent = client.ask(RUNTIME, nonce=response.nonce, version=response.version)
    else:
        sent = client.ask(RUNTIME, drop=[RUNTIME_LAYER])
    assert sent == []
    assert at(client, 5) == []
    assert client.session.deadline(5) is None


def test_a_heartbeat_leaves_the_stream_settled(protocol):
    """It is no push: what the client has is not in doubt while its answer is on the way."""
    client, _ = served(protocol, runtime())
    had, stale = client.session.has, client.session.stale
    client.session.take_pushed()
    [beat] = at(client, 5)
    assert client.session.has == had is not None
    ack(client, beat)
    assert client.session.has == had
    assert client.session.stale == stale
    assert not client.session.take_pushed()


def test_an_answer_to_a_heartbeat_does_not_answer_the_change_after_it(protocol):
    """Nor is it held for a client that lags behind."""
    client, _ = served(protocol, runtime(1))
    [beat] = at(client, 5)
    [changed] = client.publish(snapshot([runtime(2)]))
    assert ack(client, beat) == []
    assert client.session.has is None
    assert client.session.stale == 0
    assert ack(client, changed) == []
    assert client.session.has is not None


def test_no_heartbeat_while_a_change_waits_for_its_ack(protocol):
    """After the barrier the resource is sent in full: what the client has is unknown by then."""
    client = joined(protocol, runtime(ttl=10))
    client.ask(RUNTIME, RUNTIME_LAYER)
    assert at(client, 5) == []
    assert client.session.deadline(5) == 10
    [again] = at(client, 10)
    assert again.names == {RUNTIME_LAYER}


def test_a_refused_heartbeat_has_the_resource_sent_in_full(protocol):
    """The client has lost it; nobody is to blame, and nothing is quarantined."""
    client, _ = served(protocol, runtime())
    [beat] = at(client, 5)
    names = (RUNTIME_LAYER,) if protocol == "sotw" else ()
    [full] = client.ask(RUNTIME, *names, nonce=beat.nonce, error="no such resource")
    assert full.names == {RUNTIME_LAYER}
    assert not client.nacks
    assert ack(client, full) == []


def test_what_has_run_out_meanwhile_is_sent_in_full(protocol):
    """A server that stood still knows that the client has dropped it."""
    client, _ = served(protocol, runtime())
    [full] = at(client, 10)
    assert full.names == {RUNTIME_LAYER}
    assert ack(client, full) == []
    assert client.session.deadline(10) == 15


def test_a_new_stream_is_sent_in_full_what_it_says_it_has(protocol):
    """How much of its time is left it cannot say; SotW not even that it is gone."""
    client, response = served(protocol, runtime())
    later = joined(protocol, group=client.group)
    if protocol == "sotw":
        [full] = later.ask(RUNTIME, RUNTIME_LAYER, version=response.version)
    else:
        version = client.group.target.of(RUNTIME).by_name[RUNTIME_LAYER].version
        [full] = later.ask(RUNTIME, RUNTIME_LAYER, has={RUNTIME_LAYER: version})
    assert full.names == {RUNTIME_LAYER}
    assert full.ttls


def test_heartbeats_of_a_type_are_one_message(protocol):
    """And what has no TTL is not in it."""
    mortal = [replace(endpoints(name, 1), ttl=timedelta(seconds=ttl)) for name, ttl in EACH.items()]
    client = joined(protocol, *mortal, endpoints("c", 1), *map(cluster, "abc"))
    [response] = client.ask("eds", "a", "b", "c")
    assert response.ttls == EACH
    client.ack(response, *("abc" if protocol == "sotw" else ""))
    [beat] = at(client, 5)
    assert renews(beat, EACH.keys())


EACH = {"a": 10, "b": 14}


def test_a_client_that_never_answers_heartbeats_is_renewed_all_the_same(protocol):
    """Its memory of them is bounded, and a late answer is of the newest ones or stale."""
    client, _ = served(protocol, runtime())
    beats = [at(client, 5 * turn)[0] for turn in range(1, 21)]
    assert all(map(renews, beats))
    ack(client, beats[-1])
    assert client.session.stale == 0
    ack(client, beats[0])
    assert client.session.stale == 1


def test_a_cluster_has_no_ttl():
    """In SotW its heartbeat would delete all others."""
    with pytest.raises(ValueError, match="TTL"):
        snapshot([replace(cluster(), ttl=timedelta(seconds=10))])


def test_a_ttl_outlives_a_restart(tmp_path):
    """With the resource, under the same version."""
    build = Build("default", NodeMatch(), snapshot([runtime()]))
    store = Store(tmp_path)
    store.save(Stored((Kept(build, None, State(build.version)),)))
    [kept] = store.load().groups
    assert kept.stable.snapshot == build.snapshot
    assert kept.stable.snapshot.of(RUNTIME).by_name[RUNTIME_LAYER].ttl == timedelta(seconds=10)
