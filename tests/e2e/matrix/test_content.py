"""All that an answer or a request may hold, by every client before every kind of provider.

What a pair that is translated has no words for, by the table of pairs, is a 400 that the SDK
raises as one, and the provider is not asked. Where the client's own API is spoken, it is.
"""

from __future__ import annotations

import anthropic
import openai
import pytest

from tests.e2e.matrix.questions import (
    PDF,
    PNG,
    TALKERS,
    Question,
    Tool,
    fits_the_schema,
    results,
)
from tests.e2e.matrix.questions import SCHEMA as SHAPE
from tests.e2e.matrix.running import begins_rightly, of_kinds
from xds.edge.pairs import Api, ClientApi, Feature, Way, pair

pytestmark = pytest.mark.slow
TOOLS = (Tool("get_weather"), Tool("get_tides"))
BAD_REQUEST = (openai.BadRequestError, anthropic.BadRequestError)

each_client = pytest.mark.parametrize("client", TALKERS)
plain_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


def knows(client, kind, feature):
    return feature in pair(client, kind.speech).features


def goes(client, kind, feature):
    """Whether a request that asks for the feature goes to the provider."""
    return knows(client, kind, feature) or pair(client, kind.speech).way is Way.SAME


def served(run, client, kind, feature, question, *, stream):
    """Ask; where the request does not go to the provider, be refused, and give None."""
    if goes(client, kind, feature):
        return run.sdks.ask(client, kind.name, question, stream=stream)
    with pytest.raises(BAD_REQUEST):
        run.sdks.ask(client, kind.name, question, stream=stream)
    assert run.simulator.requests_to(kind.name) == []
    return None


@plain_and_streamed
@each_client
@of_kinds()
def test_a_system_prompt_comes_before_the_rest(run, sdks, kind, client, stream):
    sdks.ask(client, kind.name, Question(system="You are terse."), stream=stream)
    body = run.seen(kind).body.decode()
    assert "You are terse." in body
    assert "Say hello" in body


@plain_and_streamed
@pytest.mark.parametrize("choice", ["none", "required", "=get_tides"])
@each_client
@of_kinds()
def test_a_choice_of_tools_is_kept(sdks, kind, client, choice, stream):
    """None at all, any, or the one that is named."""
    answer = sdks.ask(client, kind.name, Question(tools=TOOLS, choice=choice), stream=stream)
    called = [call.name for call in answer.facts.calls]
    if choice == "none":
        assert called == []
        assert answer.facts.finish == "stop"
    elif choice == "required":
        assert called[:1] == ["get_weather"]
        assert answer.facts.finish == "tool_calls"
    else:
        assert called == ["get_tides"]


@plain_and_streamed
@each_client
@of_kinds()
def test_tools_one_at_a_time(run, sdks, kind, client, stream):
    """The wish for no parallel calls reaches those whose API has a word for it."""
    answer = sdks.ask(client, kind.name, Question(tools=TOOLS, parallel=False), stream=stream)
    told = run.seen(kind).body
    if b"parallel" in told:
        assert [call.name for call in answer.facts.calls] == ["get_weather"]
    else:
        assert kind.speech.api.value in ("gemini", "converse", "cohere")


@plain_and_streamed
@each_client
@of_kinds()
def test_a_conversation_with_tools(run, sdks, kind, client, stream):
    """Calls, their results in the client's own words, and an answer in text."""
    question = Question("How is it in Paris?", tools=TOOLS)
    first = sdks.ask(client, kind.name, question, stream=stream)
    before = (*first.turn, *results(client, first.facts.calls, "SUNNY-AND-22"))
    more = Question("How is it in Paris?", tools=TOOLS, before=before)
    second = sdks.ask(client, kind.name, more, stream=stream)
    assert second.facts.text
    assert second.facts.finish == "stop"
    assert run.seen(kind).body.count(b"SUNNY-AND-22") == 2


@plain_and_streamed
@each_client
@of_kinds()
def test_an_answer_in_a_shape(sdks, kind, client, stream):
    answer = sdks.ask(client, kind.name, Question(schema=SHAPE), stream=stream)
    assert fits_the_schema(answer.facts.text), answer.facts
    assert answer.facts.finish == "stop"


@each_client
@of_kinds()
def test_an_image_in_the_request(run, kind, client):
    question = Question(image=f"data:image/png;base64,{PNG}")
    if served(run, client, kind, Feature.IMAGES, question, stream=False) is not None:
        assert PNG.encode() in run.seen(kind).body


@each_client
@of_kinds()
def test_an_image_by_its_address(run, kind, client):
    question = Question(image="https://example.com/cat.png")
    if served(run, client, kind, Feature.IMAGE_URLS, question, stream=False) is not None:
        assert b"https://example.com/cat.png" in run.seen(kind).body


@each_client
@of_kinds()
def test_a_document(run, kind, client):
    question = Question(document=PDF)
    if served(run, client, kind, Feature.DOCUMENTS, question, stream=False) is not None:
        assert PDF.encode() in run.seen(kind).body


@plain_and_streamed
@each_client
@of_kinds()
def test_what_was_thought(run, sdks, kind, client, stream):
    """Thoughts are shown where the provider shows them, and counted where it counts them."""
    question = Question("What is 17 * 23?", thinks=True)
    answer = sdks.ask(client, kind.name, question, stream=stream)
    assert begins_rightly(answer.facts.text, kind, "What is 17 * 23?")
    record = run.seen(kind)
    assert record.billed.reasoning_tokens > 0
    if knows(client, kind, Feature.SIGNATURES):
        assert answer.facts.reasoning
        # Gemini signs what it calls, and not what it thought.
        assert answer.facts.signature or kind.speech.api is Api.GEMINI
    assert answer.facts.completion == record.billed.output_tokens


@plain_and_streamed
@each_client
@of_kinds()
def test_thoughts_go_back_with_their_signature(run, sdks, kind, client, stream):
    """Tools while thinking: what was signed is in the next request, as it was."""
    question = Question("How is it in Paris?", tools=TOOLS, thinks=True)
    first = sdks.ask(client, kind.name, question, stream=stream)
    assert first.facts.calls
    before = (*first.turn, *results(client, first.facts.calls, "SUNNY-AND-22"))
    more = Question("How is it in Paris?", tools=TOOLS, thinks=True, before=before)
    second = sdks.ask(client, kind.name, more, stream=stream)
    assert second.facts.text
    if knows(client, kind, Feature.SIGNATURES) and first.facts.signature:
        assert first.facts.signature.encode() in run.seen(kind).body


@plain_and_streamed
@each_client
@of_kinds()
def test_an_answer_that_is_cut_short(sdks, kind, client, stream):
    answer = sdks.ask(client, kind.name, Question(most=16), stream=stream)
    assert answer.facts.finish == "length"
    assert answer.facts.text


@plain_and_streamed
@of_kinds()
def test_how_probable_the_words_were(run, kind, stream):
    """Logprobs in the client's schema where the provider has them, and a 400 elsewhere."""
    body = {
        "model": kind.name,
        "messages": [{"role": "user", "content": "Say hello"}],
        "logprobs": True,
        "top_logprobs": 2,
    }
    create = run.sdks.openai.chat.completions.create
    if not knows(ClientApi.CHAT, kind, Feature.LOGPROBS):
        with pytest.raises(openai.BadRequestError):
            create(**body, stream=stream)
        return
    got = create(**body, stream=stream)
    answers = list(got) if stream else [got]
    told = [
        one
        for answer in answers
        for choice in answer.choices
        if choice.logprobs
        for one in choice.logprobs.content
    ]
    assert told
    assert all(one.logprob <= 0 for one in told)
    text = "".join(one.token for one in told)
    assert begins_rightly(text, kind, "Say hello")


@of_kinds()
def test_several_answers(run, kind):
    """`n`, where the provider has it."""
    create = run.sdks.openai.chat.completions.create
    body = {"model": kind.name, "messages": [{"role": "user", "content": "Say hello"}], "n": 2}
    if knows(ClientApi.CHAT, kind, Feature.CHOICES):
        assert [choice.index for choice in create(**body).choices] == [0, 1]
    else:
        with pytest.raises(openai.BadRequestError):
            create(**body)


@plain_and_streamed
@of_kinds()
def test_what_may_be_cached(run, kind, stream):
    """Anthropic's marks: tokens read from the cache and written to it come back."""
    system = [
        {"type": "text", "text": "Long rules. " * 2000, "cache_control": {"type": "ephemeral"}}
    ]
    body = {
        "model": kind.name,
        "max_tokens": 100,
        "system": system,
        "messages": [{"role": "user", "content": "Say hello"}],
    }
    if stream:
        with run.sdks.anthropic.messages.stream(**body) as events:
            usage = events.get_final_message().usage
    else:
        usage = run.sdks.anthropic.messages.create(**body).usage
    billed = run.seen(kind).billed
    read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    assert (read, written) == (billed.cached_tokens, billed.cache_write_tokens)
    assert usage.input_tokens + read + written == billed.input_tokens
    if knows(ClientApi.MESSAGES, kind, Feature.CACHE):
        assert read > 0
        assert written > 0


@of_kinds()
def test_usage_in_streams_unasked(run, kind):
    """A client that did not ask for usage is not told."""
    chunks = list(
        run.sdks.openai.chat.completions.create(
            model=kind.name, messages=[{"role": "user", "content": "Say hello"}], stream=True
        )
    )
    assert [chunk.usage for chunk in chunks if chunk.usage] == [] or kind.name == "mistral"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert run.seen(kind).billed.output_tokens
