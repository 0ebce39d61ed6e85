"""Globs: what they stand for, which of two is wider, and what two have in common."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xds.glob import common, covers, matches, simplest

GLOBS = st.text("ab*", max_size=8)
TEXTS = st.text("abc", max_size=10)


@given(GLOBS, TEXTS)
def test_matches_what_the_regular_expression_matches(glob, text):
    """A star is `.*`, and all else is itself."""
    expression = "".join(".*" if sign == "*" else re.escape(sign) for sign in glob)
    assert matches(glob, text) == (re.fullmatch(expression, text) is not None)


@pytest.mark.parametrize(
    ("glob", "text", "taken"),
    [
        ("spiffe://corp/edge/eu/*", "spiffe://corp/edge/eu/7", True),
        ("spiffe://corp/edge/eu/*", "spiffe://corp/edge/us/7", False),
        ("*.eu.edge.example.com", "a.eu.edge.example.com", True),
        ("*.eu.edge.example.com", "eu.edge.example.com", False),
        ("eu-*", "EU-west", False),
        ("*", "", True),
        ("a[b].c", "a[b].c", True),
        ("a?c", "abc", False),
    ],
)
def test_only_the_star_is_special(glob, text, taken):
    """Dots, brackets, question marks and letters of either size are themselves."""
    assert matches(glob, text) is taken


@given(GLOBS, GLOBS, TEXTS)
def test_the_wider_takes_what_the_narrower_takes(wide, narrow, text):
    """What `covers` says holds for every text."""
    if covers(wide, narrow) and matches(narrow, text):
        assert matches(wide, text)


@given(GLOBS, GLOBS)
def test_the_narrower_has_a_text_that_the_other_lacks(wide, narrow):
    """Where `covers` says no, there is a text to prove it."""
    if not covers(wide, narrow):
        proof = narrow.replace("*", "c")
        assert matches(narrow, proof)
        assert not matches(wide, proof)


@given(GLOBS, GLOBS, TEXTS)
def test_what_is_common_is_of_both(one, other, text):
    """The common glob is within both, and without one no text is of both."""
    both = common(one, other)
    if both is None:
        assert not (matches(one, text) and matches(other, text))
    else:
        assert covers(one, both)
        assert covers(other, both)


@given(GLOBS, TEXTS)
def test_the_simplest_spelling_means_the_same(glob, text):
    """Stars in a row are one."""
    assert "**" not in simplest(glob)
    assert matches(simplest(glob), text) == matches(glob, text)


def test_a_strangers_text_takes_no_time():
    """Many stars against a long text that almost matches: no backtracking."""
    started = time.perf_counter()
    assert not matches("a*" * 100 + "b", "a" * 10_000)
    assert time.perf_counter() - started < 0.5
