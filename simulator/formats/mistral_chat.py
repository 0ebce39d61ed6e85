"""Mistral's chat completions: plain and streamed, with tools, thinking and structured answers.

Source: the API reference of `POST /v1/chat/completions` and the types of the official SDK. Ids of
calls are nine letters and digits, a streamed call comes whole in one chunk, and usage comes
unasked in the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from simulator import content, tokens
from simulator.content import Ask, Reply, ToolCall
from simulator.formats.base import Call, Refused, read_object, text_of
from simulator.formats.mistral_request import (
    check_chat,
    read_choice,
    read_schema,
    read_thinking,
    read_tools,
    wrong,
)
from simulator.formats.openai_request import CREATED, SSE
from simulator.message import Answer, Chunk, Usage, encode_json, json_answer


def read_body(call: Call) -> dict[str, Any]:
    """The body as an object that names a model this provider has, or `Refused`."""
    body = read_object(call.request.body, "The request body is not valid JSON.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise wrong("missing", "Field required", body.get("model"), "model")
    if call.provider.models and model not in call.provider.models:
        raise Refused(f"Invalid model: {model}", code="invalid_model")
    return body


def respond(call: Call) -> Answer:
    """Answer one chat request, or raise `Refused` or `Invalid`."""
    body = read_body(call)
    messages = check_chat(body)
    tools = read_tools(body)
    choice = read_choice(body, tools)
    if choice == "auto" and messages[-1]["role"] == "tool":
        choice = "none"  # the results are in: a model would talk now
    prompt = sum(4 + tokens.count_prompt(_shown(message)) for message in messages)
    if tools:
        prompt += tokens.count_prompt(encode_json(body["tools"]).decode())
    limit, room = body.get("max_tokens"), _room(call, prompt)
    users = (text_of(one.get("content")) for one in reversed(messages) if one["role"] == "user")
    stop = body.get("stop") or ()
    ask = Ask(
        digest=call.digest,
        provider=call.provider.name,
        model=body["model"],
        prompt=next(users, ""),
        tools=tools,
        tool_choice=choice,
        parallel_tools=body.get("parallel_tool_calls") is not False,
        max_tokens=room if limit is None else limit if room is None else min(limit, room),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        schema=read_schema(body),
        wanted=call.outcome.tokens,
        size=call.outcome.size,
        text=call.text,
        thinking=read_thinking(body),
    )
    replies = tuple(content.reply(ask, index) for index in range(body.get("n") or 1))
    if room is not None and (limit is None or room < limit):
        replies = tuple(_full(reply) for reply in replies)
    usage = Usage(
        input_tokens=prompt,
        output_tokens=sum(reply.output_tokens for reply in replies),
        reasoning_tokens=sum(len(reply.thinking) for reply in replies),
    )
    head = {"id": call.digest[:16].hex(), "created": CREATED, "model": ask.model}
    logprobs = body.get("logprobs") is True
    if body.get("stream"):
        chunks = tuple(_stream(call, head, replies, usage, logprobs=logprobs))
        return Answer(200, SSE, chunks, None, usage=usage, model=ask.model)
    choices = [
        {
            "index": index,
            "finish_reason": _finish(reply),
            "message": _message(reply),
            **_probable(reply.parts, wanted=logprobs),
        }
        for index, reply in enumerate(replies)
    ]
    value = {
        **head,
        "object": "chat.completion",
        "usage": usage_json(usage),
        "choices": choices,
    }
    return json_answer(200, value, (), usage, ask.model)


def usage_json(usage: Usage) -> dict[str, Any]:
    """The `usage` object."""
    return {
        "prompt_tokens": usage.input_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "completion_tokens": usage.output_tokens,
    }


def _shown(message: Mapping[str, Any]) -> str:
    calls = message.get("tool_calls")
    return text_of(message.get("content")) + (encode_json(calls).decode() if calls else "")


def _room(call: Call, prompt: int) -> int | None:
    """What the window leaves for an answer, or `Refused` when the prompt alone fills it."""
    window = call.provider.context_window
    if window is None:
        return None
    if prompt >= window:
        raise Refused(
            f"Prompt contains {prompt} tokens and 0 draft tokens, too large for model with "
            f"{window} maximum context length",
            code="invalid_request_prompt",
        )
    return window - prompt


def _full(reply: Reply) -> Reply:
    """A reply that was cut because the window is full, and not because of a limit."""
    return replace(reply, finish="model_length") if reply.finish == "length" else reply


def _finish(reply: Reply) -> str:
    return "stop" if reply.finish == "stop_sequence" else reply.finish


def _call_json(called: ToolCall, index: int) -> dict[str, Any]:
    function = {"name": called.name, "arguments": called.arguments}
    return {"id": called.id[:9], "type": "function", "function": function, "index": index}


def _thought(text: str) -> list[dict[str, Any]]:
    return [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]


def _message(reply: Reply) -> dict[str, Any]:
    said: Any = reply.text
    if reply.thinking:
        said = [*_thought("".join(reply.thinking)), {"type": "text", "text": reply.text}]
    calls = [_call_json(called, at) for at, called in enumerate(reply.calls)] or None
    return {"role": "assistant", "tool_calls": calls, "content": said}


def _probable(parts: tuple[str, ...], *, wanted: bool) -> dict[str, Any]:
    """How probable each token was, with its number; nothing unless it was asked."""
    if not wanted:
        return {}
    told = [
        {
            "token": part,
            "logprob": -0.1,
            "bytes": list(part.encode("utf-8", "replace")),
            "token_id": len(part),
            "top_logprobs": [],
        }
        for part in parts
    ]
    return {"logprobs": {"content": told}}


def _stream(
    call: Call,
    head: dict[str, Any],
    replies: tuple[Reply, ...],
    usage: Usage,
    *,
    logprobs: bool,
) -> Iterator[Chunk]:
    """The chunks: the role, thinking, text or calls; the last one says why and what it cost."""

    def event(
        index: int, delta: Any, cost: int = 0, finish: str | None = None, said: str = ""
    ) -> Chunk:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        choice |= _probable((said,), wanted=logprobs and bool(said))
        value = {**head, "object": "chat.completion.chunk", "choices": [choice]}
        if finish and index == len(replies) - 1:
            value["usage"] = usage_json(usage)
        delay = call.token_delay if cost else 0.0
        return Chunk(b"data: " + encode_json(value) + b"\n\n", cost, delay)

    for index, reply in enumerate(replies):
        yield event(index, {"role": "assistant", "content": ""})
        for part in reply.thinking:
            yield event(index, {"content": _thought(part)}, 1)
        for part in reply.parts:
            yield event(index, {"content": part}, tokens.count_output((part,)), said=part)
        finish = _finish(reply)
        if not reply.calls:
            yield event(index, {"content": ""}, 0, finish)
        for at, called in enumerate(reply.calls):
            last = at == len(reply.calls) - 1
            delta = {"content": "", "tool_calls": [_call_json(called, at)]}
            cost = tokens.count_output(called.parts)
            yield event(index, delta, cost, finish if last else None)
    yield Chunk(b"data: [DONE]\n\n", terminal=True)
