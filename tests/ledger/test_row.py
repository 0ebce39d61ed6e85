"""What a request's row says, from the line that Envoy wrote of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ext_authz.ledger.line import read_line
from ext_authz.ledger.row import NotARowError, row, usage
from tests.ledger.lines import TOLD, line

NAMES = sorted({*TOLD, "seen", "reasoning", "user", "flags"})


def test_a_row_says_what_the_provider_told():
    """All that the issue asks for stands in a row, as the line has it."""
    made = row(line(reasoning=2, user="bob"), "x", "edge")
    assert made.time == int(datetime(2026, 11, 26, 10, tzinfo=UTC).timestamp()) * 1000 + 123
    assert (made.id, made.gateway, made.subject, made.key) == (
        "r-1",
        "edge",
        "bob",
        "acme/search/ci",
    )
    assert (made.tenant, made.team, made.route) == ("acme", "search", "llm")
    assert (made.model, made.served, made.provider) == ("fast", "gpt-4o-mini", "openai")
    assert (made.input, made.output, made.cached, made.reasoning) == (12, 5, 4, 2)
    assert (made.cost, made.price, made.input_price) == (27_000, "policy", 1_000_000)
    assert (made.told, made.estimated, made.status, made.attempts) == (True, False, 200, 1)
    assert (made.ms, made.first_ms, made.bytes_in, made.bytes_out) == (31, 12, 100, 400)


def test_numbers_may_come_as_text_and_as_floats():
    """Envoy writes some numbers as text, and those of Lua as floats."""
    made = row(line(input="12", output=5.0, cost="2.7e4", told="true"), "x")
    assert (made.input, made.output, made.cost, made.told) == (12, 5, 27_000, True)


def test_a_cut_openai_stream_costs_the_estimate_and_what_was_seen():
    """Nothing was told: the input as estimated, the output as it passed, at the full price."""
    made = row(line(told=None, input=None, output=None, cost=None, cached=None, seen=7), "x")
    assert (made.input, made.output, made.told, made.estimated) == (15, 7, False, True)
    assert made.cost == 15 * 1_000 + 7 * 3_000


def test_a_cut_anthropic_stream_costs_what_its_start_told_and_what_was_seen():
    """Its first event tells the input with its cost, and one token of output."""
    made = row(line(told=None, output=1, cost=9_500, seen=7), "x")
    assert (made.input, made.output, made.cached) == (12, 7, 4)
    assert made.cost == 9_500 + 6 * 3_000
    assert made.estimated


def test_a_client_that_leaves_before_the_answer_pays_its_input():
    """The provider had the prompt by then."""
    cut = line(status=0, flags="DC", told=None, input=None, output=None, cost=None, cached=None)
    assert (row(cut, "x").input, row(cut, "x").cost) == (15, 15_000)


@pytest.mark.parametrize(
    "members",
    [
        {"status": 429, "told": None},
        {"status": 503, "told": None},
        {"status": 200, "provider": None, "told": None},
        {"status": 0, "flags": "UF", "told": None},
        {"status": 0, "flags": "DC", "provider": None, "told": None},
    ],
)
def test_who_is_answered_by_no_provider_pays_nothing(members):
    """A refusal, a provider's error, a provider that could not be reached."""
    made = row(line(**members), "x")
    assert (made.input, made.output, made.cached, made.cost) == (0, 0, 0, 0)
    assert (made.told, made.estimated, made.price, made.input_price) == (False, False, "", 0)


def test_a_request_without_an_id_goes_by_its_place():
    """So that it stands in the ledger, and once."""
    assert row(line(id=None), "head:7").id == "head:7"


def test_a_line_without_a_time_is_no_row():
    """It is kept apart, and nothing is made up."""
    with pytest.raises(NotARowError):
        row(line(time="yesterday"), "x")


def test_nothing_else_of_a_line_gets_into_a_row():
    """No prompt, no credential, whatever a log were told to write."""
    canary = "gw_canary"
    told = line(prompt=canary, authorization=f"Bearer {canary}", body={"messages": canary})
    assert canary not in repr(row(told, "x"))


def test_texts_fit_every_store():
    """A subject may hold what PostgreSQL does not take, and be of any length."""
    made = row(line(user="a\0b" + "c" * 10_000), "x")
    assert made.subject.startswith("abc")
    assert len(made.subject) <= 512


def test_half_a_line_before_a_whole_one_is_told_apart():
    """An Envoy was killed in the middle of a line; the next one appended to it."""
    whole = json.dumps(TOLD).encode()
    found, garbage = read_line(whole[:57] + whole)
    assert found == TOLD
    assert garbage == whole[:57]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"time": 3}', b"x" * 99])
def test_garbage_is_no_line(raw):
    """Whatever it is, nothing is raised."""
    assert read_line(raw) == (None, raw)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.none())
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_any_members_make_a_row_with_numbers_that_fit(members):
    """Whatever a member is, the row has whole numbers from 0 to what a BIGINT holds."""
    made = row({**members, "time": TOLD["time"]}, "x")
    for name in ("input", "output", "cached", "reasoning", "cost", "attempts", "status", "ms"):
        assert 0 <= getattr(made, name) < 2**63
    used = usage({**members, "time": TOLD["time"]})
    assert used.cached <= used.input
    assert used.reasoning <= used.output
    assert not (used.told and used.estimated)
