"""What `decide` says of random plans and requests is what the real Envoy does.

The seed is printed; GATEWRIGHT_SEED repeats it. `python -m tests.decide.hold` draws as many as
one likes.
"""

import os
import sys
from random import SystemRandom

import pytest

from tests.decide import llm_pairs, rest_pairs
from tests.decide.llm_policies import FLAVOURS


@pytest.fixture
def seed():
    """Another one in each run, shown where a test fails."""
    given = os.environ.get("GATEWRIGHT_SEED")
    drawn = SystemRandom().randrange(1 << 31) if given is None else int(given)
    sys.stdout.write(f"GATEWRIGHT_SEED={drawn}\n")
    return drawn


def held(result, pairs):
    assert not result.differences, "\n".join(result.differences)
    assert result.pairs >= pairs


def test_routes(seed):
    """A few hundred requests to routes of some dozen plans, all by one Envoy."""
    held(rest_pairs.compare(seed, plans=25, pairs=16), 400)


def test_heads(seed):
    """A few hundred requests of which Envoy refuses most before it looks for a route."""
    held(rest_pairs.compare_heads(seed, plans=1, pairs=300), 300)


def test_models(seed):
    """A hundred requests for models, of chains and tenants that Envoy sees to alone."""
    held(llm_pairs.compare(seed, plans=6, pairs=16, flavours=("native",)), 96)


@pytest.mark.slow
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_many_models(seed, flavour):
    """Some hundred of each kind of gateway, with its edge and every kind of provider."""
    held(llm_pairs.compare(seed, plans=16, pairs=50, flavours=(flavour,)), 800)


@pytest.mark.slow
def test_many_routes(seed):
    """Twenty thousand of them."""
    held(rest_pairs.compare(seed, plans=1_000, pairs=20), 20_000)
