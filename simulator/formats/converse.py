"""Bedrock Converse and ConverseStream: text, tools, reasoning, structured answers, cache points.

Source: the service model of `bedrock-runtime` and the API reference of its two operations.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

from simulator import content, tokens
from simulator.content import Reply
from simulator.eventstream import CONTENT_TYPE, event
from simulator.formats.base import Call, Refused, read_object
from simulator.formats.converse_request import ask_of, check_request, count_prompt
from simulator.formats.converse_shape import check_count
from simulator.message import Answer, Chunk, Usage, json_answer

MALFORMED: Final = "Malformed input request, please reformat your input and try again."
_STREAM: Final = ((b"content-type", CONTENT_TYPE),)
_FINISH: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "guardrail_intervened",
    "content_filtered": "content_filtered",
}
_BLOCKED: Final = "Sorry, the model cannot answer this question."


def respond(call: Call, model: str, *, stream: bool, stopped: str = "") -> Answer:
    """Answer one request, or raise `Refused`.

    `stopped` is the reason for which somebody else than the model ends the answer, if any.
    """
    body = read_object(call.request.body, MALFORMED)
    check_request(body)
    prompt, marked = count_prompt(body)
    fit_context(call, prompt)
    reply = content.reply(ask_of(call, model, body))
    if stopped:
        words = tokens.pieces(_BLOCKED) if stopped == "guardrail_intervened" else ()
        reply = Reply(words, (), stopped)
    usage = Usage(
        input_tokens=prompt,
        output_tokens=max(1, reply.output_tokens),
        cached_tokens=marked // 2,
        cache_write_tokens=marked - marked // 2,
        reasoning_tokens=len(reply.thinking),
    )
    told: dict[str, Any] = {"usage": _usage_json(usage), "metrics": {"latencyMs": 1}}
    for name in ("performanceConfig", "serviceTier"):
        if body.get(name):
            told[name] = body[name]
    if stream:
        chunks = tuple(_events(call, reply, told, usage))
        return Answer(200, _STREAM, chunks, None, usage=usage, model=model)
    message = {"role": "assistant", "content": _blocks(call, reply)}
    value = {"output": {"message": message}, "stopReason": _FINISH[reply.finish], **told}
    return json_answer(200, value, (), usage, model)


def count(call: Call) -> Answer:
    """Answer one CountTokens request; nothing is billed."""
    body = read_object(call.request.body, MALFORMED)
    check_count(body)
    asked = body["input"]
    if asked.get("converse") is not None:
        check_request(asked["converse"])
        return json_answer(200, {"inputTokens": count_prompt(asked["converse"])[0]})
    inner = base64.b64decode(asked["invokeModel"]["body"])
    return json_answer(200, {"inputTokens": max(1, tokens.count_prompt(inner.decode()))})


def fit_context(call: Call, prompt_tokens: int) -> None:
    """Refuse a prompt that is longer than the provider's configured window."""
    window = call.provider.context_window
    if window is not None and prompt_tokens > window:
        raise Refused(f"Input is too long for requested model: {prompt_tokens} > {window}.")


def _usage_json(usage: Usage) -> dict[str, int]:
    """`inputTokens` leaves out what the cache read and wrote."""
    return {
        "inputTokens": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.input_tokens + usage.output_tokens,
        "cacheReadInputTokens": usage.cached_tokens,
        "cacheWriteInputTokens": usage.cache_write_tokens,
    }


def _signature(call: Call) -> str:
    return base64.b64encode(b"simulated" + call.digest).decode()


def _blocks(call: Call, reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.thinking:
        thoughts = {"text": "".join(reply.thinking), "signature": _signature(call)}
        blocks.append({"reasoningContent": {"reasoningText": thoughts}})
    if reply.parts:
        blocks.append({"text": reply.text})
    for called in reply.calls:
        arguments = json.loads(called.arguments)
        use = {"toolUseId": f"tooluse_{called.id}", "name": called.name, "input": arguments}
        blocks.append({"toolUse": use})
    return blocks


def _events(call: Call, reply: Reply, told: dict[str, Any], usage: Usage) -> Iterator[Chunk]:
    """The events: only a tool's block has a start; the usage follows messageStop."""
    yield Chunk(event("messageStart", {"role": "assistant"}))
    index = 0

    def delta(value: dict[str, Any], cost: int) -> Chunk:
        data = event("contentBlockDelta", {"contentBlockIndex": index, "delta": value})
        return Chunk(data, cost, call.token_delay if cost else 0.0)

    def stop() -> Chunk:
        return Chunk(event("contentBlockStop", {"contentBlockIndex": index}))

    if reply.thinking:
        for part in reply.thinking:
            yield delta({"reasoningContent": {"text": part}}, 1)
        yield delta({"reasoningContent": {"signature": _signature(call)}}, 0)
        yield stop()
        index += 1
    if reply.parts:
        for part in reply.parts:
            yield delta({"text": part}, tokens.count_output((part,)))
        yield stop()
        index += 1
    for called in reply.calls:
        opening = {"toolUse": {"toolUseId": f"tooluse_{called.id}", "name": called.name}}
        start = {"contentBlockIndex": index, "start": opening}
        yield Chunk(event("contentBlockStart", start))
        for part in called.parts:
            yield delta({"toolUse": {"input": part}}, 1)
        yield stop()
        index += 1
    # An empty answer still bills its one token: on the event that says so.
    unpaid = usage.output_tokens - reply.output_tokens
    reason = {"stopReason": _FINISH[reply.finish]}
    yield Chunk(event("messageStop", reason), unpaid, terminal=True)
    yield Chunk(event("metadata", told), terminal=True)
