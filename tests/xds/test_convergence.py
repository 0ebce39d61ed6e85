"""Convergence: from a publication until the last connected node has it."""

from __future__ import annotations

from types import SimpleNamespace

from xds.convergence import Convergence


class Stream:
    def __init__(self, node, *, settled):
        self.node = SimpleNamespace(id=node)
        self.settled = settled


def lane(*settled, name="eu", candidate=None):
    streams = [Stream(str(n), settled=one) for n, one in enumerate(settled)]
    nodes = {one.node.id: {one} for one in streams}
    return SimpleNamespace(name=name, nodes=nodes, candidate=candidate)


def settle(lane, node):
    for stream in lane.nodes[node]:
        stream.settled = True


def test_the_last_node_ends_it_and_it_is_told_once():
    """The time is from the publication to the look that finds all at rest."""
    convergence, eu = Convergence(), lane(False, False)
    convergence.published([eu], now=10)
    settle(eu, "1")
    assert list(convergence.look([eu], 11)) == []
    settle(eu, "0")
    assert list(convergence.look([eu], 12.5)) == [("eu", 2.5)]
    assert list(convergence.look([eu], 13)) == []


def test_of_changes_in_a_row_the_first_counts():
    """A storm of edits is not a row of short waits."""
    convergence, eu = Convergence(), lane(False)
    convergence.published([eu], now=10)
    convergence.published([eu], now=14)
    settle(eu, "0")
    assert list(convergence.look([eu], 15)) == [("eu", 5)]


def test_nobody_waits_for_a_node_that_left():
    """It was behind, and is not connected any more."""
    convergence, eu = Convergence(), lane(True, False)
    convergence.published([eu], now=10)
    del eu.nodes["1"]
    assert list(convergence.look([eu], 11)) == [("eu", 1)]


def test_what_changes_nothing_is_no_wait():
    """Nobody is behind after it."""
    convergence = Convergence()
    convergence.published([lane(True)], now=10)
    assert list(convergence.look([lane(True)], 11)) == []


def test_a_rollout_has_not_arrived_before_its_end():
    """While there is a candidate, not everybody has the change; then all are looked at."""
    convergence, eu = Convergence(), lane(True, candidate=object())
    convergence.published([eu], now=10)
    assert list(convergence.look([eu], 11)) == []
    eu.candidate = None
    for stream in eu.nodes["0"]:
        stream.settled = False
    assert list(convergence.look([eu], 60)) == []
    settle(eu, "0")
    assert list(convergence.look([eu], 70)) == [("eu", 60)]


def test_a_group_that_everybody_left_says_nothing():
    """Nor one that is gone from the policy."""
    convergence = Convergence()
    convergence.published([lane(False), lane(False, name="us")], now=10)
    assert list(convergence.look([lane()], 11)) == []
