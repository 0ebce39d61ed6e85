"""Planted bugs are caught; all of them by `python -m tests.decide.mutations`, some of them here."""

import pytest

from tests.decide.mutations import REPOSITORY, tried
from tests.decide.planted_bugs import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_can_be_planted(mutation):
    """What is replaced is there: a list of bugs that nobody can plant shows nothing."""
    assert mutation.old in (REPOSITORY / mutation.file).read_text()
    assert mutation.old != mutation.new


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutation", [one for one in MUTATIONS if one.by == "rest"], ids=lambda one: one.name
)
def test_is_caught(mutation):
    """By some hundred random pairs."""
    found = tried(mutation)
    assert found.caught, found.said
