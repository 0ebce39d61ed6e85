"""The official OpenAI SDK, with strict validation, parses what the simulator answers."""

from __future__ import annotations

import asyncio
import json

import openai
import pytest

QUESTION = [{"role": "user", "content": "What is a gateway?"}]


def tool(name):
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 3},
            "unit": {"enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city", "days", "unit"],
    }
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def ask(client, **members):
    return client.chat.completions.create(
        **{"model": "gpt-4o-mini", "messages": QUESTION, **members}
    )


def joined(chunks, index=0):
    return "".join(
        choice.delta.content or ""
        for chunk in chunks
        for choice in chunk.choices
        if choice.index == index
    )


def test_a_plain_answer_says_who_served_it(gpt):
    """The text names provider and model and quotes the question; the usage adds up."""
    answer = ask(gpt)
    text = answer.choices[0].message.content
    assert "openai" in text
    assert "gpt-4o-mini" in text
    assert "What is a gateway?" in text
    assert answer.model == "gpt-4o-mini"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id.startswith("req_")


def test_a_stream_has_one_token_a_chunk(gpt):
    """The chunks of a stream join to a text, and the number of tokens billed is theirs."""
    chunks = list(ask(gpt, stream=True, stream_options={"include_usage": True}))
    pieces = [c.choices[0].delta.content for c in chunks if c.choices]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(c.choices[0].delta.role is None for c in chunks[1:] if c.choices)
    assert chunks[-1].usage.completion_tokens == len([piece for piece in pieces if piece])
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_usage_comes_in_a_last_chunk_without_choices_when_asked_for(gpt):
    """With include_usage every chunk has `usage: null` but a last one without choices."""
    chunks = list(ask(gpt, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    for chunk in chunks[:-1]:
        assert "usage" in chunk.model_fields_set
        assert chunk.usage is None
        assert chunk.choices


def test_usage_does_not_come_unasked(gpt):
    """Without include_usage no chunk knows the member, and none is without choices."""
    for chunk in ask(gpt, stream=True):
        assert "usage" not in chunk.model_fields_set
        assert chunk.choices


def test_two_tools_are_called_in_parallel(gpt):
    """Two tools, and nothing against it: both are called, with arguments that fit the schema."""
    answer = ask(gpt, tools=[tool("weather"), tool("tides")])
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    assert [call.function.name for call in message.tool_calls] == ["weather", "tides"]
    assert len({call.id for call in message.tool_calls}) == 2
    for call in message.tool_calls:
        arguments = json.loads(call.function.arguments)
        assert arguments == {"city": "city", "days": 3, "unit": "celsius"}


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({"parallel_tool_calls": False}, ["weather"]),
        ({"tool_choice": "none"}, []),
        ({"tool_choice": "required"}, ["weather", "tides"]),
        ({"tool_choice": {"type": "function", "function": {"name": "tides"}}}, ["tides"]),
    ],
)
def test_the_tool_choice_is_kept(gpt, members, names):
    """None, one, any, or the named one."""
    answer = ask(gpt, tools=[tool("weather"), tool("tides")], **members)
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == names


def test_after_the_tools_results_comes_text(gpt):
    """A conversation with tools ends: the answer to the results is words."""
    first = ask(gpt, tools=[tool("weather")]).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in first.tool_calls
    ]
    history = [*QUESTION, first.model_dump(exclude_none=True), *results]
    answer = ask(gpt, messages=history, tools=[tool("weather")])
    assert answer.choices[0].message.content


def test_a_tools_result_that_answers_no_call_is_refused(gpt):
    """The real API's 400, which shows a gateway that mixes up a history."""
    with pytest.raises(openai.BadRequestError, match="must be a response"):
        ask(gpt, messages=[*QUESTION, {"role": "tool", "tool_call_id": "x", "content": "y"}])


def test_streamed_tool_calls_join_to_the_same_calls(gpt):
    """The SDK's own accumulator makes of the stream what the plain answer is."""
    tools = [tool("weather"), tool("tides")]
    with gpt.chat.completions.stream(model="gpt-4o-mini", messages=QUESTION, tools=tools) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert final.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in calls] == ["weather", "tides"]
    assert all(json.loads(call.function.arguments)["city"] == "city" for call in calls)


def test_several_choices_differ(gpt):
    """n=3 gives three texts, plain and streamed, and bills for all of them."""
    plain = ask(gpt, n=3)
    assert [choice.index for choice in plain.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in plain.choices}) == 3
    chunks = list(ask(gpt, n=3, stream=True, stream_options={"include_usage": True}))
    texts = [joined(chunks, index) for index in range(3)]
    assert len(set(texts)) == 3
    pieces = [c for chunk in chunks for c in chunk.choices if c.delta.content]
    assert chunks[-1].usage.completion_tokens == len(pieces)


def test_a_stop_sequence_ends_the_text_before_itself(gpt):
    """The text stops where the sequence would begin."""
    whole = ask(gpt).choices[0].message.content
    cut = ask(gpt, stop=["to “"])
    assert cut.choices[0].finish_reason == "stop"
    assert cut.choices[0].message.content == whole[: whole.index("to “")]


def test_a_limit_of_tokens_is_kept(gpt):
    """max_completion_tokens ends the answer with finish_reason length, and bills just that."""
    answer = ask(gpt, max_completion_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


def test_a_structured_answer_fits_its_schema(gpt):
    """response_format json_schema gives JSON of that shape, json_object any object."""
    schema = tool("x")["function"]["parameters"]
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = ask(gpt, response_format=wanted)
    assert set(json.loads(answer.choices[0].message.content)) == {"city", "days", "unit"}
    answer = ask(gpt, response_format={"type": "json_object"})
    assert json.loads(answer.choices[0].message.content)["provider"] == "openai"


def test_reasoning_is_billed_though_it_is_not_seen(gpt):
    """reasoning_effort costs tokens: they are inside completion_tokens."""
    plain = ask(gpt).usage.completion_tokens
    usage = ask(gpt, reasoning_effort="high").usage
    assert usage.completion_tokens_details.reasoning_tokens == 128
    assert usage.completion_tokens > 128 > plain


def test_a_long_prompt_is_half_cached(gpt):
    """From 1,024 tokens on, cached_tokens is there to be priced, in steps of 128."""
    long = [{"role": "user", "content": "word " * 2000}]
    usage = ask(gpt, messages=long).usage
    assert usage.prompt_tokens > 2000
    assert usage.prompt_tokens_details.cached_tokens == usage.prompt_tokens // 2 // 128 * 128


def test_logprobs_come_a_token_each(gpt):
    """Logprobs names the tokens of the text."""
    choice = ask(gpt, logprobs=True).choices[0]
    assert "".join(t.token for t in choice.logprobs.content) == choice.message.content
    chunks = list(ask(gpt, logprobs=True, stream=True))
    said = [c.choices[0] for c in chunks if c.choices[0].delta.content]
    assert all(c.logprobs.content[0].token == c.delta.content for c in said)


@pytest.fixture
def lenient_gpt(simulator):
    """A client that validates less, where the SDK's types do not fit the API's own answers.

    They have no null finish_reason in a streamed text completion, and no base64 in an embedding
    (which the SDK decodes only after it has validated).
    """
    with openai.OpenAI(base_url=simulator.url("openai"), api_key="k", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("stream", [False, True])
def test_text_completions(gpt, lenient_gpt, stream):
    """The older API: several prompts and choices, echoed."""
    given = {"model": "m", "prompt": ["one", "two"], "n": 2, "echo": True, "max_tokens": 30}
    answer = (lenient_gpt if stream else gpt).completions.create(**given, stream=stream)
    texts = dict.fromkeys(range(4), "")
    for part in answer if stream else [answer]:
        for choice in part.choices:
            texts[choice.index] += choice.text
    assert [text[:3] for text in texts.values()] == ["one", "one", "two", "two"]
    assert len(set(texts.values())) == 4


def test_embeddings_are_the_same_in_both_encodings(gpt, lenient_gpt):
    """The SDK asks for base64 by itself; asked for floats the numbers are the same."""
    encoded = lenient_gpt.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    floats = gpt.embeddings.create(
        model="text-embedding-3-small", input=["a", "b"], encoding_format="float"
    )
    assert [len(item.embedding) for item in encoded.data] == [1536, 1536]
    for one, other in zip(encoded.data, floats.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-7)
        assert sum(value * value for value in one.embedding) == pytest.approx(1, abs=1e-5)
    assert encoded.data[0].embedding != encoded.data[1].embedding
    assert encoded.usage.total_tokens == 2


def test_embeddings_take_tokens_and_dimensions(lenient_gpt):
    """Token numbers are an input like text; dimensions are kept."""
    answer = lenient_gpt.embeddings.create(model="m", input=[[1, 2, 3], [4]], dimensions=8)
    assert [len(item.embedding) for item in answer.data] == [8, 8]
    assert answer.usage.prompt_tokens == 4


def test_models(gpt):
    """The catalogue lists models that can be retrieved, and no others."""
    names = [model.id for model in gpt.models.list()]
    assert "gpt-4o-mini" in names
    assert gpt.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"
    with pytest.raises(openai.NotFoundError):
        gpt.models.retrieve("nothing")


def test_the_headers_of_the_api_are_there(gpt):
    """Limits and the request's id come with each answer."""
    raw = gpt.chat.completions.with_raw_response.create(model="m", messages=QUESTION)
    assert raw.headers["x-ratelimit-remaining-tokens"] == "199000"
    assert raw.headers["openai-version"] == "2020-10-01"
    assert raw.headers["x-simulated-by"] == "openai"


def test_the_async_client_is_served_alike(simulator):
    """AsyncOpenAI, plain and streamed."""

    async def both():
        async with openai.AsyncOpenAI(
            base_url=simulator.url("own"),
            api_key="k",
            max_retries=0,
            _strict_response_validation=True,
        ) as client:
            plain = await ask(client)
            chunks = [chunk async for chunk in await ask(client, stream=True)]
        return plain, chunks

    plain, chunks = asyncio.run(both())
    assert "own" in plain.choices[0].message.content
    assert "own" in joined(chunks)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"temperature": 3}, "temperature"),
        ({"n": 0}, "n"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"extra_body": {"stop_sequences": ["x"]}}, None),
    ],
)
def test_a_wrong_request_is_refused_as_the_api_does(gpt, members, param):
    """400 with the API's error object, which names the member."""
    with pytest.raises(openai.BadRequestError) as caught:
        ask(gpt, **members)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param == param


def test_a_missing_key_and_a_wrong_one_are_401(simulator):
    """Any key will do, unless one is configured; none never does."""
    import httpx

    url = simulator.url("openai") + "/models"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"authorization": "Bearer x"}).status_code == 200
    wrong = openai.OpenAI(base_url=simulator.url("strict"), api_key="sk-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(wrong, model="only-this")
    assert caught.value.code == "invalid_api_key"
    right = openai.OpenAI(base_url=simulator.url("strict"), api_key="sk-right", max_retries=0)
    assert ask(right, model="only-this").model == "only-this"
    with pytest.raises(openai.NotFoundError) as caught:
        ask(right, model="another")
    assert caught.value.code == "model_not_found"


def test_a_prompt_longer_than_the_window_is_refused(simulator):
    """A configured context window gives the API's own error for it."""
    client = openai.OpenAI(base_url=simulator.url("strict"), api_key="sk-right", max_retries=0)
    long = [{"role": "user", "content": "word " * 100}]
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, model="only-this", messages=long)
    assert caught.value.code == "context_length_exceeded"
    assert "50 tokens" in caught.value.message
