"""Every client API before every kind of provider, in a few seconds: words, tools and usage."""

from __future__ import annotations

import pytest

from tests.e2e.matrix.kinds import KINDS
from tests.e2e.matrix.questions import CLIENTS, TALKERS, Question, Tool
from tests.e2e.matrix.running import begins_rightly, of_kinds
from xds.edge.pairs import Provider as Speech

TOOLS = (Tool("get_weather"), Tool("get_tides"))


def billed(facts, record):
    """Whether what the client is told is what the provider bills."""
    assert facts.prompt == record.billed.input_tokens
    assert facts.completion == record.billed.output_tokens


def test_every_provider_of_the_table_is_here():
    """One that the language gets is asked by every client too."""
    assert {kind.speech for kind in KINDS} == set(Speech)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("client", CLIENTS)
@of_kinds()
def test_words(run, sdks, kind, client, stream):
    """The right provider is asked for the right model, and the client reads what it said."""
    answer = sdks.ask(client, kind.name, stream=stream)
    assert begins_rightly(answer.facts.text, kind, "Say hello"), answer.facts
    assert answer.facts.finish == "stop"
    record = run.seen(kind)
    assert (record.outcome, record.status) == ("ok", 200)
    billed(answer.facts, record)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("client", TALKERS)
@of_kinds()
def test_tools(run, sdks, kind, client, stream):
    """Two at once."""
    answer = sdks.ask(client, kind.name, Question(tools=TOOLS), stream=stream)
    assert answer.facts.finish == "tool_calls"
    assert [call.name for call in answer.facts.calls] == ["get_weather", "get_tides"]
    assert len({call.id for call in answer.facts.calls}) == 2
    for call in answer.facts.calls:
        assert call.arguments.keys() == {"city", "degrees"}
    billed(answer.facts, run.seen(kind))
