"""CSDS: our view of a node in the API's own message, redacted, for the nodes asked for."""

from __future__ import annotations

import asyncio

import pytest

from tests.xds.client import Client
from tests.xds.hand_made import cluster, listener
from xds.csds import ClientStatus, Viewed, answer
from xds.group import Group
from xds.node_matcher import UnsupportedMatcherError, matches
from xds.order import LISTENER, SECRET
from xds.placement import Node
from xds.resource import resource
from xds.roster import Seated
from xds.schema import envoy
from xds.snapshot import snapshot
from xds.wire import REDACTED, unpack

KEY = "sk-canary-csds"
tls = envoy.extensions.transport_sockets.tls.v3
Request = envoy.service.status.v3.ClientStatusRequest
Response = envoy.service.status.v3.ClientStatusResponse


def node(name, **metadata):
    made = envoy.config.core.v3.Node(id=name, cluster="edge")
    made.metadata.update(metadata)
    return made


def secret():
    return resource(tls.Secret(name="key", generic_secret={"secret": {"inline_string": KEY}}))


def viewed(client, name="edge-1", **metadata):
    seated = Seated(client.session, Node(name), "eu", withheld=client.group.withheld)
    return Viewed(node(name, **metadata), seated)


def connected(*made):
    group = Group()
    group.publish(snapshot(made))
    client = Client(group, "delta", node="edge-1")
    client.ack_all([*client.ask("cds"), *client.ask(SECRET, "key")])
    return client


def configs(response):
    [config] = response.config
    return {(one.type_url, one.name): one for one in config.generic_xds_configs}


def test_each_resource_is_told_with_its_status():
    """SYNCED once accepted, with its version and its content."""
    client = connected(cluster("a"), secret())
    response = answer(Request(), [viewed(client)])
    [config] = response.config
    assert (config.node.id, config.client_scope) == ("edge-1", "eu")
    [told] = [one for one in config.generic_xds_configs if one.name == "a"]
    assert told.config_status == 1
    assert told.version_info == client.group.target.of(told.type_url).by_name["a"].version
    assert unpack(told.xds_config).name == "a"


def test_no_secret_is_in_the_answer():
    """The secret is there, by its name, and redacted."""
    response = answer(Request(), [viewed(connected(cluster("a"), secret()))])
    told = configs(response)[SECRET, "key"]
    assert unpack(told.xds_config).generic_secret.secret.inline_string == REDACTED
    assert KEY.encode() not in response.SerializeToString()


def test_contents_may_be_left_out():
    """A fleet's answer is small then."""
    client = connected(cluster("a"))
    response = answer(Request(exclude_resource_contents=True), [viewed(client)])
    assert not any(one.HasField("xds_config") for one in configs(response).values())


def test_a_refusal_is_an_error_with_its_text():
    """ERROR on the server's side, NACKED on the client's."""
    client = connected(cluster("a"), listener("x"))
    heard = client.ask("lds")
    wrong = snapshot([cluster("a"), listener("x", port=1)])
    client.ack_all(heard)
    [response] = client.publish(wrong)
    client.ack_all(client.nack(response, error="port in use"))
    told = configs(answer(Request(), [viewed(client)]))[LISTENER, "x"]
    assert (told.config_status, told.client_status) == (4, 4)
    assert told.error_state.details == "port in use"
    assert told.error_state.version_info == wrong.of(LISTENER).by_name["x"].version


def test_only_nodes_that_a_matcher_takes_are_told():
    """Matchers are alternatives; without one, all nodes are meant."""
    client = connected(cluster("a"))
    views = [viewed(client, "edge-1"), viewed(client, "core-1", canary=True)]
    by_id = Request(node_matchers=[{"node_id": {"prefix": "edge"}}])
    assert [one.node.id for one in answer(by_id, views).config] == ["edge-1"]
    by_metadata = by_id.node_matchers.add().node_metadatas.add(path=[{"key": "canary"}])
    by_metadata.value.bool_match = True
    assert len(answer(by_id, views).config) == 2
    assert len(answer(Request(), views).config) == 2


@pytest.mark.parametrize(
    ("matcher", "taken"),
    [
        ({"node_id": {"exact": "Edge-1", "ignore_case": True}}, True),
        ({"node_id": {"suffix": "-2"}}, False),
        ({"node_id": {"contains": "ge-"}}, True),
        ({"node_metadatas": [{"path": [{"key": "a"}], "value": {"present_match": True}}]}, True),
        ({"node_metadatas": [{"path": [{"key": "z"}], "value": {"present_match": True}}]}, False),
        ({"node_metadatas": [{"path": [{"key": "z"}], "value": {"present_match": False}}]}, True),
        (
            {
                "node_metadatas": [
                    {
                        "path": [{"key": "a"}, {"key": "b"}],
                        "value": {"string_match": {"exact": "c"}},
                    }
                ]
            },
            True,
        ),
        (
            {"node_metadatas": [{"path": [{"key": "n"}], "value": {"double_match": {"exact": 5}}}]},
            True,
        ),
        (
            {
                "node_metadatas": [
                    {
                        "path": [{"key": "n"}],
                        "value": {"double_match": {"range": {"start": 6, "end": 9}}},
                    }
                ]
            },
            False,
        ),
    ],
)
def test_a_matcher_takes_what_its_fields_say(matcher, taken):
    """Ids by text, metadata by path; all that is given must hold."""
    one = node("edge-1", a={"b": "c"}, n=5)
    assert matches(one, envoy.type.matcher.v3.NodeMatcher(**matcher)) is taken


def test_a_regular_expression_is_refused():
    """It would be another language's, and might run for ever."""
    with pytest.raises(UnsupportedMatcherError, match="safe_regex"):
        matches(
            node("a"), envoy.type.matcher.v3.NodeMatcher(node_id={"safe_regex": {"regex": "a"}})
        )


def test_the_loop_serves_others_while_a_large_answer_is_made():
    """A thousand nodes of thousands of resources take seconds, in which Envoys must not wait."""
    group = Group()
    group.publish(snapshot([cluster("a")]))
    seated = Seated(Client(group, "delta").session, Node("n"), "g")
    views = [Viewed(envoy.config.core.v3.Node(id=str(n)), seated) for n in range(100)]

    async def scenario():
        turns = 0
        asked = asyncio.ensure_future(
            ClientStatus(lambda: views, lambda _: True)._fetch(Request(), None)
        )
        while not asked.done():
            turns += 1
            await asyncio.sleep(0)
        return turns, len(Response.FromString(await asked).config)

    turns, told = asyncio.run(scenario())
    assert told == 100
    assert turns >= 100
