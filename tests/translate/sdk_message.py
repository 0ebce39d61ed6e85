"""What Anthropic's messages say, as the official SDK has read them, and the grammar of streams."""

from __future__ import annotations

import json
from typing import Any

from tests.translate.facts import Call, Facts

_MESSAGE_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "filtered",
}


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
