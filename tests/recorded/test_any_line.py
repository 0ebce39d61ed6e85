"""Whatever stands in a log: it is read or refused, and what is read can be decided."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.decide.decide import decide
from compiler.recorded.again import asked_again
from compiler.recorded.line import NotALineError, parse_line
from compiler.replaying.replay import Replay
from tests.recorded.test_line import LLM, POLICY, plan  # noqa: F401 - a fixture

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.just("\ud800"),
    st.sampled_from(["fast", "split", "llm/x", "shop", "acme", "acme/ci", "jwt", "keys", "mtls"]),
    st.sampled_from(["cooling_down", "timeout", "openai", "a", "service/one", "/shop", "POST"]),
    st.lists(st.integers(), max_size=2),
)
NAMES = st.sampled_from([*LLM, "host", "client", "upstream", "details", "failure", "user", "team"])


@given(st.dictionaries(NAMES, VALUES))
@settings(max_examples=80, deadline=None)
def test_any_members_are_decided(plan, members):  # noqa: F811
    """Of any type, any value, any of them away."""
    decided(plan, members)


@pytest.mark.slow
@given(st.dictionaries(NAMES, VALUES))
@settings(max_examples=3_000, deadline=None)
def test_many_members_are_decided(plan, members):  # noqa: F811
    """The same, for longer."""
    decided(plan, members)


def decided(plan, members):  # noqa: F811
    text = json.dumps({**LLM, **members})
    try:
        line = parse_line(text)
    except NotALineError:
        return
    request, world = asked_again(line, plan)
    decide(plan, request, world)
    replay = Replay(plan, plan)
    replay.add(line)
    assert replay.tally.changed == 0


@given(st.one_of(st.text(), st.binary(), st.builds(json.dumps, VALUES)))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text):
    """Nothing but the one error."""
    with pytest.raises(NotALineError):
        parse_line(text)
