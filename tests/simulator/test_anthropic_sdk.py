"""The official Anthropic SDK, with strict validation, parses what the simulator answers."""

from __future__ import annotations

import asyncio

import anthropic
import httpx
import pytest
from anthropic.types.shared import ErrorResponse

QUESTION = [{"role": "user", "content": "What is a gateway?"}]


def tool(name):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"name": name, "input_schema": schema}


def ask(client, **members):
    given = {"model": "claude-haiku-4-5", "max_tokens": 200, "messages": QUESTION}
    return client.messages.create(**given | members)


def test_a_plain_answer_says_who_served_it(claude):
    """The text names provider and model and quotes the question."""
    answer = ask(claude)
    assert "claude (claude-haiku-4-5)" in answer.content[0].text
    assert "What is a gateway?" in answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens > 10
    assert answer._request_id.startswith("req_")


def test_the_events_follow_the_grammar(simulator):
    """Start, blocks one after another, one message_delta, stop: on the wire, event by event."""
    body = {"model": "m", "max_tokens": 50, "messages": QUESTION, "stream": True}
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    text = httpx.post(simulator.url("claude") + "/v1/messages", json=body, headers=headers).text
    names = [line.removeprefix("event: ") for line in text.splitlines() if line[:6] == "event:"]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert set(names[3:-3]) == {"content_block_delta"}
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_the_stream_joins_to_the_plain_answers_shape(claude):
    """The SDK's accumulator makes a whole message of the events, with cumulative usage."""
    with claude.messages.stream(
        model="claude-haiku-4-5", max_tokens=200, messages=QUESTION
    ) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert final.content[0].text == "".join(pieces)
    assert final.usage.output_tokens == len(pieces)
    assert final.stop_reason == "end_turn"


def test_thinking_comes_first_and_is_signed(claude):
    """Thinking blocks, plain and streamed, stand before the text and carry a signature."""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    answer = ask(claude, max_tokens=2000, thinking=thinking)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].signature
    with claude.messages.stream(
        model="m", max_tokens=2000, messages=QUESTION, thinking=thinking
    ) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.content[0].signature
    assert final.usage.output_tokens_details.thinking_tokens > 0


def test_tools_are_called(claude):
    """Two tools are used in parallel, with an object as input; one when parallel use is off."""
    answer = ask(claude, tools=[tool("weather"), tool("tides")])
    assert answer.stop_reason == "tool_use"
    assert [block.name for block in answer.content] == ["weather", "tides"]
    assert answer.content[0].input == {"city": "city"}
    choice = {"type": "any", "disable_parallel_tool_use": True}
    answer = ask(claude, tools=[tool("weather"), tool("tides")], tool_choice=choice)
    assert [block.name for block in answer.content] == ["weather"]
    choice = {"type": "tool", "name": "tides"}
    answer = ask(claude, tools=[tool("weather"), tool("tides")], tool_choice=choice)
    assert [block.name for block in answer.content] == ["tides"]


def test_streamed_tool_use_joins_to_the_same_input(claude):
    """input_json_delta pieces are JSON once joined."""
    with claude.messages.stream(
        model="m", max_tokens=200, messages=QUESTION, tools=[tool("weather"), tool("tides")]
    ) as stream:
        final = stream.get_final_message()
    assert [block.input for block in final.content] == [{"city": "city"}] * 2
    assert final.stop_reason == "tool_use"


def test_tool_results_are_answered_with_text(claude):
    """The turn after the results is words; a missing result is the API's 400."""
    first = ask(claude, tools=[tool("weather")])
    turn = {"role": "assistant", "content": [block.model_dump() for block in first.content]}
    result = {"type": "tool_result", "tool_use_id": first.content[0].id, "content": "sunny"}
    history = [*QUESTION, turn, {"role": "user", "content": [result]}]
    assert ask(claude, messages=history, tools=[tool("weather")]).content[0].type == "text"
    with pytest.raises(anthropic.BadRequestError, match="without `tool_result` blocks"):
        ask(claude, messages=[*QUESTION, turn, QUESTION[0]], tools=[tool("weather")])


def test_stop_sequences_and_limits(claude):
    """The stop sequence that was met is named; a limit ends with max_tokens."""
    stopped = ask(claude, stop_sequences=["never", "to “"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "to “")
    assert not stopped.content[0].text.endswith("to “")
    limited = ask(claude, max_tokens=4)
    assert (limited.stop_reason, limited.usage.output_tokens) == ("max_tokens", 4)


def test_a_marked_prefix_is_priced_as_cache(claude):
    """cache_control splits the prompt: read, written, and the rest add up to the whole."""
    system = [{"type": "text", "text": "x" * 4000, "cache_control": {"type": "ephemeral"}}]
    usage = ask(claude, system=system).usage
    assert usage.cache_read_input_tokens == 500
    assert usage.cache_creation_input_tokens == 500
    assert 0 < usage.input_tokens < 20


def test_structured_answers(claude):
    """output_config.format gives JSON of the schema."""
    schema = tool("x")["input_schema"]
    answer = ask(claude, output_config={"format": {"type": "json_schema", "schema": schema}})
    assert answer.content[0].text == '{"city": "city"}'


def test_tokens_are_counted_as_they_are_billed(claude):
    """count_tokens says what the answer's usage says, and bills nothing."""
    counted = claude.messages.count_tokens(model="m", messages=QUESTION, system="be brief")
    assert counted.input_tokens == ask(claude, system="be brief").usage.input_tokens


def test_models(claude):
    """The catalogue lists models that can be retrieved."""
    models = list(claude.models.list())
    assert claude.models.retrieve(models[0].id).id == models[0].id
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("nothing")


def test_the_async_client_is_served_alike(simulator):
    """AsyncAnthropic, plain and streamed."""

    async def both():
        async with anthropic.AsyncAnthropic(
            base_url=simulator.url("claude"),
            api_key="k",
            max_retries=0,
            _strict_response_validation=True,
        ) as client:
            plain = await ask(client)
            events = [event.type async for event in await ask(client, stream=True)]
        return plain, events

    plain, events = asyncio.run(both())
    assert "claude" in plain.content[0].text
    assert events[-1] == "message_stop"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "first message"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "non-empty"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "max_tokens"),
        (
            {
                "max_tokens": 2000,
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "messages": [*QUESTION, {"role": "assistant", "content": "{"}],
            },
            "but found `text`",
        ),
        ({"extra_body": {"stream_options": {}}}, "Extra inputs are not permitted"),
        ({"tools": [{"name": "x", "input_schema": {}}]}, "input_schema"),
    ],
)
def test_a_wrong_request_is_refused_as_the_api_does(claude, members, words):
    """400 invalid_request_error, with the API's words for what is wrong."""
    with pytest.raises(anthropic.BadRequestError, match=words) as caught:
        ask(claude, **members)
    ErrorResponse.model_validate(caught.value.body)
    assert caught.value.type == "invalid_request_error"


def test_the_version_header_is_required(simulator):
    """As at the real API: without anthropic-version a request is 400."""
    body = {"model": "m", "max_tokens": 5, "messages": QUESTION}
    url = simulator.url("claude") + "/v1/messages"
    answer = httpx.post(url, json=body, headers={"x-api-key": "k"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "anthropic-version: header is required"


def test_a_missing_key_and_a_wrong_one_are_401(simulator):
    """No key is 401; a configured key is compared, in either header."""
    assert httpx.get(simulator.url("claude") + "/v1/models").status_code == 401
    url = simulator.url("strict-claude")
    wrong = anthropic.Anthropic(base_url=url, api_key="sk-wrong", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError) as caught:
        ask(wrong, model="x")
    assert caught.value.type == "authentication_error"
    headers = {"x-api-key": "sk-right", "anthropic-version": "2023-06-01"}
    assert httpx.get(url + "/v1/models", headers=headers).status_code == 200
    right = anthropic.Anthropic(base_url=url, api_key="sk-right", max_retries=0)
    assert ask(right, model="x").model == "x"
    with pytest.raises(anthropic.NotFoundError):
        ask(right, model="y")
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 100 tokens > 50"):
        ask(right, model="x", messages=[{"role": "user", "content": "word" * 100}])
