"""Suggestions: the word that was meant, in time that does not depend on how many there are."""

from __future__ import annotations

import time

import pytest

from compiler.diagnostic import did_you_mean

FEW = ["openai", "azure", "claude"]
MANY = [f"service-{number}" for number in range(10_000)] + FEW


@pytest.mark.parametrize("known", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("opnai", "openai"),
        ("opeenai", "openai"),
        ("openia", "openai"),
        ("opanai", "openai"),
        ("claud", "claude"),
        ("gemini", None),
        ("", None),
    ],
)
def test_slips(word, meant, known):
    """A letter too few, too many, different, or out of its place."""
    assert did_you_mean(word, known) == meant


def test_nothing_is_known():
    """Then nothing was meant."""
    assert did_you_mean("openai", []) is None


def test_a_thousand_slips_among_ten_thousand_words():
    """A renamed name that a thousand routes use is reported in seconds."""
    start = time.perf_counter()
    assert all(did_you_mean(f"servixe-{number}", MANY) for number in range(1000))
    assert time.perf_counter() - start < 10
