"""Outcomes as they are written, and which one comes next."""

from __future__ import annotations

import contextlib
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.scenario import (
    HEADERS,
    OutcomeError,
    Scenario,
    parse_header,
    parse_outcome,
    parse_scenario,
)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("ok", {"kind": "ok"}),
        ("529", {"kind": "status", "status": 529}),
        ("429:insufficient_quota", {"status": 429, "code": "insufficient_quota"}),
        ("429:retry_after=7:delay=0.5", {"status": 429, "retry_after": 7, "delay": 0.5}),
        ("context_length_exceeded", {"status": 400, "code": "context_length_exceeded"}),
        ("slow:2.5", {"kind": "slow", "delay": 2.5}),
        ("slow", {"delay": math.inf}),
        ("slow_first_token", {"seconds": math.inf}),
        ("cut", {"kind": "cut", "after": 3, "fin": False}),
        ("cut:headers", {"after": HEADERS}),
        ("cut:fin", {"after": 3, "fin": True}),
        ("cut:7:fin", {"after": 7, "fin": True}),
        ("stall:2:seconds=1", {"after": 2, "seconds": 1}),
        ("error_in_band", {"after": HEADERS, "code": ""}),
        ("error_in_band:4:rate_limit_error", {"after": 4, "code": "rate_limit_error"}),
        ("ok:tokens=500:token_delay=0.01", {"tokens": 500, "token_delay": 0.01}),
        ("huge:1000", {"size": 1000}),
        ("html", {"kind": "html", "status": 502}),
    ],
)
def test_an_outcome_is_read_as_it_is_written(text, members):
    """Kind, argument and options, with the defaults that are documented."""
    outcome = parse_outcome(text)
    assert {name: getattr(outcome, name) for name in members} == members
    assert outcome.text == text


@pytest.mark.parametrize(
    "text",
    ["", "200", "399", "600", "cutt", "cut:x", "ok:3", "ok:colour=red", "slow:-1", "slow:nan",
     "huge:1e12", "html:204", "cut:1:2", "reset:1", "ok:tokens=many"],
)  # fmt: skip
def test_what_is_no_outcome_is_refused(text):
    """A typing error never passes as something else."""
    with pytest.raises(OutcomeError):
        parse_outcome(text)


@given(st.text())
def test_any_text_is_an_outcome_or_a_clear_error(text):
    """No text makes the parser fail in another way."""
    with contextlib.suppress(OutcomeError):
        assert parse_outcome(text).text == text.strip()


@given(st.recursive(st.none() | st.booleans() | st.integers(0, 700) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_any_json_is_a_scenario_or_a_clear_error(value):
    """The control endpoint gives whatever came to this function."""
    for given_value in (value, {"outcomes": value}, {"weights": value}):
        with contextlib.suppress(OutcomeError):
            assert isinstance(parse_scenario(given_value), Scenario)


def test_outcomes_come_in_order_and_the_last_one_stays():
    """Two failures and then all is well, for as long as it lasts."""
    scenario = parse_scenario([429, "503", "ok"])
    assert [scenario.outcome(7, "p", number).text for number in range(5)] == [
        "429", "503", "ok", "ok", "ok",
    ]  # fmt: skip


def test_weights_are_odds_that_repeat():
    """The same seed draws the same; the shares come near the weights; another seed differs."""
    scenario = parse_scenario({"weights": {"ok": 9, "429": 1, "500": 0}})
    draws = [scenario.outcome(7, "p", number).text for number in range(2000)]
    assert draws == [scenario.outcome(7, "p", number).text for number in range(2000)]
    assert draws != [scenario.outcome(8, "p", number).text for number in range(2000)]
    assert Counter(draws)["429"] == pytest.approx(200, abs=60)
    assert Counter(draws)["500"] == 0


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("openai=429, claude=cut:3", {"openai": "429", "claude": "cut:3", "other": None}),
        ("503", {"openai": "503", "other": "503"}),
        ("503, openai=ok", {"openai": "ok", "other": "503"}),
        ("ok:tokens=5", {"openai": "ok:tokens=5"}),
        ("openai=429:retry_after=3", {"openai": "429:retry_after=3", "other": None}),
        ("", {"openai": None}),
    ],
)
def test_a_header_speaks_to_the_providers_it_names(header, wanted):
    """An entry without a name is for everybody that is not named."""
    for provider, text in wanted.items():
        outcome = parse_header(header, provider)
        assert (outcome and outcome.text) == text
