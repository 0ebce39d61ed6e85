"""What is taken out of requests never reaches a provider, and is in the answers again.

The simulated models repeat what they were asked, and call tools with what their schemas offer: so
an address that left comes back, in words and in arguments, in one piece or in many.
"""

from __future__ import annotations

import pytest

from tests.e2e.matrix.kinds import KIND
from tests.e2e.matrix.questions import CLIENTS, TALKERS, Question, Tool, results
from tests.e2e.matrix.running import of_kinds

MAIL = "ada.lovelace@example.com"
OTHER = "charles@example.org"
PROMPT = f"Write to {MAIL} and {OTHER}"
ASKS = {
    "type": "object",
    "properties": {"to": {"type": "string", "enum": [MAIL]}},
    "required": ["to"],
    "additionalProperties": False,
}
plain_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture
def private(run):
    """The SDKs at the route whose redaction is for providers outside of the house."""
    return run.at("/private")


def leaked(run):
    """The requests in which any provider saw an address."""
    run.simulator.wait_idle()
    return [
        record
        for record in run.simulator.requests
        if b"example." in record.body or "example." in record.target
    ]


@plain_and_streamed
@pytest.mark.parametrize("client", CLIENTS)
@of_kinds("openai", "bedrock")
def test_words_are_restored(run, private, kind, client, stream):
    answer = private.ask(client, kind.name, Question(PROMPT), stream=stream)
    assert PROMPT in answer.facts.text
    assert "<EMAIL_1>" in run.seen(kind).body.decode()
    assert leaked(run) == []


@pytest.mark.slow
@plain_and_streamed
@pytest.mark.parametrize("client", CLIENTS)
@of_kinds()
def test_words_are_restored_whoever_said_them(run, private, kind, client, stream):
    """But for the one server in the house, which is asked as it is."""
    answer = private.ask(client, kind.name, Question(PROMPT), stream=stream)
    assert PROMPT in answer.facts.text
    seen = run.seen(kind).body.decode()
    assert (MAIL in seen) is (kind.name == "vllm")
    assert bool(leaked(run)) is (kind.name == "vllm")


@pytest.mark.slow
@plain_and_streamed
@pytest.mark.parametrize("client", TALKERS)
@of_kinds()
def test_arguments_of_tools_are_restored(run, kind, client, stream):
    """And what the client says of them afterwards is redacted again."""
    everywhere = run.at("/everywhere")
    question = Question(PROMPT, system=f"Who asks is {OTHER}", tools=(Tool("send", ASKS),))
    first = everywhere.ask(client, kind.name, question, stream=stream)
    (call,) = first.facts.calls
    assert call.arguments == {"to": MAIL}
    before = (*first.turn, *results(client, first.facts.calls, f"sent to {MAIL}"))
    more = Question(PROMPT, tools=question.tools, before=before)
    second = everywhere.ask(client, kind.name, more, stream=stream)
    assert second.facts.text
    assert leaked(run) == []


@pytest.mark.slow
@plain_and_streamed
@pytest.mark.parametrize("client", TALKERS)
@of_kinds()
def test_answers_in_a_shape_are_restored(run, kind, client, stream):
    everywhere = run.at("/everywhere")
    answer = everywhere.ask(client, kind.name, Question(PROMPT, schema=ASKS), stream=stream)
    assert answer.facts.text.replace(" ", "") == f'{{"to":"{MAIL}"}}'
    assert leaked(run) == []


@plain_and_streamed
@pytest.mark.parametrize("client", CLIENTS)
def test_each_attempt_is_redacted_for_who_gets_it(run, private, client, stream):
    """The attempt outside is redacted, the one in the house is not, and the client sees neither."""
    simulate = "openai=429"
    answer = private.ask(client, "to-inhouse", Question(PROMPT), stream=stream, simulate=simulate)
    assert PROMPT in answer.facts.text
    assert MAIL.encode() not in run.seen(KIND["openai"]).body
    assert MAIL.encode() in run.seen(KIND["vllm"]).body


@pytest.mark.slow
@plain_and_streamed
@pytest.mark.parametrize("client", CLIENTS)
def test_through_a_chain(run, private, client, stream):
    """Three providers, three APIs, and no address at any."""
    simulate = f"anthropic=429, bedrock={'error_in_band:0' if stream else '503'}"
    answer = private.ask(client, "chain", Question(PROMPT), stream=stream, simulate=simulate)
    assert PROMPT in answer.facts.text
    assert len(run.simulator.requests) == 3
    assert leaked(run) == []
