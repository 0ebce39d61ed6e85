"""Streams stay streams: bytes pass as they come, and usage is read without being shown."""

from __future__ import annotations

import json
import threading

import pytest

from compiler.plan_llm import Api, Trigger
from tests.e2e.llm_gateway import gateway, model, plan, provider
from tests.e2e.llm_upstream import (
    Answer,
    Recorded,
    anthropic_stream,
    chat_chunk,
    message,
    sse,
    upstream,
)

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 7,
    "total_tokens": 27,
    "prompt_tokens_details": {"cached_tokens": 8},
}
EVENTS = sse(
    chat_chunk(""),
    chat_chunk('he said "usage": {} \\ \u00e9 \U0001f600'),
    chat_chunk("", finish="stop"),
    chat_chunk(None, usage=USAGE),
)
STREAM = "text/event-stream; charset=utf-8"


def usage_event(events: list[bytes]) -> bytes:
    return next(event for event in events if b'"prompt_tokens"' in event)


def run(chunks: list[bytes], **body):
    """Answer one chat with these chunks; give what the client and the provider saw, and usage."""
    answer = Answer(content_type=STREAM, chunks=chunks)
    with (
        upstream(answer) as one,
        gateway(plan([provider("a", one)], [model("fast", "a/x")])) as running,
    ):
        shown = running.chat(**{"stream": True, **body})
        assert shown.status_code == 200
        (line,) = running.log_lines(1)
        (asked,) = one.requests
        return shown.content, asked, line


@pytest.mark.parametrize(
    "options", [None, {}, {"include_usage": False}, {"include_obfuscation": False}]
)
def test_usage_nobody_asked_for_is_read_and_hidden(options):
    """The provider is asked for usage, and the client gets all bytes but that one event."""
    body = {} if options is None else {"stream_options": options}
    shown, asked, line = run(EVENTS, **body)
    assert asked.json["stream_options"]["include_usage"] is True
    assert shown == b"".join(EVENTS).replace(usage_event(EVENTS), b"")
    assert line["gen_ai.usage.input_tokens"] == 20
    assert line["gen_ai.usage.output_tokens"] == 7
    assert line["gen_ai.usage.cache_read.input_tokens"] == 8
    assert line["gen_ai.response.model"] == "served-2024"
    assert line["cost_nano_usd"] == 12 * 150 + 8 * 75 + 7 * 600


def test_usage_that_was_asked_for_is_shown():
    """A client that asks for usage gets the stream byte for byte, and its own request unchanged."""
    shown, asked, line = run(EVENTS, stream_options={"include_usage": True})
    assert shown == b"".join(EVENTS)
    assert asked.json["stream_options"] == {"include_usage": True}
    assert line["gen_ai.usage.output_tokens"] == 7


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_however_the_bytes_are_cut_the_same_ones_are_hidden(size):
    """Chunks need not end where events do."""
    whole = b"".join(EVENTS)
    cut = [whole[i : i + size] for i in range(0, len(whole), size)]
    shown, _, line = run(cut)
    assert shown == whole.replace(usage_event(EVENTS), b"")
    assert line["gen_ai.usage.input_tokens"] == 20


def test_lines_may_end_with_crlf():
    """SSE allows CR LF; events are found and hidden all the same."""
    events = [event.replace(b"\n", b"\r\n") for event in EVENTS]
    shown, _, line = run(events)
    assert shown == b"".join(events).replace(usage_event(events), b"")
    assert line["gen_ai.usage.output_tokens"] == 7


def test_usage_that_comes_with_content_is_not_hidden():
    """Some providers put usage on the last chunk of content: that cannot be taken away."""
    events = sse(chat_chunk("hi"), chat_chunk("!", finish="stop", usage=USAGE))
    shown, _, line = run(events)
    assert shown == b"".join(events)
    assert line["gen_ai.usage.output_tokens"] == 7


def test_a_stream_without_a_last_blank_line_loses_nothing():
    """A server that ends right behind `[DONE]` is passed on as it is."""
    events = [*EVENTS[:-1], b"data: [DONE]"]
    shown, _, _ = run(events)
    assert shown == b"".join(events).replace(usage_event(events), b"")


def test_other_bytes_of_the_request_stay_as_they_are():
    """Only the model's name and the wish for usage are edited: no key moves, no number changes."""
    body = (
        b'{ "model" : "fast","seed":9007199254740993, "messages":[{"role":"user",'
        b'"content":"\\u00e9 \\"model\\": \\"fast\\""}], "temperature":1.0, "stream":true }'
    )
    with (
        upstream(Answer(content_type=STREAM, chunks=EVENTS)) as one,
        gateway(plan([provider("a", one)], [model("fast", "a/x")])) as running,
    ):
        running.post("/v1/chat/completions", body)
        assert one.requests[0].body == body.replace(b'"model" : "fast"', b'"model" : "x"').replace(
            b"{ ", b'{"stream_options":{"include_usage":true}, ', 1
        )


def test_each_event_reaches_the_client_before_the_next_one_is_sent():
    """The provider sends its next event only when the client has the last one: nothing waits."""
    received: list[threading.Event] = [threading.Event() for _ in EVENTS]
    in_time: list[bool] = []

    def chunks():
        for number, event in enumerate(EVENTS):
            yield event
            if event != usage_event(EVENTS):  # which the client never gets
                in_time.append(received[number].wait(10))

    with (
        upstream(Answer(content_type=STREAM, chunks=chunks())) as one,
        gateway(plan([provider("a", one)], [model("fast", "a/x")])) as running,
        running.client.stream(
            "POST", "/v1/chat/completions", json={"model": "fast", "stream": True}
        ) as answer,
    ):
        seen = b""
        for part in answer.iter_raw():
            seen += part
            for number, event in enumerate(EVENTS):
                if event in seen:
                    received[number].set()
    assert in_time == [True] * 4


def test_anthropic_streams_pass_untouched_and_are_accounted():
    """Usage of `message_start` and `message_delta` together, cumulative, cached tokens included."""
    events = anthropic_stream()
    with (
        upstream(Answer(content_type=STREAM, chunks=events)) as one,
        gateway(
            plan([provider("a", one, Api.ANTHROPIC)], [model("smart", "a/x", api=Api.ANTHROPIC)])
        ) as running,
    ):
        shown = running.messages(stream=True)
        assert shown.content == b"".join(events)
        assert "stream_options" not in one.requests[0].json
        (line,) = running.log_lines(1)
        assert line["gen_ai.usage.input_tokens"] == 13  # 10 fresh, 3 read from the cache
        assert line["gen_ai.usage.cache_read.input_tokens"] == 3
        assert line["gen_ai.usage.output_tokens"] == 6
        assert line["gen_ai.response.model"] == "claude-served"


def test_an_aborted_anthropic_stream_is_accounted_as_far_as_it_went():
    """When the provider breaks off, the input tokens that it had told are counted."""
    events = anthropic_stream()[:3]

    def chunks():
        yield from events
        raise OSError("broken off")

    with (
        upstream(Answer(content_type=STREAM, chunks=chunks())) as one,
        gateway(
            plan([provider("a", one, Api.ANTHROPIC)], [model("smart", "a/x", api=Api.ANTHROPIC)])
        ) as running,
    ):
        with pytest.raises(Exception, match="peer closed connection"):
            running.messages(stream=True)
        (line,) = running.log_lines(1)
        assert line["gen_ai.usage.input_tokens"] == 13
        assert line["gen_ai.usage.output_tokens"] == 1


def test_a_model_cannot_write_its_own_bill():
    """Usage inside what a model writes (a tool's input, a text) counts for nothing."""
    forged = {"input_tokens": 9_999_999, "output_tokens": 9_999_999}
    answer = json.loads(message().body)
    answer["content"] = [
        {"type": "text", "text": '"usage": {"output_tokens": 7777}'},
        {"type": "tool_use", "id": "t", "name": "x", "input": {"usage": forged, 'a"usage': forged}},
    ]
    real = answer.pop("usage")
    for body in ({**answer, "usage": real}, {"usage": real, **answer}):
        with (
            upstream(Answer(body=json.dumps(body).encode())) as one,
            gateway(
                plan(
                    [provider("a", one, Api.ANTHROPIC)],
                    [model("smart", "a/x", api=Api.ANTHROPIC)],
                )
            ) as running,
        ):
            assert running.messages().json() == body
            (line,) = running.log_lines(1)
            assert line["gen_ai.usage.input_tokens"] == 15
            assert line["gen_ai.usage.output_tokens"] == 6


def test_a_fallback_of_a_stream_asks_each_target_for_usage():
    """The second attempt begins with the client's own body again, and is edited once."""

    def behave(request: Recorded) -> Answer:
        if request.json["model"] == "x":
            return Answer(429, b"{}")
        return Answer(content_type=STREAM, chunks=EVENTS)

    with upstream() as one:
        one.behave = behave

        chained = model("fast", "a/x", "a/y", on=(Trigger.RATE_LIMITED,))
        with gateway(plan([provider("a", one)], [chained])) as running:
            shown = running.chat(stream=True)
            assert shown.content == b"".join(EVENTS).replace(usage_event(EVENTS), b"")
            first, second = one.requests
            assert first.body.replace(b'"x"', b'"y"') == second.body
            assert second.json["stream_options"] == {"include_usage": True}
