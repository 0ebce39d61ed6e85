"""Which nodes a match takes, and the order of matches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xds.glob import simplest
from xds.node_match import NodeMatch
from xds.schema import envoy

Node = envoy.config.core.v3.Node

ASKED = st.text("ab*", min_size=1, max_size=4).map(simplest)
GLOBS = st.none() | ASKED.filter(lambda glob: glob != "*")
METADATA = st.dictionaries(st.sampled_from("kl"), ASKED)
MATCHES = st.builds(
    NodeMatch,
    id=GLOBS,
    cluster=GLOBS,
    region=st.none(),
    zone=GLOBS,
    metadata=METADATA.map(lambda asked: tuple(sorted(asked.items()))),
)
TEXTS = st.text("abc", max_size=4)
NODES = st.builds(
    lambda name, cluster, zone, metadata: node(name, cluster, "", zone, **metadata),
    TEXTS,
    TEXTS,
    TEXTS,
    st.dictionaries(st.sampled_from("kl"), TEXTS),
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[NodeMatch, NodeMatch]:
    """A match, and one that is as wide or narrower: some stars are filled, some keys are added."""

    def filled(glob: str | None) -> str | None:
        text = "".join(
            draw(st.text("ab*", max_size=2)) if sign == "*" else sign for sign in glob or "*"
        )
        return None if simplest(text) == "*" else simplest(text)

    wide = draw(MATCHES)
    asked = draw(METADATA) | {key: filled(glob) or "*" for key, glob in wide.metadata}
    narrow = NodeMatch(
        filled(wide.id),
        filled(wide.cluster),
        filled(wide.region),
        filled(wide.zone),
        tuple(sorted(asked.items())),
    )
    return wide, narrow


def node(name: str = "", cluster: str = "", region: str = "", zone: str = "", **metadata) -> Node:
    made = Node(id=name, cluster=cluster)
    made.locality.region = region
    made.locality.zone = zone
    made.metadata.update(metadata)
    return made


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        (NodeMatch(), True),
        (NodeMatch(id="edge-*", cluster="edge", region="eu-*", zone="*a"), True),
        (NodeMatch(region="us-*"), False),
        (NodeMatch(cluster="edg"), False),
        (NodeMatch(metadata=(("canary", "yes"), ("slot", "7"))), True),
        (NodeMatch(metadata=(("canary", "*"), ("spare", "true"))), True),
        (NodeMatch(metadata=(("fleet", "*"),)), False),
        (NodeMatch(metadata=(("labels", "*"),)), False),
    ],
)
def test_all_that_is_asked_must_hold(match, taken):
    """Fields, and metadata by the texts of scalars; a key that is not there is not any text."""
    said = node(
        "edge-1",
        "edge",
        "eu-west-1",
        "eu-west-1a",
        canary="yes",
        slot=7,
        spare=True,
        labels={"a": "b"},
    )
    assert match.takes(said) is taken


def test_a_node_is_not_changed_by_a_look_at_it():
    """Asking for metadata that is not there must not put it there."""
    said = node("edge-1")
    NodeMatch(metadata=(("canary", "*"),)).takes(said)
    assert said == node("edge-1")


@given(pairs(), NODES)
def test_what_covers_takes_all_of_it(pair, said):
    """What was made narrower is covered, and no node of it is lost."""
    wide, narrow = pair
    assert wide.covers(narrow)
    if narrow.takes(said):
        assert wide.takes(said)


@given(pairs())
def test_the_narrower_is_first(pair):
    """Sorted by breadth, a match stands before every other one that covers it."""
    wide, narrow = pair
    if narrow.covers(wide):
        assert narrow.breadth == wide.breadth
    else:
        assert narrow.breadth < wide.breadth


@given(MATCHES, MATCHES, NODES)
def test_without_common_nodes_none_is_taken_by_both(one, other, said):
    """What is common is within both; without it there is nothing in both."""
    both = one.common(other)
    if both is None:
        assert not (one.takes(said) and other.takes(said))
    else:
        assert one.covers(both)
        assert other.covers(both)


@given(MATCHES, MATCHES, NODES)
def test_what_settles_takes_all_that_both_take(one, other, said):
    """A third match that settles is narrower than both, and leaves no node between them."""
    third = one.common(other)
    if third is not None and third.settles(one, other):
        assert one.covers(third)
        assert other.covers(third)
        if one.takes(said) and other.takes(said):
            assert third.takes(said)


def test_it_is_told_in_words():
    """As diagnostics and `--emit groups` show it."""
    told = NodeMatch(cluster="edge", region="eu-*", metadata=(("canary", "yes"),))
    assert str(told) == "cluster edge, region eu-*, metadata canary=yes"
    assert str(NodeMatch()) == "any node"
