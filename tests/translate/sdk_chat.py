"""What chat completions and completions say, as the official SDK has read them."""

from __future__ import annotations

import json
from typing import Any

from tests.translate.facts import Call, Facts

_TEXT_FINISH = {"content_filter": "filtered"}


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


def of_completion(got: Any) -> Facts:
    """What a completion says."""
    assert got.object == "text_completion"
    choice = got.choices[0]
    finish = _TEXT_FINISH.get(choice.finish_reason, choice.finish_reason)
    return Facts(text=choice.text, finish=finish, **_usage(got.usage))


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
