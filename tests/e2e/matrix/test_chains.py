"""Chains over different APIs: what fails before its first word is never seen by the client.

Claude, then Bedrock, then Gemini, whatever the client speaks; and from a provider of the client's
own API, whose bytes Envoy passes on, to one that is translated.
"""

from __future__ import annotations

import anthropic
import openai
import pytest

from tests.e2e.matrix.kinds import KIND
from tests.e2e.matrix.questions import (
    CLIENTS,
    TALKERS,
    Question,
    ResponseFailedError,
    Tool,
    results,
)
from tests.e2e.matrix.running import CHAINED, begins_rightly
from xds.edge.pairs import ClientApi

TOOLS = (Tool("get_weather"), Tool("get_tides"))
each_client = pytest.mark.parametrize("client", CLIENTS)
plain_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
REFUSALS = ["429", "500", "503", "529", "reset", "context_length_exceeded", "content_filter"]
NO_BEGINNINGS = [
    *("error_in_band:headers", "error_in_band:0"),
    *("cut:headers", "cut:0", "cut:0:fin", "empty", "garbage:0"),
]
"""`:0` is after what comes before the first word: a role, or the start of a message."""


def serves(run, model, served, client, simulate, *, stream):
    """Ask a chain; the target that is expected to has served, and the client has seen no other."""
    answer = run.sdks.ask(client, model, stream=stream, simulate=simulate)
    name, attempts = served
    kind = KIND[name]
    assert begins_rightly(answer.facts.text, kind, "Say hello"), answer.facts
    assert answer.facts.finish == "stop"
    head = run.sdks.heads[-1]
    assert head["x-gatewright-target"] == f"{name}/{kind.model}"
    assert head["x-gatewright-attempts"] == str(attempts)
    assert "x-gatewright-retry" not in head
    billed = run.seen(kind).billed
    assert (answer.facts.prompt, answer.facts.completion) == (
        billed.input_tokens,
        billed.output_tokens,
    )


@plain_and_streamed
@each_client
def test_the_first_that_answers_serves(run, client, stream):
    """A limit at the first, an error of the second's before any word: the third."""
    first = "429" if stream else "529"
    second = "error_in_band:0" if stream else "500"
    simulate = f"anthropic={first}, bedrock={second}"
    serves(run, "chain", ("gemini", 3), client, simulate, stream=stream)
    assert [record.provider for record in run.simulator.requests] == list(CHAINED)


@pytest.mark.slow
@plain_and_streamed
@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("outcome", REFUSALS)
@each_client
def test_a_refusal_goes_on(run, client, outcome, failing, stream):
    """Whatever it is: at the first target alone, and at the first two."""
    simulate = ", ".join(f"{name}={outcome}" for name in CHAINED[:failing])
    served = (CHAINED[failing], failing + 1)
    serves(run, "chain", served, client, simulate, stream=stream)


@pytest.mark.slow
@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("outcome", NO_BEGINNINGS)
@each_client
def test_a_stream_that_does_not_begin_goes_on(run, client, outcome, failing):
    """It broke after its headers, or after all that comes before its first word."""
    simulate = ", ".join(f"{name}={outcome}" for name in CHAINED[:failing])
    served = (CHAINED[failing], failing + 1)
    serves(run, "chain", served, client, simulate, stream=True)


@pytest.mark.slow
@pytest.mark.parametrize("outcome", ["stall:headers", "stall:0", "slow:9", "slow_first_token"])
@each_client
def test_silence_goes_on(run, client, outcome):
    """No word within the attempt's time."""
    simulate = f"anthropic={outcome}"
    serves(run, "chain", ("bedrock", 2), client, simulate, stream=True)


@pytest.mark.slow
@pytest.mark.parametrize("outcome", [*REFUSALS, *NO_BEGINNINGS, "stall:0"])
@each_client
def test_from_one_that_is_passed_on(run, client, outcome):
    """OpenAI's stream is held until it begins, and is Claude's if it does not."""
    simulate = f"openai={outcome}"
    serves(run, "from-openai", ("anthropic", 2), client, simulate, stream=True)


@pytest.mark.slow
@plain_and_streamed
@each_client
def test_the_last_one_s_error_is_the_client_s(run, client, stream):
    """Where nobody answers: in its own schema, with the last target's status."""
    simulate = "anthropic=429, bedrock=503, gemini=500"
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as raised:
        run.sdks.ask(client, "chain", stream=stream, simulate=simulate)
    assert raised.value.status_code == 500
    assert run.sdks.heads[-1]["x-gatewright-attempts"] == "3"
    assert "x-gatewright-retry" not in run.sdks.heads[-1]


@pytest.mark.slow
@each_client
def test_once_it_has_begun_a_stream_goes_nowhere_else(run, client):
    """A break after the first words is the client's."""
    with pytest.raises((openai.APIError, anthropic.APIError, ResponseFailedError)):
        run.sdks.ask(client, "chain", stream=True, simulate="anthropic=error_in_band:3")
    assert [record.provider for record in run.simulator.requests] == ["anthropic"]


@pytest.mark.slow
@plain_and_streamed
@pytest.mark.parametrize("thinks", [False, True])
@pytest.mark.parametrize("begun", CHAINED)
@pytest.mark.parametrize("goes_on", CHAINED)
@pytest.mark.parametrize("client", TALKERS)
def test_a_conversation_changes_its_provider(run, client, begun, goes_on, thinks, stream):
    """What one called and signed is taken by another: ids, calls, results, thoughts."""

    def only(name):
        return ", ".join(f"{one}=529" for one in CHAINED if one != name)

    question = Question("How is it in Paris?", tools=TOOLS, thinks=thinks)
    first = run.sdks.ask(client, "chain", question, stream=stream, simulate=only(begun))
    assert len(first.facts.calls) == 2
    assert run.sdks.heads[-1]["x-gatewright-target"].startswith(begun + "/")
    before = (*first.turn, *results(client, first.facts.calls, "SUNNY-AND-22"))
    more = Question("How is it in Paris?", tools=TOOLS, thinks=thinks, before=before)
    second = run.sdks.ask(client, "chain", more, stream=stream, simulate=only(goes_on))
    assert second.facts.text
    assert run.sdks.heads[-1]["x-gatewright-target"].startswith(goes_on + "/")
    body = run.seen(KIND[goes_on]).body
    assert body.count(b"SUNNY-AND-22") == 2
    if begun == goes_on and client is ClientApi.MESSAGES and first.facts.signature:
        assert first.facts.signature.encode() in body
