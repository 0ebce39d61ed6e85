"""A text for a pattern is one that RE2 takes, or there is none."""

import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.invariants.pattern_text import text_of


@pytest.mark.parametrize(
    "pattern",
    [
        "/orders",
        "/r[0-9]+",
        "/v[0-9]/.*",
        "/a(/b)?",
        ".*b",
        "^/x$",
        "/(orders|carts)/[^/]+",
        r"/users/\d{3,5}/photos\.json",
        "/[a-c]{2}",
        "(?:/a|/bb)+?",
        "/(?P<id>[0-9a-f]{8})",
        r"/[\w.-]+",
        "/[^a-zA]x",
        "/[]]",
        r"/a\+b",
    ],
)
def test_a_text_that_it_takes(pattern):
    """What people write in routes is understood."""
    text = text_of(pattern)
    assert text is not None
    assert re2.fullmatch(pattern, text)


@pytest.mark.parametrize("pattern", [r"\pN", "[[:alpha:]]", "(?i)a", "(", "*", "a)", "[a", "a{2"])
def test_none_for_what_is_odd(pattern):
    """No guess, and no error."""
    assert text_of(pattern) is None


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab1()[]{}|*+?.^$\\-:=,PA<>/", max_size=14))
def test_no_pattern_breaks_it(pattern):
    """Whatever is written, it is a text or none."""
    found = text_of(pattern)
    assert found is None or isinstance(found, str)


def test_nothing_grows_without_end():
    """Counts of counts are as odd as anything."""
    assert text_of("(((a{999}){999}){999}){999}") is None
