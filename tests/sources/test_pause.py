"""How long a source waits: spread while well, longer and longer while not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cli.sources.pause import LONGEST, pause

CHANCES = st.floats(0, 1)


@given(every=st.floats(1, 86_400), chance=CHANCES)
def test_replicas_that_are_well_ask_within_a_tenth(every, chance):
    """None much later than was asked for."""
    assert every * 0.9 - 1e-9 <= pause(every, 0, lambda: chance) <= every * 1.1 + 1e-9


@given(every=st.floats(1, 86_400), failures=st.integers(1, 10_000), chance=CHANCES)
def test_a_failure_never_makes_it_wait_for_ever(every, failures, chance):
    """The longest pause is five minutes, or the usual one where that is longer."""
    waited = pause(every, failures, lambda: chance)
    assert every * 0.5 <= waited <= max(every, LONGEST)


@given(every=st.floats(1, 100), failures=st.integers(1, 20))
def test_each_failure_makes_it_wait_no_less(every, failures):
    """For the same throw of the dice."""
    assert pause(every, failures, lambda: 0.5) <= pause(every, failures + 1, lambda: 0.5)


def test_replicas_that_failed_together_do_not_come_back_together():
    """Half of the pause is chance."""
    assert pause(30, 3, lambda: 0.0) * 2 == pause(30, 3, lambda: 1.0) == 120
