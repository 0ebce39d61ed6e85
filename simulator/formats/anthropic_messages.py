"""Anthropic Messages: plain and streamed, with tools and thinking, and the token counter.

Source: the API reference of `POST /v1/messages`, of its stream events and of
`POST /v1/messages/count_tokens`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from simulator import content, tokens
from simulator.content import Ask, Reply, ToolCall
from simulator.formats.anthropic_request import (
    count_prompt,
    fit_context,
    read,
    read_schema,
    read_thinking,
    read_tool_choice,
    read_tools,
)
from simulator.formats.base import Call, text_of
from simulator.message import Answer, Chunk, Usage, encode_json, json_answer

_SSE = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))
_FINISH = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
}


def respond(call: Call) -> Answer:
    """Answer one Messages request, or raise `Refused`."""
    return answer(call, read(call))


def answer(call: Call, body: dict[str, Any]) -> Answer:
    """The answer to a request that was checked, wherever it stood that names the model."""
    ask = _ask(call, body)
    prompt, marked = count_prompt(body)
    fit_context(call, prompt)
    reply = content.reply(ask)
    # Half of the marked prefix counts as read from the cache and half as written to it: both
    # prices take part in every cached request, and no answer depends on an earlier one.
    usage = Usage(
        input_tokens=prompt,
        output_tokens=max(1, reply.output_tokens),
        cached_tokens=marked // 2,
        cache_write_tokens=marked - marked // 2,
        reasoning_tokens=len(reply.thinking),
    )
    message: dict[str, Any] = {
        "id": "msg_" + call.digest[:12].hex(),
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }
    thinking = body.get("thinking")
    hidden = isinstance(thinking, dict) and thinking.get("display") == "omitted"
    if body.get("stream"):
        chunks = tuple(_stream(call, message, reply, usage, hidden=hidden))
        return Answer(200, _SSE, chunks, None, usage=usage, model=ask.model)
    message |= {
        "content": _blocks(call, reply, hidden=hidden),
        "stop_reason": _FINISH[reply.finish],
        "stop_sequence": reply.stop_sequence,
        "usage": _usage_json(usage, usage.output_tokens),
    }
    return json_answer(200, message, (), usage, ask.model)


def count(call: Call) -> Answer:
    """Answer one token counting request; nothing is billed."""
    body = read(call, counting=True)
    read_tools(body)
    return json_answer(200, {"input_tokens": count_prompt(body)[0]})


def _ask(call: Call, body: Mapping[str, Any]) -> Ask:
    tools = read_tools(body)
    choice, parallel = read_tool_choice(body, tools)
    messages = body["messages"]
    last = messages[-1]["content"]
    if choice == "auto" and isinstance(last, list):
        # The results are in: a model would talk now.
        choice = "none" if any(part["type"] == "tool_result" for part in last) else "auto"
    users = (message["content"] for message in reversed(messages) if message["role"] == "user")
    return Ask(
        digest=call.digest,
        provider=call.provider.name,
        model=body["model"],
        prompt=text_of(next(users, "")),
        tools=tools,
        tool_choice=choice,
        parallel_tools=parallel,
        max_tokens=body["max_tokens"],
        stop=tuple(body.get("stop_sequences") or ()),
        schema=read_schema(body),
        wanted=call.outcome.tokens,
        size=call.outcome.size,
        text=call.text,
        thinking=read_thinking(body),
    )


def _usage_json(usage: Usage, output_tokens: int) -> dict[str, Any]:
    """The `usage` of a message: `input_tokens` leaves out what the cache read and wrote."""
    return {
        "input_tokens": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _signature(call: Call) -> str:
    return base64.b64encode(b"simulated" + call.digest).decode()


def _call_block(called: ToolCall, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{called.id}", "name": called.name, "input": arguments}


def _blocks(call: Call, reply: Reply, *, hidden: bool) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.thinking:
        shown = "" if hidden else "".join(reply.thinking)
        blocks.append({"type": "thinking", "thinking": shown, "signature": _signature(call)})
    if reply.parts:
        blocks.append({"type": "text", "text": reply.text, "citations": None})
    blocks += [_call_block(called, json.loads(called.arguments)) for called in reply.calls]
    return blocks


def _stream(
    call: Call, message: dict[str, Any], reply: Reply, usage: Usage, *, hidden: bool
) -> Iterator[Chunk]:
    """The events: message_start, blocks one after another, message_delta, message_stop.

    The usage of message_delta is cumulative and stands beside that of message_start.
    """
    start = {**message, "usage": _usage_json(usage, 1)}
    yield _event("message_start", {"message": start})
    blocks = _block_deltas(call, reply, hidden=hidden)
    for index, (opening, deltas) in enumerate(blocks):
        yield _event("content_block_start", {"index": index, "content_block": opening})
        if index == 0:
            yield _event("ping", {})
        for delta, cost in deltas:
            delay = call.token_delay if cost else 0.0
            yield _event("content_block_delta", {"index": index, "delta": delta}, cost, delay)
        yield _event("content_block_stop", {"index": index})
    delta = {
        "stop_reason": _FINISH[reply.finish],
        "stop_sequence": reply.stop_sequence,
        "stop_details": None,
    }
    final = _usage_json(usage, usage.output_tokens)
    del final["cache_creation"], final["service_tier"]
    if usage.reasoning_tokens:
        final["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    # An empty answer still bills its one token: on the event that says so.
    unpaid = usage.output_tokens - reply.output_tokens
    yield _event("message_delta", {"delta": delta, "usage": final}, unpaid)
    yield _event("message_stop", {}, terminal=True)


def _block_deltas(
    call: Call, reply: Reply, *, hidden: bool
) -> Iterator[tuple[dict[str, Any], list[tuple[dict[str, Any], int]]]]:
    """Each block as it opens, with its deltas and the tokens each of them bills."""
    if reply.thinking:
        thoughts = [
            ({"type": "thinking_delta", "thinking": "" if hidden else part}, 1)
            for part in reply.thinking
        ]
        signature = ({"type": "signature_delta", "signature": _signature(call)}, 0)
        opening = {"type": "thinking", "thinking": "", "signature": ""}
        yield opening, [*thoughts, signature]
    if reply.parts:
        said = [
            ({"type": "text_delta", "text": part}, tokens.count_output((part,)))
            for part in reply.parts
        ]
        yield {"type": "text", "text": ""}, said
    for called in reply.calls:
        pieces = [
            ({"type": "input_json_delta", "partial_json": part}, 1 if part else 0)
            for part in ("", *called.parts)
        ]
        yield _call_block(called, {}), pieces


def _event(
    name: str, data: dict[str, Any], cost: int = 0, delay: float = 0.0, *, terminal: bool = False
) -> Chunk:
    body = encode_json({"type": name, **data})
    return Chunk(b"event: %b\ndata: %b\n\n" % (name.encode(), body), cost, delay, terminal)
