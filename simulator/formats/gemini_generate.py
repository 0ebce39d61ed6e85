"""Gemini's generateContent and streamGenerateContent: candidates, thoughts, function calls.

Source: the API reference of both and of `GenerateContentResponse`. A stream is of SSE with
`alt=sse` (lines end with CRLF, nothing says that it is over but a finish reason), else an array.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

from simulator import content, tokens
from simulator.content import Reply
from simulator.formats.base import Call, Refused
from simulator.formats.gemini_request import ask_of, count_prompt
from simulator.message import Answer, Chunk, Usage, encode_json, json_answer

_SSE: Final = ((b"content-type", b"text/event-stream"),)
_ARRAY: Final = ((b"content-type", b"application/json; charset=UTF-8"),)
_FINISH: Final = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "stop_sequence": "STOP",
}
_CREATED: Final = "2025-01-01T00:00:00Z"
_CACHED_FROM: Final = 1024


def respond(call: Call, model: str, body: dict[str, Any], *, stream: bool, vertex: bool) -> Answer:
    """Answer one checked request, or raise `Refused`."""
    prompt = count_prompt(body)
    window = call.provider.context_window
    if window is not None and prompt > window:
        raise Refused(
            f"The input token count ({prompt}) exceeds the maximum number of tokens allowed "
            f"({window})."
        )
    config = body.get("generationConfig") or {}
    ask = ask_of(call, model, body)
    replies = [content.reply(ask, index) for index in range(config.get("candidateCount") or 1)]
    usage = Usage(
        input_tokens=prompt,
        output_tokens=sum(reply.output_tokens for reply in replies),
        cached_tokens=prompt // 2 if prompt >= _CACHED_FROM else 0,
        reasoning_tokens=sum(len(reply.thinking) for reply in replies),
    )
    shown = bool((config.get("thinkingConfig") or {}).get("includeThoughts"))
    head = _head(call, model, vertex=vertex)
    logprobs = config.get("responseLogprobs") is True
    if stream:
        pieces = list(_pieces(call, replies, shown=shown, logprobs=logprobs))
        sse = "alt=sse" in call.request.query.split("&")
        chunks = tuple(_chunks(call, pieces, head, usage, sse=sse, vertex=vertex))
        return Answer(200, _SSE if sse else _ARRAY, chunks, None, usage=usage, model=model)
    candidates = [
        _candidate(call, index, reply, shown=shown, logprobs=logprobs)
        for index, reply in enumerate(replies)
    ]
    value = {"candidates": candidates, "usageMetadata": _usage(usage, vertex=vertex), **head}
    return json_answer(200, value, (), usage, model)


def blocked(call: Call, model: str, reason: str, *, stream: bool, vertex: bool) -> Answer:
    """200 and no content: the prompt is blocked, or a candidate ends for a reason at once."""
    usage = Usage(input_tokens=8)
    value: dict[str, Any] = {
        "usageMetadata": _usage(usage, vertex=vertex),
        **_head(call, model, vertex=vertex),
    }
    if reason == "content_filter":
        value["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}
    else:
        value["candidates"] = [{"content": {"role": "model"}, "finishReason": reason, "index": 0}]
    if not stream:
        return json_answer(200, value, (), usage, model)
    sse = "alt=sse" in call.request.query.split("&")
    chunk = Chunk(_framed(value, first=True, last=True, sse=sse), terminal=True)
    return Answer(200, _SSE if sse else _ARRAY, (chunk,), None, usage=usage, model=model)


def _head(call: Call, model: str, *, vertex: bool) -> dict[str, Any]:
    head: dict[str, Any] = {"modelVersion": model, "responseId": call.digest[:12].hex()}
    return head | {"createTime": _CREATED} if vertex else head


def _usage(usage: Usage, *, vertex: bool) -> dict[str, Any]:
    """`candidatesTokenCount` leaves the thoughts out; what was cached is part of the prompt."""
    told: dict[str, Any] = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input_tokens}],
    }
    if usage.reasoning_tokens:
        told["thoughtsTokenCount"] = usage.reasoning_tokens
    if usage.cached_tokens:
        told["cachedContentTokenCount"] = usage.cached_tokens
    if vertex:
        told["trafficType"] = "ON_DEMAND"
    return told


def _signature(call: Call) -> str:
    return base64.b64encode(b"simulated" + call.digest).decode()


def _call_part(call: Call, reply: Reply, number: int) -> dict[str, Any]:
    """A call; the first one of a step carries the signature."""
    called = reply.calls[number]
    part: dict[str, Any] = {
        "functionCall": {"name": called.name, "args": json.loads(called.arguments)}
    }
    if number == 0:
        part["thoughtSignature"] = _signature(call)
    return part


def _logprobs(parts: tuple[str, ...]) -> dict[str, Any]:
    chosen = [{"token": part, "tokenId": 1, "logProbability": -0.1} for part in parts]
    return {"chosenCandidates": chosen, "topCandidates": [{"candidates": [one]} for one in chosen]}


def _candidate(
    call: Call, index: int, reply: Reply, *, shown: bool, logprobs: bool
) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if reply.thinking and shown:
        parts.append({"text": "".join(reply.thinking), "thought": True})
    if reply.parts:
        said: dict[str, Any] = {"text": reply.text}
        if reply.thinking:
            said["thoughtSignature"] = _signature(call)
        parts.append(said)
    parts += [_call_part(call, reply, number) for number in range(len(reply.calls))]
    candidate: dict[str, Any] = {
        "content": {"parts": parts, "role": "model"} if parts else {"role": "model"},
        "finishReason": _FINISH[reply.finish],
        "index": index,
    }
    if logprobs:
        candidate |= {"avgLogprobs": -0.1, "logprobsResult": _logprobs(reply.parts)}
    return candidate


def _pieces(
    call: Call, replies: list[Reply], *, shown: bool, logprobs: bool
) -> Iterator[tuple[dict[str, Any], int]]:
    """The candidate of each chunk and the tokens it carries; a call comes whole."""
    for index, reply in enumerate(replies):

        def piece(part: dict[str, Any], at: int = index) -> dict[str, Any]:
            return {"content": {"parts": [part], "role": "model"}, "index": at}

        unseen = 0 if shown else len(reply.thinking)
        if shown:
            for text in reply.thinking:
                yield piece({"text": text, "thought": True}), 1
        for text in reply.parts:
            said = piece({"text": text})
            if logprobs:
                said["logprobsResult"] = _logprobs((text,))
            # What was thought unseen has been paid for once the first token is out.
            yield said, tokens.count_output((text,)) + unseen
            unseen = 0
        for number, called in enumerate(reply.calls):
            yield piece(_call_part(call, reply, number)), tokens.count_output(called.parts) + unseen
            unseen = 0
        last: dict[str, Any] = {"text": ""}
        if reply.thinking and reply.parts:
            last["thoughtSignature"] = _signature(call)
        yield piece(last) | {"finishReason": _FINISH[reply.finish]}, unseen


def _chunks(
    call: Call,
    pieces: list[tuple[dict[str, Any], int]],
    head: dict[str, Any],
    usage: Usage,
    *,
    sse: bool,
    vertex: bool,
) -> Iterator[Chunk]:
    """The chunks, each with the usage so far; only the last one's counts."""
    sent = 0
    for at, (candidate, cost) in enumerate(pieces):
        last = at + 1 == len(pieces)
        sent += cost
        so_far = usage if last else Usage(usage.input_tokens, sent, usage.cached_tokens)
        told = _usage(so_far, vertex=vertex)
        value = {"candidates": [candidate], "usageMetadata": told, **head}
        data = _framed(value, first=at == 0, last=last, sse=sse)
        yield Chunk(data, cost, call.token_delay if cost else 0.0, terminal=last)


def _framed(value: dict[str, Any], *, first: bool, last: bool, sse: bool) -> bytes:
    if sse:
        return b"data: " + encode_json(value) + b"\r\n\r\n"
    return (b"[" if first else b",\r\n") + encode_json(value) + (b"\n]" if last else b"")
