"""What Claude does that its documentation does not say, each as a client then sees it."""

from __future__ import annotations

import json

import pytest

from ext_authz.translate.translator import translate
from tests.translate import sdk
from tests.translate.drive import MOMENT, answer, question, target
from tests.translate.facts import compact
from tests.translate.streams import chunks, read, streamed
from tests.translate.wire_formats import SSE, sse
from xds.edge.pairs import ClientApi


def anthropic_stream(*events):
    return b"".join([sse(event, event["type"]) for event in events])


START = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "m", "content": [],
                "usage": {"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 1}},
}  # fmt: skip
TEXT = [
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
]
STOP = {"type": "message_stop"}


def delta(reason="end_turn", **usage):
    told = {"stop_reason": reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": told, "usage": usage}


def test_usage_is_cumulative_and_replaced_field_by_field():
    facts = read("chat", "anthropic", anthropic_stream(START, *TEXT, delta(output_tokens=7), STOP))
    assert (facts.prompt, facts.cached, facts.completion) == (14, 4, 7)


def test_usage_that_is_told_only_at_the_end_counts():
    last = delta(output_tokens=7, input_tokens=20, cache_read_input_tokens=5)
    facts = read("chat", "anthropic", anthropic_stream(START, *TEXT, last, STOP))
    assert (facts.prompt, facts.cached) == (25, 5)


def test_calls_are_counted_apart_from_blocks():
    tool = [
        {"type": "content_block_start", "index": 1,
         "content_block": {"type": "tool_use", "id": "t1", "name": "f", "input": {}}},
        {"type": "content_block_stop", "index": 1},
    ]  # fmt: skip
    _, _, out = streamed(
        "chat", "anthropic", anthropic_stream(START, *TEXT, *tool, delta("tool_use"), STOP)
    )
    calls = [
        c for one in chunks(out) for ch in one["choices"] for c in ch["delta"].get("tool_calls", ())
    ]
    assert calls[0]["index"] == 0
    assert "".join(c["function"].get("arguments", "") for c in calls) == "{}"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_reasons_of_claude(reason, finish):
    _, _, out = streamed("chat", "anthropic", anthropic_stream(START, *TEXT, delta(reason), STOP))
    assert chunks(out)[-2]["choices"][0]["finish_reason"] == finish


def test_unknown_events_pass_by():
    news = {"type": "something_new", "x": 1}
    citation = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta"}}
    events = [START, news, TEXT[0], citation, *TEXT[1:], delta(), STOP]
    assert read("chat", "anthropic", anthropic_stream(*events)).text == "Hi"


FORM = {
    "type": "json_schema",
    "json_schema": {"name": "p", "schema": {"type": "object", "properties": {}}},
}


def old_model(*, stream, **more):
    body = question("chat", stream=stream, response_format=FORM, **more)
    to = target("anthropic", model="claude-3-5-sonnet-20241022")
    return translate(ClientApi.CHAT, to, body, {}, MOMENT)


def test_a_tool_that_stands_for_a_schema_is_taken_off_again():
    block = {"type": "tool_use", "id": "t", "name": "p", "input": {"a": 1}}
    message = {**START["message"], "content": [block], "stop_reason": "tool_use"}
    _, out = answer(old_model(stream=False), compact(message).encode())
    choice = json.loads(out)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ('{"a":1}', "stop")
    assert "tool_calls" not in choice["message"]


def test_a_tool_that_stands_for_a_schema_is_taken_off_a_stream():
    block = {"type": "tool_use", "id": "t", "name": "p", "input": {}}
    events = [
        START,
        {"type": "content_block_start", "index": 0, "content_block": block},
        *[
            {"type": "content_block_delta", "index": 0,
             "delta": {"type": "input_json_delta", "partial_json": piece}}
            for piece in ('{"a"', ":1}")
        ],
        {"type": "content_block_stop", "index": 0},
        delta("tool_use"),
        STOP,
    ]  # fmt: skip
    head, out = answer(old_model(stream=True), anthropic_stream(*events), kind=SSE)
    facts = sdk.read("chat", stream=True, status=200, headers=head.headers, body=out)
    assert (facts.text, facts.finish, facts.calls) == ('{"a":1}', "stop", ())


def test_other_tools_beside_the_schemas_one_stay_calls():
    tool = {"type": "function", "function": {"name": "f"}}
    exchange = old_model(stream=False, tools=[tool])
    assert json.loads(exchange.upstream.body)["tool_choice"] == {"type": "any"}
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    message = {**START["message"], "content": [block], "stop_reason": "tool_use"}
    _, out = answer(exchange, compact(message).encode())
    choice = json.loads(out)["choices"][0]
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "f"
    assert choice["finish_reason"] == "tool_calls"
