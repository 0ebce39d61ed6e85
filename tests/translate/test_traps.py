"""What OpenAI's kin do that no documentation says, each as a client then sees it."""

from __future__ import annotations

import json

import pytest

from tests.translate.drive import answer, ask
from tests.translate.facts import compact
from tests.translate.streams import read, streamed
from tests.translate.wire_formats import JSON, SSE, sse


def chat_chunk(delta, finish=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return sse({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [choice], **more})  # fmt: skip


def call(index, text="", call_id=None, name=None):
    function = {"arguments": text}
    if name:
        function["name"] = name
    entry = {"index": index, "function": function}
    if call_id:
        entry |= {"id": call_id, "type": "function"}
    return {"tool_calls": [entry]}


USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
DONE = sse("[DONE]")


def test_one_chunk_may_hold_reasoning_text_a_call_and_the_end():
    body = chat_chunk({"role": "assistant", "reasoning_content": "Hm.", "content": "Look.",
                       **call(0, "{}", "c", "f")}, "tool_calls", usage=USAGE) + DONE  # fmt: skip
    facts = read("messages", "vllm", body)
    assert (facts.reasoning, facts.text, facts.finish) == ("Hm.", "Look.", "tool_calls")
    assert [(one.id, one.arguments) for one in facts.calls] == [("c", {})]


@pytest.mark.parametrize("client", ["messages", "responses"])
def test_interleaved_calls_wait_for_one_another(client):
    body = b"".join(
        [
            chat_chunk(call(0, "", "c0", "f")),
            chat_chunk(call(1, "", "c1", "g")),
            chat_chunk(call(0, '{"a":')),
            chat_chunk(call(1, '{"b":2}')),
            chat_chunk(call(0, "1}")),
            chat_chunk(call(2, '{"c":3}', "c2", "h")),
            chat_chunk({}, "tool_calls", usage=USAGE),
            DONE,
        ]
    )
    facts = read(client, "vllm", body)
    assert [(c.id, c.name, c.arguments) for c in facts.calls] == [
        ("c0", "f", {"a": 1}),
        ("c1", "g", {"b": 2}),
        ("c2", "h", {"c": 3}),
    ]


@pytest.mark.parametrize("client", ["messages", "responses"])
def test_calls_one_after_another_are_told_as_they_come(client):
    machine = ask(client, "vllm", stream=True).machine
    machine.head(200, {"content-type": SSE})
    machine.feed(chat_chunk(call(0, "{}", "c0", "f")))
    machine.feed(chat_chunk(call(1, "", "c1", "g")))
    assert b'{\\"now\\":' in machine.feed(chat_chunk(call(1, '{"now":')))


def test_calls_without_index_or_id_are_told_apart():
    first = {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}},
                            {"function": {"name": "g", "arguments": "{}"}}]}  # fmt: skip
    body = chat_chunk(first) + chat_chunk({}, "stop", usage=USAGE) + DONE
    facts = read("messages", "ollama", body)
    assert [(c.name, c.arguments) for c in facts.calls] == [("f", {"a": 1}), ("g", {})]
    assert len({c.id for c in facts.calls}) == 2
    assert facts.finish == "tool_calls"


def test_calls_that_all_say_index_zero_are_told_apart_by_their_ids():
    body = b"".join(
        [
            chat_chunk(call(0, '{"a":1}', "c0", "f")),
            chat_chunk(call(0, '{"b":2}', "c1", "g")),
            chat_chunk({}, "tool_calls", usage=USAGE),
            DONE,
        ]
    )
    facts = read("messages", "compatible", body)
    assert [(c.id, c.arguments) for c in facts.calls] == [("c0", {"a": 1}), ("c1", {"b": 2})]


def test_the_usage_comes_after_the_finish_and_is_told_with_it():
    body = b"".join(
        [
            chat_chunk({"role": "assistant", "content": "Hi"}),
            chat_chunk({}, "stop"),
            sse({"id": "c1", "choices": [], "usage": {**USAGE,
                 "prompt_tokens_details": {"cached_tokens": 1}}}),
            DONE,
        ]
    )  # fmt: skip
    facts = read("messages", "openai", body)
    assert (facts.prompt, facts.cached, facts.completion) == (3, 1, 2)


def test_azures_first_chunk_starts_nothing():
    first = sse({"id": "", "model": "", "choices": [], "prompt_filter_results": []})
    body = first + chat_chunk({"role": "assistant", "content": "Hi"}) + chat_chunk({}, "stop")
    machine = ask("messages", "azure", stream=True).machine
    machine.head(200, {"content-type": SSE})
    assert machine.feed(first) == b""
    assert not machine.begun
    assert b'"id":"msg_c1"' in machine.feed(body[len(first) :])


def test_an_error_inside_a_stream_of_vllm():
    body = chat_chunk({"content": "Hi"}) + sse({"object": "error", "message": "boom", "code": 500})
    machine, _, out = streamed("messages", "vllm", body)
    assert machine.failure.status == 500
    assert b'"type":"api_error","message":"boom"' in out


def test_a_numeric_code_is_no_code_of_the_clients_schema():
    exchange = ask("chat", "llamacpp", stream=False)
    body = compact({"error": {"code": 500, "message": "boom", "type": "server_error"}}).encode()
    head, out = answer(exchange, body, status=500)
    assert head.status == 500
    assert json.loads(out)["error"] == {
        "message": "boom", "type": "server_error", "param": None, "code": None
    }  # fmt: skip


def test_a_server_that_streams_nothing_still_answers_a_stream():
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    whole = {"id": "c1", "model": "m", "choices": [choice], "usage": USAGE}
    facts = read("messages", "openai", compact(whole).encode(), kind=JSON)
    assert facts.text == "Hi"


def test_a_server_that_only_streams_still_answers_in_one_piece():
    body = chat_chunk({"content": "Hi"}) + chat_chunk({}, "stop", usage=USAGE) + DONE
    exchange = ask("messages", "vllm", stream=False)
    head, out = answer(exchange, body, kind=SSE)
    assert dict(head.headers)["content-type"] == JSON
    assert json.loads(out)["content"] == [{"type": "text", "text": "Hi"}]


def test_half_a_character_does_not_break_a_stream():
    first = (
        b'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}\n\n'
    )
    body = first + chat_chunk({}, "stop", usage=USAGE) + DONE
    assert read("messages", "vllm", body).text == "\ufffd"


def test_a_compressed_answer_is_refused():
    exchange = ask("chat", "anthropic", stream=False)
    head, _ = answer(exchange, b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert head.status == 502
