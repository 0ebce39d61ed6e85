"""What OpenAI's responses say, as the official SDK has read them, and the order of events."""

from __future__ import annotations

import json
from typing import Any

from tests.translate.facts import Call, Facts


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
