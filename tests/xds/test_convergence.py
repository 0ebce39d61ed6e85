"""Convergence: from a publication until the last connected node has it."""

from __future__ import annotations

from types import SimpleNamespace

from xds.convergence import Convergence


def lane(*settled, name="eu", candidate=None):
    nodes = {str(n): [SimpleNamespace(settled=one)] for n, one in enumerate(settled)}
    return SimpleNamespace(name=name, nodes=nodes, candidate=candidate)


def test_the_last_node_ends_it_and_it_is_told_once():
    """The time is from the publication to the look that finds all at rest."""
    convergence = Convergence()
    convergence.published([lane(True, False)], now=10)
    assert list(convergence.look([lane(True, False)], 11)) == []
    assert list(convergence.look([lane(True, True)], 12.5)) == [("eu", 2.5)]
    assert list(convergence.look([lane(True, True)], 13)) == []


def test_of_changes_in_a_row_the_first_counts():
    """A storm of edits is not a row of short waits."""
    convergence = Convergence()
    convergence.published([lane(False)], now=10)
    convergence.published([lane(False)], now=14)
    assert list(convergence.look([lane(True)], 15)) == [("eu", 5)]


def test_what_changes_nothing_is_no_wait():
    """Nobody is behind after it."""
    convergence = Convergence()
    convergence.published([lane(True)], now=10)
    assert list(convergence.look([lane(True)], 11)) == []


def test_a_rollout_has_not_arrived_before_its_end():
    """While there is a candidate, not everybody has the change."""
    convergence = Convergence()
    convergence.published([lane(True, candidate=object())], now=10)
    assert list(convergence.look([lane(True, candidate=object())], 11)) == []
    assert list(convergence.look([lane(True)], 70)) == [("eu", 60)]


def test_a_group_that_everybody_left_says_nothing():
    """Nor one that is gone from the policy."""
    convergence = Convergence()
    convergence.published([lane(False), lane(False, name="us")], now=10)
    assert list(convergence.look([lane()], 11)) == []
