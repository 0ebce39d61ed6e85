"""The official OpenAI SDK, with strict validation, parses Responses, images and speech."""

from __future__ import annotations

import json
import wave
from base64 import b64decode
from io import BytesIO

import openai
import pytest

from tests.simulator.test_openai_sdk import tool
from tests.translate.sdk_response import check_order

TOOLS = [{"type": "function", **tool(name)["function"], "strict": False} for name in ("sky", "sea")]


def ask(client, **members):
    return client.responses.create(**{"model": "gpt-4.1", "input": "What is it?", **members})


def streamed(client, **members):
    """All events of a stream, in the order and with the numbers that the API has."""
    events = list(ask(client, stream=True, **members))
    check_order(events)
    return events


def test_a_plain_response_says_who_served_it(gpt):
    """The text quotes the question; the usage adds up; what was asked is told again."""
    got = ask(gpt, instructions="Be brief", temperature=0.5)
    assert "What is it?" in got.output_text
    assert (got.status, got.instructions, got.temperature) == ("completed", "Be brief", 0.5)
    assert got.usage.total_tokens == got.usage.input_tokens + got.usage.output_tokens


def test_a_stream_is_the_plain_response_in_events(gpt, simulator):
    """The last event has the whole; each delta is one token that is billed."""
    events = streamed(gpt)
    assert [event.type for event in events[:4]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    deltas = [event for event in events if event.type == "response.output_text.delta"]
    final = events[-1].response
    assert final.output_text == "".join(event.delta for event in deltas)
    assert final.usage.output_tokens == len(deltas)
    simulator.wait_idle()
    assert simulator.requests[-1].billed.output_tokens == len(deltas)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({}, ["sky", "sea"]),
        ({"parallel_tool_calls": False}, ["sky"]),
        ({"tool_choice": "none"}, []),
        ({"tool_choice": {"type": "function", "name": "sea"}}, ["sea"]),
    ],
)
def test_tools_are_called_as_chosen(gpt, members, names, stream):
    """With arguments that fit the schema."""
    members = {"tools": TOOLS, **members}
    got = streamed(gpt, **members)[-1].response if stream else ask(gpt, **members)
    calls = [item for item in got.output if item.type == "function_call"]
    assert [call.name for call in calls] == names
    assert all(json.loads(call.arguments)["city"] == "city" for call in calls)


def test_after_the_tools_results_comes_text(gpt):
    """A conversation with tools ends; a result that answers no call is refused."""
    call = ask(gpt, tools=TOOLS[:1]).output[0]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    first = {"role": "user", "content": "?"}
    got = ask(gpt, tools=TOOLS[:1], input=[first, call.model_dump(exclude_none=True), result])
    assert got.output_text
    with pytest.raises(openai.BadRequestError, match="No tool call found"):
        ask(gpt, input=[first, result])


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_is_shown_when_a_summary_is_asked_for(gpt, simulator, stream):
    """It is billed in either case, and carried when that is asked for."""
    asked = {"reasoning": {"effort": "low", "summary": "auto"}}
    asked["include"] = ["reasoning.encrypted_content"]
    got = streamed(gpt, **asked)[-1].response if stream else ask(gpt, **asked)
    thought = got.output[0]
    assert thought.type == "reasoning"
    assert thought.summary[0].text
    assert thought.encrypted_content
    assert got.usage.output_tokens_details.reasoning_tokens >= 16
    asked = {"reasoning": {"effort": "low"}}
    unseen = streamed(gpt, **asked)[-1].response if stream else ask(gpt, **asked)
    assert unseen.output[0].summary == []
    assert unseen.output_text
    simulator.wait_idle()
    assert [record.billed.output_tokens for record in simulator.requests] == [
        got.usage.output_tokens,
        unseen.usage.output_tokens,
    ]


def test_a_structured_response_fits_its_schema(gpt):
    """A json_schema in `text.format`."""
    form = {"type": "json_schema", "name": "x", "schema": TOOLS[0]["parameters"]}
    got = ask(gpt, text={"format": form})
    assert set(json.loads(got.output_text)) == {"city", "days", "unit"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_limit_of_tokens_makes_the_response_incomplete(gpt, stream):
    """With the reason for it, and in a stream in the event for it."""
    asked = {"max_output_tokens": 16}
    got = streamed(gpt, **asked)[-1].response if stream else ask(gpt, **asked)
    assert (got.status, got.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert got.usage.output_tokens == 16


def test_the_counter_counts_what_a_response_bills(gpt):
    """`input_tokens` of both are one number."""
    counted = gpt.responses.input_tokens.count(model="m", input="one two three", tools=TOOLS)
    got = ask(gpt, model="m", input="one two three", tools=TOOLS)
    assert counted.input_tokens == got.usage.input_tokens > 10


@pytest.mark.parametrize(
    "members",
    [
        {"extra_body": {"max_tokens": 5}},
        {"input": [{"role": "robot", "content": "x"}]},
        {"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        {"max_output_tokens": 1},
        {"previous_response_id": "resp_1"},
        {"tool_choice": "required"},
    ],
)
def test_a_wrong_request_is_refused(gpt, members):
    """Members of the other chat API among them."""
    with pytest.raises(openai.BadRequestError):
        ask(gpt, **members)


def test_an_error_inside_a_stream_has_the_next_number(gpt, simulator):
    """The SDK raises what the event says; the status of a fault is the API's as ever."""
    simulator.set_scenario("openai", ["error_in_band:2", "429", "content_filter"])
    events = list(ask(gpt, stream=True))
    assert [event.sequence_number for event in events] == list(range(7))
    assert (events[-1].type, events[-1].code) == ("error", "server_error")
    with pytest.raises(openai.RateLimitError):
        ask(gpt)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(gpt)
    assert caught.value.code == "content_filter"


def test_images_are_files_of_the_kind_that_they_are_called(gpt, simulator):
    """As many as asked for, in base64, with usage."""
    got = gpt.images.generate(model="gpt-image-1", prompt="a gate", n=2)
    files = [b64decode(one.b64_json) for one in got.data]
    assert all(file.startswith(b"\x89PNG\r\n\x1a\n") for file in files)
    assert files[0] != files[1]
    simulator.wait_idle()
    assert simulator.requests[-1].billed.output_tokens == got.usage.output_tokens


def test_speech_is_sound_as_long_as_the_text(gpt):
    """Bytes in the format that was asked for."""

    def said(words, form):
        members = {"model": "tts-1", "voice": "alloy", "response_format": form}
        return gpt.audio.speech.create(input=words, **members).read()

    assert said("hello", "mp3").startswith(b"\xff\xfb")
    with wave.open(BytesIO(said("hello", "wav"))) as sound:
        assert sound.getframerate() == 24000
        assert sound.getnframes() > 24000 // 5
    assert len(said("hello, hello", "pcm")) > len(said("hello", "pcm"))
