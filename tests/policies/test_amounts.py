"""Amounts are told as policies write them, and are read as what they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.limit_text import MOST, amount_text, parse_limit
from xds.edge.limit import Unit

TIMED = [unit for unit in Unit if unit is not Unit.CONCURRENT]


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (500 * 10**9, Unit.COST, "500 USD"),
        (499_990_000_001, Unit.COST, "499.990000001 USD"),
        (2_000_000, Unit.TOKENS, "2M tokens"),
        (1_500_000, Unit.INPUT_TOKENS, "1500k input tokens"),
        (999, Unit.OUTPUT_TOKENS, "999 output tokens"),
        (1, Unit.REQUESTS, "1 request"),
        (5_000, Unit.REQUESTS, "5000 requests"),
        (8, Unit.CONCURRENT, "8 concurrent"),
    ],
)
def test_amounts_have_their_units(amount, unit, text):
    """Money in USD and not in its billionths."""
    assert amount_text(amount, unit) == text


@given(st.integers(1, 10**12 - 1), st.sampled_from(TIMED))
def test_what_is_told_can_be_written(amount, unit):
    """Nothing is rounded."""
    assert parse_limit(f"{amount_text(amount, unit)}/day").amount == amount <= MOST
