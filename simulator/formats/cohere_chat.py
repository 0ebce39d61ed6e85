"""Cohere's Chat, version 2: plain and streamed, with tools and their plan, thinking and JSON.

Source: the API reference of `POST /v2/chat`, of its stream events, and the types of the official
SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from simulator import content, tokens
from simulator.content import Ask, Reply, ToolCall
from simulator.formats.base import Call, text_of
from simulator.formats.cohere_request import (
    check_chat,
    fit_context,
    read_body,
    read_choice,
    read_schema,
    read_thinking,
    read_tools,
)
from simulator.formats.openai_request import SSE
from simulator.message import Answer, Chunk, Usage, encode_json, json_answer

_PLAN = 10
_FINISH = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "stop_sequence": "STOP_SEQUENCE",
}


def respond(call: Call) -> Answer:
    """Answer one chat request, or raise `Refused`."""
    body = read_body(call)
    messages = check_chat(body)
    prompt = sum(4 + tokens.count_prompt(_shown(message)) for message in messages)
    if body.get("tools"):
        prompt += tokens.count_prompt(encode_json(body["tools"]).decode())
    fit_context(call, prompt)
    ask = _ask(call, body, messages)
    reply = content.reply(ask)
    planned = bool(reply.calls) and not ask.thinking
    if planned:
        reply = content.reply(replace(ask, thinking=_PLAN))
    usage = Usage(
        input_tokens=prompt,
        output_tokens=reply.output_tokens,
        reasoning_tokens=len(reply.thinking),
    )
    identity = _identity(call)
    if body.get("stream"):
        chunks = tuple(_stream(call, identity, reply, usage, planned=planned))
        return Answer(200, SSE, chunks, None, usage=usage, model=ask.model)
    value = {
        "id": identity,
        "message": {"role": "assistant", **_message(reply, planned=planned)},
        "finish_reason": _FINISH[reply.finish],
        "usage": usage_json(usage),
    }
    return json_answer(200, value, (), usage, ask.model)


def usage_json(usage: Usage) -> dict[str, Any]:
    """The `usage` object: what is billed, what there was, and what came from the cache."""
    counted = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    return {"billed_units": counted, "tokens": counted, "cached_tokens": usage.cached_tokens}


def _identity(call: Call) -> str:
    name = call.digest[:16].hex()
    return f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"


def _shown(message: Mapping[str, Any]) -> str:
    calls = message.get("tool_calls")
    return text_of(message.get("content")) + (encode_json(calls).decode() if calls else "")


def _ask(call: Call, body: Mapping[str, Any], messages: list[dict[str, Any]]) -> Ask:
    tools = read_tools(body)
    choice = read_choice(body, tools)
    if choice == "auto" and messages[-1]["role"] == "tool":
        choice = "none"  # the results are in: a model would talk now
    users = (text_of(one.get("content")) for one in reversed(messages) if one["role"] == "user")
    return Ask(
        digest=call.digest,
        provider=call.provider.name,
        model=body["model"],
        prompt=next(users, ""),
        tools=tools,
        tool_choice=choice,
        max_tokens=body.get("max_tokens"),
        stop=tuple(body.get("stop_sequences") or ()),
        schema=read_schema(body),
        wanted=call.outcome.tokens,
        size=call.outcome.size,
        text=call.text,
        thinking=read_thinking(body),
    )


def _call_json(called: ToolCall, arguments: str) -> dict[str, Any]:
    function = {"name": called.name, "arguments": arguments}
    return {"id": f"{called.name}_{called.id[:12]}", "type": "function", "function": function}


def _message(reply: Reply, *, planned: bool) -> dict[str, Any]:
    message: dict[str, Any] = {}
    thought = "".join(reply.thinking)
    parts = [{"type": "thinking", "thinking": thought}] if thought and not planned else []
    if reply.calls:
        if planned:
            message["tool_plan"] = thought
        message["tool_calls"] = [_call_json(called, called.arguments) for called in reply.calls]
    else:
        parts.append({"type": "text", "text": reply.text})
    return {**message, "content": parts} if parts else message


def _stream(
    call: Call, identity: str, reply: Reply, usage: Usage, *, planned: bool
) -> Iterator[Chunk]:
    """The events: message-start, what is said or called one after another, message-end."""

    def event(kind: str, members: dict[str, Any], message: Any = None, cost: int = 0) -> Chunk:
        told = {"type": kind, **members}
        if message is not None:
            told["delta"] = {"message": message}
        delay = call.token_delay if cost else 0.0
        return _event(kind, told, cost, delay)

    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield event("message-start", {"id": identity}, empty)
    index = 0
    if planned:
        for part in reply.thinking:
            yield event("tool-plan-delta", {}, {"tool_plan": part}, 1)
    elif reply.thinking:
        place = {"index": index}
        yield event("content-start", place, {"content": {"type": "thinking", "thinking": ""}})
        for part in reply.thinking:
            yield event("content-delta", place, {"content": {"thinking": part}}, 1)
        yield event("content-end", place)
        index += 1
    if not reply.calls:
        place = {"index": index}
        yield event("content-start", place, {"content": {"type": "text", "text": ""}})
        for part in reply.parts:
            cost = tokens.count_output((part,))
            yield event("content-delta", place, {"content": {"text": part}}, cost)
        yield event("content-end", place)
    for number, called in enumerate(reply.calls):
        place = {"index": number}
        yield event("tool-call-start", place, {"tool_calls": _call_json(called, "")})
        for part in called.parts:
            yield event(
                "tool-call-delta", place, {"tool_calls": {"function": {"arguments": part}}}, 1
            )
        yield event("tool-call-end", place)
    last = {"finish_reason": _FINISH[reply.finish], "usage": usage_json(usage)}
    end = _event("message-end", {"type": "message-end", "id": identity, "delta": last})
    yield replace(end, terminal=True)
    yield Chunk(b"data: [DONE]\n\n", terminal=True)


def _event(kind: str, told: dict[str, Any], cost: int = 0, delay: float = 0.0) -> Chunk:
    return Chunk(b"event: %b\ndata: %b\n\n" % (kind.encode(), encode_json(told)), cost, delay)


def error_event(message: str) -> bytes:
    """The end of a stream whose model failed."""
    last = {"finish_reason": "ERROR", "error": message, "usage": usage_json(Usage())}
    return _event("message-end", {"type": "message-end", "delta": last}).data


def garbage(_call: Call) -> bytes:
    """An event whose data is no JSON."""
    return b'event: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"mess\n\n'
