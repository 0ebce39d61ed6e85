"""What providers do that their documentation does not say, each as a client then sees it."""

from __future__ import annotations

import json

import pytest

from ext_authz.translate.translator import translate
from tests.translate import sdk
from tests.translate.drive import MOMENT, answer, ask, question, target
from tests.translate.facts import compact
from tests.translate.wire_formats import AWS, JSON, SSE, aws, aws_event, sse
from xds.edge.pairs import ClientApi


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


def streamed(client, provider, body, *, kind=SSE, **more):
    exchange = ask(client, provider, stream=True, **more)
    head, out = answer(exchange, body, kind=kind)
    return exchange.machine, head, out


def read(client, provider, body, *, kind=SSE, **more):
    _, head, out = streamed(client, provider, body, kind=kind, **more)
    return sdk.read(client, stream=True, status=head.status, headers=head.headers, body=out)


def chunks(out):
    frames = [one.removeprefix("data: ") for one in out.decode().split("\n\n") if one]
    return [json.loads(one) for one in frames if one != "[DONE]"]


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


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        *[(one, "content_filter") for one in ("SAFETY", "RECITATION", "BLOCKLIST", "SPII",
          "PROHIBITED_CONTENT", "IMAGE_SAFETY", "IMAGE_RECITATION", "MODEL_ARMOR")],
        *[(one, "stop") for one in ("STOP", "OTHER", "MALFORMED_FUNCTION_CALL",
          "UNEXPECTED_TOOL_CALL", "SOMETHING_NEW")],
        ("MAX_TOKENS", "length"),
    ],
)  # fmt: skip
def test_reasons_of_gemini(reason, finish):
    body = sse({"candidates": [{"finishReason": reason}], "modelVersion": "m"}, end="\r\n")
    _, _, out = streamed("chat", "gemini", body)
    assert chunks(out)[0]["choices"][0]["finish_reason"] == finish


def test_gemini_blocks_a_prompt():
    body = compact({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}}).encode()
    exchange = ask("chat", "gemini", stream=False)
    _, out = answer(exchange, body)
    choice = json.loads(out)["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", "")


def test_calls_of_gemini_in_several_chunks_are_numbered_on():
    def part(name, **more):
        parts = [{"functionCall": {"name": name, "args": {}}, **more}]
        return sse({"candidates": [{"content": {"parts": parts}}]}, end="\r\n")

    end = sse({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {}}, end="\r\n")
    body = part("f", thoughtSignature="+/8=") + part("g") + end
    _, _, out = streamed("chat", "gemini", body)
    starts = [c for one in chunks(out) for ch in one["choices"]
              for c in ch["delta"].get("tool_calls", ()) if "id" in c]  # fmt: skip
    assert [one["index"] for one in starts] == [0, 1]
    assert starts[0]["id"].endswith("__thought__-_8")
    assert starts[0]["extra_content"]["google"]["thought_signature"] == "+/8="
    assert starts[0]["id"] != starts[1]["id"]


def test_a_signature_of_gemini_is_not_on_an_id_that_an_anthropic_client_gets():
    parts = [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "+/8="}]
    body = sse({"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}, end="\r\n")
    facts = read("messages", "gemini", body)
    assert facts.calls[0].id == "call_tok_0"


def test_gemini_usage_counts_thoughts_as_output():
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 7,
             "toolUsePromptTokenCount": 2, "cachedContentTokenCount": 4}  # fmt: skip
    body = sse({"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
                "usageMetadata": usage}, end="\r\n")  # fmt: skip
    facts = read("chat", "gemini", body)
    assert (facts.prompt, facts.completion, facts.thought, facts.cached) == (12, 12, 7, 4)


def test_gemini_gives_several_answers():
    candidates = [
        {"index": n, "content": {"parts": [{"text": f"answer {n}"}]}, "finishReason": "STOP"}
        for n in (0, 1)
    ]
    exchange = ask("chat", "gemini", stream=False, n=2)
    _, out = answer(exchange, compact({"candidates": candidates}).encode())
    assert [one["message"]["content"] for one in json.loads(out)["choices"]] == [
        "answer 0",
        "answer 1",
    ]


def test_an_error_of_gemini_wrapped_in_a_list():
    error = [{"error": {"code": 429, "message": "Slow down", "status": "RESOURCE_EXHAUSTED"}}]
    machine, _, out = streamed("chat", "gemini", sse(error, end="\r\n"))
    assert machine.failure.kind == "rate_limited"
    assert chunks(out)[0]["error"]["type"] == "rate_limit_error"


def test_text_of_converse_opens_lazily_and_an_empty_start_is_tolerated():
    body = b"".join(
        [
            aws_event("messageStart", {"role": "assistant"}),
            aws_event("contentBlockStart", {"contentBlockIndex": 0, "start": {}}),
            aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
            aws_event("contentBlockStop", {"contentBlockIndex": 0}),
            aws_event("somethingNew", {"x": 1}),
            aws_event("messageStop", {"stopReason": "end_turn"}),
            aws_event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2,
                                             "cacheReadInputTokens": 5}}),
        ]
    )  # fmt: skip
    facts = read("messages", "bedrock", body, kind=AWS)
    assert (facts.text, facts.prompt, facts.cached, facts.completion) == ("Hi", 8, 5, 2)


@pytest.mark.parametrize(
    ("exception", "kind", "name"),
    [
        ("throttlingException", "rate_limited", "rate_limit_error"),
        ("validationException", "invalid", "invalid_request_error"),
        ("modelStreamErrorException", "server", "api_error"),
        ("internalServerException", "server", "api_error"),
        ("serviceUnavailableException", "overloaded", "overloaded_error"),
    ],
)
def test_exceptions_of_converse_inside_a_stream(exception, kind, name):
    failed = aws(b'{"message":"no"}', message_type="exception", exception_type=exception)
    machine, _, out = streamed("messages", "bedrock", failed, kind=AWS)
    assert machine.failure.kind == kind
    event = json.loads(out.decode().split("data: ")[1])
    assert event == {"type": "error", "error": {"type": name, "message": "no"}}


def test_an_error_frame_of_aws_without_a_body():
    failed = aws(b"", message_type="error", error_code="InternalError", error_message="broken")
    machine, _, _ = streamed("chat", "bedrock", failed, kind=AWS)
    assert machine.failure.kind == "server"


def test_a_wrong_checksum_is_an_error():
    body = bytearray(aws_event("messageStart", {"role": "assistant"}))
    body[-1] ^= 1
    machine, _, out = streamed("chat", "bedrock", bytes(body), kind=AWS)
    assert machine.failure is not None
    assert b'"error"' in out


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


def test_unknown_events_pass_by():
    news = {"type": "something_new", "x": 1}
    citation = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta"}}
    events = [START, news, TEXT[0], citation, *TEXT[1:], delta(), STOP]
    assert read("chat", "anthropic", anthropic_stream(*events)).text == "Hi"


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
