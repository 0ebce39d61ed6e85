"""The official SDKs read what the translator wrote: bytes become facts, or the SDK raises."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import openai

from tests.translate.facts import Call, Facts

_TEXT_FINISH = {"content_filter": "filtered"}
_MESSAGE_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "filtered",
}


def _http(status: int, headers: Any, body: bytes) -> httpx2.Client:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers=list(headers), content=body)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def openai_client(status: int, headers: Any, body: bytes, *, strict: bool = True) -> openai.OpenAI:
    return openai.OpenAI(
        api_key="any",
        base_url="http://gateway/v1",
        max_retries=0,
        http_client=_http(status, headers, body),
        _strict_response_validation=strict,
    )


def anthropic_client(status: int, headers: Any, body: bytes) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key="any",
        base_url="http://gateway",
        max_retries=0,
        http_client=_http(status, headers, body),
        _strict_response_validation=True,
    )


def read(client: str, *, stream: bool, status: int, headers: Any, body: bytes) -> Facts:
    """Parse an answer with the SDK of the client's API."""
    reader = {
        ("chat", False): _chat,
        ("chat", True): _chat_stream,
        ("messages", False): _message,
        ("messages", True): _message_stream,
        ("responses", False): _response,
        ("responses", True): _response_stream,
        ("completions", False): _completion,
        ("completions", True): _completion_stream,
    }[client, stream]
    return reader(status, headers, body)


# --- Chat Completions ------------------------------------------------------------------------


def _usage(usage: Any, *, strict: bool = True) -> dict[str, Any]:
    told = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens}
    read, made = usage.prompt_tokens_details, usage.completion_tokens_details
    if strict or read is not None:
        told |= {"cached": read.cached_tokens, "cache_write": read.cache_write_tokens}
    if strict or made is not None:
        told["thought"] = made.reasoning_tokens
    return told


def _blocks(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    signed = [one for one in blocks if one["type"] == "thinking"]
    hidden = [one for one in blocks if one["type"] == "redacted_thinking"]
    return {
        "signature": signed[0]["signature"] if signed else "",
        "redacted": hidden[0]["data"] if hidden else "",
    }


def _chat(status: int, headers: Any, body: bytes) -> Facts:
    return of_chat(
        openai_client(status, headers, body).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}]
        )
    )


def of_chat(got: Any, *, strict: bool = True) -> Facts:
    """What a chat completion says; one that is not ``strict`` is of somebody like OpenAI."""
    assert got.object == "chat.completion"
    assert got.id.startswith("chatcmpl-") or not strict
    assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens
    message = got.choices[0].message
    extra = message.model_extra
    if message.tool_calls and not message.content:
        assert message.content is None or not strict
    blocks = extra.get("thinking_blocks") or []
    reasoning = extra.get("reasoning_content") or ""
    for block in blocks:
        assert block["type"] != "thinking" or block["thinking"] == reasoning
    return Facts(
        text=message.content or "",
        reasoning=reasoning,
        calls=tuple(
            Call(one.id, one.function.name, json.loads(one.function.arguments))
            for one in message.tool_calls or ()
        ),
        finish=_TEXT_FINISH.get(got.choices[0].finish_reason, got.choices[0].finish_reason),
        **_blocks(blocks),
        **_usage(got.usage, strict=strict),
    )


def _chat_stream(status: int, headers: Any, body: bytes) -> Facts:
    assert body.endswith(b"data: [DONE]\n\n") or b'"error"' in body
    return of_chunks(
        list(
            openai_client(status, headers, body).chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": "?"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    )


def of_chunks(chunks: list[Any], *, strict: bool = True) -> Facts:
    """What a streamed chat completion with usage says."""
    assert len({chunk.id for chunk in chunks}) == 1
    text, thought, finish = "", "", ""
    usage: dict[str, Any] = {}
    calls: dict[int, dict[str, Any]] = {}
    blocks: list[dict[str, Any]] = []
    roles = 0
    for chunk in chunks:
        if chunk.usage is not None:
            assert chunk.choices == [] or not strict
            usage = _usage(chunk.usage, strict=strict)
        for choice in chunk.choices:
            assert not finish, "a chunk after the finish"
            delta = choice.delta
            roles += delta.role is not None
            text += delta.content or ""
            extra = delta.model_extra or {}
            thought += extra.get("reasoning_content") or ""
            blocks += extra.get("thinking_blocks") or []
            for call in delta.tool_calls or ():
                if call.id is not None:
                    assert call.index == len(calls)
                    calls[call.index] = {"id": call.id, "name": call.function.name, "text": ""}
                calls[call.index]["text"] += call.function.arguments or ""
            finish = choice.finish_reason or finish
    assert roles == 1
    for block in blocks:
        assert block["type"] != "thinking" or block["thinking"] == thought
    return Facts(
        text=text,
        reasoning=thought,
        calls=tuple(
            Call(one["id"], one["name"], json.loads(one["text"])) for one in calls.values()
        ),
        finish=_TEXT_FINISH.get(finish, finish),
        **_blocks(blocks),
        **usage,
    )


# --- Completions -----------------------------------------------------------------------------


def _completion(status: int, headers: Any, body: bytes) -> Facts:
    return of_completion(
        openai_client(status, headers, body).completions.create(model="m", prompt="?")
    )


def of_completion(got: Any) -> Facts:
    """What a completion says."""
    assert got.object == "text_completion"
    choice = got.choices[0]
    finish = _TEXT_FINISH.get(choice.finish_reason, choice.finish_reason)
    return Facts(text=choice.text, finish=finish, **_usage(got.usage))


def _completion_stream(status: int, headers: Any, body: bytes) -> Facts:
    # OpenAI itself sends a null `finish_reason` here, which the SDK's schema does not have.
    stream = openai_client(status, headers, body, strict=False).completions.create(
        model="m", prompt="?", stream=True, stream_options={"include_usage": True}
    )
    return of_completion_chunks(list(stream))


def of_completion_chunks(chunks: list[Any]) -> Facts:
    """What a streamed completion with usage says."""
    text, finish = "", ""
    usage: dict[str, Any] = {}
    for chunk in chunks:
        if chunk.usage is not None:
            usage = _usage(chunk.usage)
        for choice in chunk.choices:
            text += choice.text
            finish = choice.finish_reason or finish
    return Facts(text=text, finish=_TEXT_FINISH.get(finish, finish), **usage)


# --- Messages --------------------------------------------------------------------------------


def of_message(message: Any) -> Facts:
    """What a message says."""
    text, thought, signature, hidden = "", "", "", ""
    calls: list[Call] = []
    for block in message.content:
        if block.type == "text":
            text += block.text
        elif block.type == "thinking":
            thought += block.thinking
            signature += block.signature
        elif block.type == "redacted_thinking":
            hidden += block.data
        else:
            calls.append(Call(block.id, block.name, block.input))
    usage = message.usage
    read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    details = usage.output_tokens_details
    return Facts(
        text=text,
        reasoning=thought,
        signature=signature,
        redacted=hidden,
        calls=tuple(calls),
        finish=_MESSAGE_FINISH[message.stop_reason],
        prompt=usage.input_tokens + read + written,
        completion=usage.output_tokens,
        cached=read,
        cache_write=written,
        thought=details.thinking_tokens if details else 0,
    )


def _message(status: int, headers: Any, body: bytes) -> Facts:
    got = anthropic_client(status, headers, body).messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]
    )
    assert got.type == "message"
    assert got.id.startswith("msg_")
    return of_message(got)


def _message_stream(status: int, headers: Any, body: bytes) -> Facts:
    check_grammar(body)
    with anthropic_client(status, headers, body).messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]
    ) as stream:
        return of_message(stream.get_final_message())


def check_grammar(body: bytes) -> None:
    """The grammar of a message's stream, which the SDK does not check by itself."""
    events = []
    for frame in body.decode().split("\n\n")[:-1]:
        name, data = frame.split("\n", 1)
        fields = json.loads(data.removeprefix("data: "))
        assert name == f"event: {fields['type']}"
        events.append(fields)
    kinds = [event["type"] for event in events]
    if "error" in kinds:
        assert kinds.index("error") == len(kinds) - 1
        return
    assert kinds[0] == "message_start"
    assert events[0]["message"]["content"] == []
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("message_delta") == 1
    opened, index = False, -1
    for event in events[1:-2]:
        kind = event["type"]
        if kind == "content_block_start":
            assert not opened
            opened, index = True, index + 1
        elif kind == "content_block_stop":
            assert opened
            opened = False
        else:
            assert kind == "content_block_delta"
            assert opened
        assert event["index"] == index
    assert not opened


# --- Responses -------------------------------------------------------------------------------


def of_response(got: Any) -> Facts:
    """What a response says."""
    text, thought, carried = "", "", ""
    calls: list[Call] = []
    for item in got.output:
        if item.type == "message":
            text += "".join(part.text for part in item.content)
        elif item.type == "reasoning":
            thought += "".join(part.text for part in item.summary)
            carried = item.encrypted_content or carried
        else:
            calls.append(Call(item.call_id, item.name, json.loads(item.arguments)))
    finish = "tool_calls" if calls else "stop"
    if got.status == "incomplete":
        finish = {"max_output_tokens": "length", "content_filter": "filtered"}[
            got.incomplete_details.reason
        ]
    else:
        assert got.status == "completed"
    usage = got.usage
    return Facts(
        text=text,
        reasoning=thought,
        signature=carried.removeprefix("gw1.signature.") if "signature" in carried else "",
        redacted=carried.removeprefix("gw1.redacted.") if "redacted" in carried else "",
        calls=tuple(calls),
        finish=finish,
        prompt=usage.input_tokens,
        completion=usage.output_tokens,
        cached=usage.input_tokens_details.cached_tokens,
        cache_write=usage.input_tokens_details.cache_write_tokens,
        thought=usage.output_tokens_details.reasoning_tokens,
    )


def _response(status: int, headers: Any, body: bytes) -> Facts:
    got = openai_client(status, headers, body).responses.create(model="m", input="?")
    assert got.object == "response"
    assert got.id.startswith("resp_")
    return of_response(got)


def _response_stream(status: int, headers: Any, body: bytes) -> Facts:
    client = openai_client(status, headers, body)
    events = list(client.responses.create(model="m", input="?", stream=True))
    check_order(events)
    return of_response(events[-1].response)


def check_order(events: list[Any]) -> None:
    """The order of a response's events, and that the deltas are what the response says."""
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] in ("response.completed", "response.incomplete", "response.failed")
    place = None
    deltas: dict[int, str] = {}
    for event in events[2:-1]:
        if event.type == "response.output_item.added":
            assert place is None
            place = event.output_index
            assert place == len(deltas)
            deltas[place] = ""
        assert event.output_index == place
        if event.type.endswith(".delta"):
            deltas[place] += event.delta
        if event.type == "response.output_item.done":
            place = None
    assert place is None or kinds[-1] == "response.failed"
    if kinds[-1] == "response.failed":
        return
    output = events[-1].response.output
    assert len(output) == len(deltas)
    for index, item in enumerate(output):
        if item.type == "message":
            assert deltas[index] == "".join(part.text for part in item.content)
        elif item.type == "function_call":
            assert (deltas[index] or "{}") == item.arguments
        else:
            assert deltas[index] == "".join(part.text for part in item.summary)
