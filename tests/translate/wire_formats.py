"""Facts as each provider would write them: an encoder a provider, independent of what is tested.

The shapes were checked against the parsers of the providers' own SDKs (`test_wire_formats.py`).
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.translate.facts import Call, Facts, compact

JSON = "application/json"
SSE = "text/event-stream"
AWS = "application/vnd.amazon.eventstream"


@dataclass(frozen=True)
class Wire:
    """How a provider writes: a whole body, a stream, and what of the facts it can say."""

    whole: Callable[[Facts], bytes]
    stream: Callable[[Facts], bytes]
    said: Callable[[Facts], Facts]
    stream_type: str = SSE


def sse(data: Any, event: str = "", end: str = "\n") -> bytes:
    named = f"event: {event}{end}" if event else ""
    text = data if isinstance(data, str) else compact(data)
    return f"{named}data: {text}{end}{end}".encode("utf-8", "replace")


def aws(payload: bytes, **headers: str) -> bytes:
    """One message of an AWS event stream."""
    block = b""
    for name, value in headers.items():
        key = ":" + name.replace("_", "-")
        raw = value.encode()
        block += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack("!H", len(raw)) + raw
    prelude = struct.pack("!II", 16 + len(block) + len(payload), len(block))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    message = prelude + block + payload
    return message + struct.pack("!I", zlib.crc32(message))


def aws_event(kind: str, fields: Any) -> bytes:
    padded = {**fields, "p": "abcdefgh"} if isinstance(fields, dict) else fields
    payload = compact(padded).encode("utf-8", "replace")
    return aws(payload, message_type="event", event_type=kind, content_type=JSON)


def halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [part for part in (text[:middle], text[middle:]) if part]


# --- OpenAI and its dialects -----------------------------------------------------------------

_OPENAI_FINISH = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "filtered": "content_filter",
}


def openai_usage(facts: Facts) -> dict[str, Any]:
    return {
        "prompt_tokens": facts.prompt,
        "completion_tokens": facts.completion,
        "total_tokens": facts.prompt + facts.completion,
        "prompt_tokens_details": {
            "cached_tokens": facts.cached,
            "cache_write_tokens": facts.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": facts.thought},
    }


def _openai_call(call: Call, arguments: str) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def openai_whole(facts: Facts, reasoning: str = "reasoning_content", finish: str = "") -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": facts.text or None, "refusal": None}
    if facts.reasoning:
        message[reasoning] = facts.reasoning
    if facts.calls:
        message["tool_calls"] = [
            _openai_call(call, compact(call.arguments) if call.arguments else "")
            for call in facts.calls
        ]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish or _OPENAI_FINISH[facts.finish],
    }
    body = {
        "id": "chatcmpl-up1",
        "object": "chat.completion",
        "created": 1,
        "model": "up-model",
        "choices": [choice],
        "usage": openai_usage(facts),
        "system_fingerprint": "fp",
    }
    return compact(body).encode()


def openai_stream(
    facts: Facts, reasoning: str = "reasoning_content", finish: str = "", *, azure: bool = False
) -> bytes:
    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return sse({**head, "choices": [choice], "usage": None})

    head = {
        "id": "chatcmpl-up1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "up-model",
    }
    out = b""
    if azure:
        out += sse({"choices": [], "created": 0, "id": "", "model": "", "object": "",
                    "prompt_filter_results": [{"prompt_index": 0}]})  # fmt: skip
    out += chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in halves(facts.reasoning):
        out += chunk({reasoning: piece})
    for piece in facts.pieces:
        out += chunk({"content": piece})
    for index, call in enumerate(facts.calls):
        start = {"index": index, **_openai_call(call, "")}
        out += chunk({"tool_calls": [start]})
        for piece in halves(compact(call.arguments)) if call.arguments else []:
            out += chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    out += chunk({}, finish or _OPENAI_FINISH[facts.finish])
    out += sse({**head, "choices": [], "usage": openai_usage(facts)})
    return out + sse("[DONE]")


def _openai_said(facts: Facts) -> Facts:
    finish = "stop" if facts.finish == "stop_sequence" else facts.finish
    return facts.but(signature="", redacted="", finish=finish)


def _mistral(facts: Facts, *, stream: bool) -> bytes:
    """Thinking is a part of the content, calls come whole, usage is plain."""
    usage = {
        "prompt_tokens": facts.prompt,
        "completion_tokens": facts.completion,
        "total_tokens": facts.prompt + facts.completion,
    }
    head = {"id": "up1", "object": "chat.completion", "created": 1, "model": "up-model"}
    thinking = [
        {
            "type": "thinking",
            "thinking": [{"type": "text", "text": facts.reasoning}],
            "closed": True,
        }
    ]
    calls = [
        {"index": index, **_openai_call(call, compact(call.arguments))}
        for index, call in enumerate(facts.calls)
    ]
    reason = _OPENAI_FINISH[facts.finish]
    reason = {"length": "model_length"}.get(reason, reason)
    if not stream:
        content: Any = facts.text
        if facts.reasoning:
            content = [*thinking, {"type": "text", "text": facts.text}]
        message = {"role": "assistant", "content": content, "tool_calls": calls or None}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return compact({**head, "choices": [choice], "usage": usage}).encode()

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse({**head, "object": "chat.completion.chunk", "choices": [choice], **more})

    out = chunk({"role": "assistant", "content": ""})
    if facts.reasoning:
        out += chunk({"content": thinking})
    for piece in facts.pieces:
        out += chunk({"content": piece})
    last: dict[str, Any] = {"content": ""}
    if calls:
        last["tool_calls"] = calls
    return out + chunk(last, reason, usage=usage) + sse("[DONE]")


def _mistral_said(facts: Facts) -> Facts:
    return _openai_said(facts).but(cached=0, cache_write=0, thought=0)


# --- Anthropic -------------------------------------------------------------------------------

_ANTHROPIC_FINISH = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "filtered": "refusal",
}


def anthropic_usage(facts: Facts) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "input_tokens": facts.prompt - facts.cached - facts.cache_write,
        "cache_read_input_tokens": facts.cached,
        "cache_creation_input_tokens": facts.cache_write,
        "output_tokens": facts.completion,
    }
    if facts.thought:
        usage["output_tokens_details"] = {"thinking_tokens": facts.thought}
    return usage


def anthropic_message(facts: Facts) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if facts.reasoning:
        content.append(
            {"type": "thinking", "thinking": facts.reasoning, "signature": facts.signature}
        )
    if facts.redacted:
        content.append({"type": "redacted_thinking", "data": facts.redacted})
    if facts.text:
        content.append({"type": "text", "text": facts.text, "citations": None})
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
        for call in facts.calls
    ]
    return {
        "id": "msg_up1",
        "type": "message",
        "role": "assistant",
        "model": "up-model",
        "content": content,
        "stop_reason": _ANTHROPIC_FINISH[facts.finish],
        "stop_sequence": "##" if facts.finish == "stop_sequence" else None,
        "usage": anthropic_usage(facts),
    }


def anthropic_events(facts: Facts) -> list[dict[str, Any]]:
    message = anthropic_message(facts)
    opening = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    opening["usage"] = {**message["usage"], "output_tokens": 1}
    opening["usage"].pop("output_tokens_details", None)
    events: list[dict[str, Any]] = [{"type": "message_start", "message": opening}, {"type": "ping"}]
    index = 0

    def block(start: dict[str, Any], deltas: list[dict[str, Any]]) -> None:
        nonlocal index
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events.extend({"type": "content_block_delta", "index": index, "delta": d} for d in deltas)
        events.append({"type": "content_block_stop", "index": index})
        index += 1

    if facts.reasoning:
        thoughts = [{"type": "thinking_delta", "thinking": p} for p in halves(facts.reasoning)]
        signed = {"type": "signature_delta", "signature": facts.signature}
        block({"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signed])
    if facts.redacted:
        block({"type": "redacted_thinking", "data": facts.redacted}, [])
    if facts.text:
        block(
            {"type": "text", "text": ""}, [{"type": "text_delta", "text": p} for p in facts.pieces]
        )
    for call in facts.calls:
        pieces = halves(compact(call.arguments)) if call.arguments else []
        deltas = [{"type": "input_json_delta", "partial_json": p} for p in ("", *pieces)]
        if not call.arguments:
            deltas = []
        block({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}, deltas)
    delta = {name: message[name] for name in ("stop_reason", "stop_sequence")}
    events.append({"type": "message_delta", "delta": delta, "usage": message["usage"]})
    events.append({"type": "message_stop"})
    return events


def _anthropic_stream(facts: Facts) -> bytes:
    return b"".join([sse(event, event["type"]) for event in anthropic_events(facts)])


def _invoke_stream(facts: Facts) -> bytes:
    out = b""
    for event in anthropic_events(facts):
        out += aws_event("chunk", {"bytes": base64.b64encode(compact(event).encode()).decode()})
    return out


# --- Bedrock Converse ------------------------------------------------------------------------

_CONVERSE_FINISH = {**_ANTHROPIC_FINISH, "filtered": "guardrail_intervened"}


def _converse_usage(facts: Facts) -> dict[str, Any]:
    return {
        "inputTokens": facts.prompt - facts.cached - facts.cache_write,
        "outputTokens": facts.completion,
        "totalTokens": facts.prompt + facts.completion,
        "cacheReadInputTokens": facts.cached,
        "cacheWriteInputTokens": facts.cache_write,
    }


def _converse_whole(facts: Facts) -> bytes:
    content: list[dict[str, Any]] = []
    if facts.reasoning:
        told = {"text": facts.reasoning, "signature": facts.signature}
        content.append({"reasoningContent": {"reasoningText": told}})
    if facts.redacted:
        content.append({"reasoningContent": {"redactedContent": facts.redacted}})
    content += [{"text": piece} for piece in halves(facts.text)]  # several blocks of text
    for call in facts.calls:
        use = {"toolUseId": call.id, "name": call.name, "input": call.arguments}
        content.append({"toolUse": use})
    body = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _CONVERSE_FINISH[facts.finish],
        "usage": _converse_usage(facts),
        "metrics": {"latencyMs": 5},
    }
    return compact(body).encode()


def _converse_stream(facts: Facts) -> bytes:
    out = aws_event("messageStart", {"role": "assistant"})
    index = 0

    def delta(inner: dict[str, Any]) -> bytes:
        return aws_event("contentBlockDelta", {"contentBlockIndex": index, "delta": inner})

    def stop() -> bytes:
        nonlocal index
        index += 1
        return aws_event("contentBlockStop", {"contentBlockIndex": index - 1})

    if facts.reasoning:
        for piece in halves(facts.reasoning):
            out += delta({"reasoningContent": {"text": piece}})
        out += delta({"reasoningContent": {"signature": facts.signature}}) + stop()
    if facts.redacted:
        out += delta({"reasoningContent": {"redactedContent": facts.redacted}}) + stop()
    if facts.text:
        for piece in facts.pieces:
            out += delta({"text": piece})
        out += stop()
    for call in facts.calls:
        start = {"toolUse": {"toolUseId": call.id, "name": call.name}}
        out += aws_event("contentBlockStart", {"contentBlockIndex": index, "start": start})
        for piece in halves(compact(call.arguments)) if call.arguments else []:
            out += delta({"toolUse": {"input": piece}})
        out += stop()
    out += aws_event("messageStop", {"stopReason": _CONVERSE_FINISH[facts.finish]})
    return out + aws_event(
        "metadata", {"usage": _converse_usage(facts), "metrics": {"latencyMs": 5}}
    )


def _converse_said(facts: Facts) -> Facts:
    return facts.but(thought=0)


# --- Gemini ----------------------------------------------------------------------------------

_GEMINI_FINISH = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "filtered": "SAFETY",
}


def _gemini_usage(facts: Facts) -> dict[str, Any]:
    return {
        "promptTokenCount": facts.prompt,
        "candidatesTokenCount": facts.completion - facts.thought,
        "thoughtsTokenCount": facts.thought,
        "cachedContentTokenCount": facts.cached,
        "totalTokenCount": facts.prompt + facts.completion,
    }


def _gemini_parts(facts: Facts) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if facts.reasoning:
        parts.append({"text": facts.reasoning, "thought": True})
    parts += [{"text": piece} for piece in facts.pieces]
    parts += [
        {"functionCall": {"name": call.name, "args": call.arguments, "id": call.id}}
        for call in facts.calls
    ]
    return parts


def _gemini(parts: list[dict[str, Any]], facts: Facts, finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": _gemini_usage(facts),
        "modelVersion": "up-model",
        "responseId": "up1",
    }


def _gemini_whole(facts: Facts) -> bytes:
    body = _gemini(_gemini_parts(facts), facts, _GEMINI_FINISH[facts.finish])
    return json.dumps(body, indent=2).encode()


def _gemini_stream(facts: Facts) -> bytes:
    out = b""
    for part in _gemini_parts(facts):
        out += sse(_gemini([part], facts, None), end="\r\n")
    return out + sse(_gemini([], facts, _GEMINI_FINISH[facts.finish]), end="\r\n")


def _gemini_said(facts: Facts) -> Facts:
    finish = "stop" if facts.finish == "stop_sequence" else facts.finish
    return facts.but(signature="", redacted="", finish=finish, cache_write=0)


# --- Cohere ----------------------------------------------------------------------------------

_COHERE_FINISH = {
    "stop": "COMPLETE",
    "stop_sequence": "STOP_SEQUENCE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "filtered": "ERROR_TOXIC",
}


def _cohere_usage(facts: Facts) -> dict[str, Any]:
    counts = {"input_tokens": float(facts.prompt), "output_tokens": float(facts.completion)}
    billed = {"input_tokens": 1.0, "output_tokens": 1.0}
    return {"billed_units": billed, "tokens": counts, "cached_tokens": float(facts.cached)}


def _cohere_whole(facts: Facts) -> bytes:
    message: dict[str, Any] = {"role": "assistant"}
    content = []
    if facts.reasoning:
        content.append({"type": "thinking", "thinking": facts.reasoning})
    if facts.text:
        content.append({"type": "text", "text": facts.text})
    if content:
        message["content"] = content
    if facts.calls:
        message["tool_calls"] = [_openai_call(c, compact(c.arguments)) for c in facts.calls]
    body = {
        "id": "up1",
        "message": message,
        "finish_reason": _COHERE_FINISH[facts.finish],
        "usage": _cohere_usage(facts),
    }
    return compact(body).encode()


def _cohere_stream(facts: Facts) -> bytes:
    def event(kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, **fields}, kind)

    out = event("message-start", id="up1", delta={"message": {"role": "assistant"}})
    index = 0
    for kind, pieces in (("thinking", halves(facts.reasoning)), ("text", list(facts.pieces))):
        if not pieces:
            continue
        start = {"message": {"content": {"type": kind, kind: ""}}}
        out += event("content-start", index=index, delta=start)
        for piece in pieces:
            delta = {"message": {"content": {kind: piece}}}
            out += event("content-delta", index=index, delta=delta)
        out += event("content-end", index=index)
        index += 1
    for number, call in enumerate(facts.calls):
        start = {"message": {"tool_calls": _openai_call(call, "")}}
        out += event("tool-call-start", index=number, delta=start)
        for piece in halves(compact(call.arguments)) if call.arguments else []:
            heard = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            out += event("tool-call-delta", index=number, delta=heard)
        out += event("tool-call-end", index=number)
    last = {"finish_reason": _COHERE_FINISH[facts.finish], "usage": _cohere_usage(facts)}
    return out + event("message-end", delta=last) + sse("[DONE]")


def _cohere_said(facts: Facts) -> Facts:
    return facts.but(signature="", redacted="", cache_write=0, thought=0)


WIRES: dict[str, Wire] = {
    "openai": Wire(openai_whole, openai_stream, _openai_said),
    "azure": Wire(openai_whole, lambda f: openai_stream(f, azure=True), _openai_said),
    "vllm": Wire(
        lambda f: openai_whole(f, "reasoning", "stop" if f.calls else ""),
        lambda f: openai_stream(f, "reasoning", "stop" if f.calls else ""),
        _openai_said,
    ),
    "mistral": Wire(
        lambda f: _mistral(f, stream=False), lambda f: _mistral(f, stream=True), _mistral_said
    ),
    "anthropic": Wire(
        lambda f: compact(anthropic_message(f)).encode(), _anthropic_stream, lambda f: f
    ),
    "anthropic_bedrock": Wire(
        lambda f: compact(anthropic_message(f)).encode(), _invoke_stream, lambda f: f, AWS
    ),
    "bedrock": Wire(_converse_whole, _converse_stream, _converse_said, AWS),
    "gemini": Wire(_gemini_whole, _gemini_stream, _gemini_said),
    "cohere": Wire(_cohere_whole, _cohere_stream, _cohere_said),
}
