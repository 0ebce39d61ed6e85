"""Bodies of requests, of every API, with a place for a value in each field that may hold one.

`fields(value)` gives each a name, the body, and whether the value stands in JSON in a string.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

BIG = 123456789012345678901234567890


def fields(value: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the bodies that hold a value, one field each."""
    for name, messages in _chat(value):
        yield f"chat {name}", {"model": "m", "messages": messages, "seed": BIG}
    for name, rest in _chat_rest(value):
        yield f"chat {name}", {"model": "m", "messages": [_user("hi")], **rest}
    yield "completions prompt", {"model": "m", "prompt": value}
    yield "completions prompts", {"model": "m", "prompt": ["a", value], "suffix": "b"}
    yield "completions suffix", {"model": "m", "prompt": "a", "suffix": value}
    yield "embeddings input", {"model": "m", "input": value}
    yield "embeddings inputs", {"model": "m", "input": ["a", f"b {value}"]}
    for name, rest in _responses(value):
        yield f"responses {name}", {"model": "m", **rest}
    for name, rest in _messages(value):
        yield f"messages {name}", {"model": "m", "max_tokens": 9, **rest}
    yield "unknown member", {"model": "m", "messages": [], "tomorrow": {"notes": [value]}}
    yield "unknown name", {"model": "m", "messages": [], "tomorrow": {value: 1}}


def _user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def _chat(value: str) -> Iterator[tuple[str, list[Any]]]:
    yield "user", [_user(value)]
    yield "system", [{"role": "system", "content": value}, _user("hi")]
    yield "developer", [{"role": "developer", "content": [{"type": "text", "text": value}]}]
    yield "part", [_user([{"type": "text", "text": "a"}, {"type": "text", "text": value}])]
    yield "assistant", [{"role": "assistant", "content": value}]
    yield "refusal", [{"role": "assistant", "content": None, "refusal": value}]
    yield "reasoning", [{"role": "assistant", "content": "a", "reasoning_content": value}]
    yield "tool result", [{"role": "tool", "tool_call_id": "call_1", "content": value}]
    yield (
        "tool result in JSON",
        [{"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"rows": [[value]]})}],
    )
    for name, arguments in (
        ("arguments", json.dumps({"to": value})),
        ("arguments, nested", json.dumps({"a": [{"b": {"c": value}}], "n": BIG})),
        ("arguments, a name", json.dumps({value: 1})),
        ("arguments, twice JSON", json.dumps({"body": json.dumps({"to": value})})),
        ("arguments, broken", json.dumps({"to": value})[:-1]),
        ("arguments, named as the API names", json.dumps({"id": value, "type": value})),
    ):
        call = {"id": "call_1", "type": "function", "function": {"name": "f"}}
        call["function"] = {"name": "f", "arguments": arguments}
        yield name, [{"role": "assistant", "content": None, "tool_calls": [call]}]
    yield (
        "custom tool",
        [
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c", "type": "custom", "custom": {"name": "f", "input": value}}
                ],
            }
        ],
    )
    yield "file name", [_user([{"type": "file", "file": {"filename": value, "file_id": "f"}}])]
    held = base64.b64encode(f"a\n{value}\n".encode()).decode()
    url = f"data:text/plain;charset=utf-8;base64,{held}"
    yield "text file", [_user([{"type": "file", "file": {"file_data": url}}])]
    held = base64.b64encode(json.dumps({"a": value}).encode()).decode()
    url = f"data:application/json;base64,{held}"
    yield "JSON file", [_user([{"type": "file", "file": {"file_data": url}}])]


def _chat_rest(value: str) -> Iterator[tuple[str, dict[str, Any]]]:
    schema = {"type": "object", "properties": {"a": {"type": "string", "description": value}}}
    function = {"name": "f", "description": "d", "parameters": schema}
    yield "tool schema", {"tools": [{"type": "function", "function": function}]}
    function = {"name": "f", "description": value, "parameters": {"type": "object"}}
    yield "tool description", {"tools": [{"type": "function", "function": function}]}
    schema = {"type": "object", "properties": {"a": {"enum": ["a", value]}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    yield "response format", {"response_format": wanted}
    yield "stop", {"stop": [value]}
    yield "prediction", {"prediction": {"type": "content", "content": value}}
    yield "metadata", {"metadata": {"note": value, value: "note"}}
    yield "user", {"user": value}


def _responses(value: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "input", {"input": value}
    yield "instructions", {"input": "a", "instructions": value}
    for name, item in (
        ("message", {"role": "user", "content": [{"type": "input_text", "text": value}]}),
        ("call", {"type": "function_call", "call_id": "c", "arguments": json.dumps({"a": value})}),
        ("output", {"type": "function_call_output", "call_id": "c", "output": value}),
        ("output in JSON", {"type": "function_call_output", "output": json.dumps([value])}),
        ("summary", {"type": "reasoning", "summary": [{"type": "summary_text", "text": value}]}),
        ("file", {"role": "user", "content": [{"type": "input_file", "filename": value}]}),
    ):
        yield name, {"input": [item]}
    yield "prompt variables", {"input": "a", "prompt": {"id": "p", "variables": {"v": value}}}


def _messages(value: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "system", {"system": value, "messages": [_user("a")]}
    yield "system block", {"system": [{"type": "text", "text": value}], "messages": []}
    for name, block in (
        ("text", {"type": "text", "text": value}),
        ("tool use", {"type": "tool_use", "id": "t", "name": "f", "input": {"a": {"b": value}}}),
        ("tool use, a name", {"type": "tool_use", "id": "t", "name": "f", "input": {value: 1}}),
        ("tool result", {"type": "tool_result", "tool_use_id": "t", "content": value}),
        (
            "tool result block",
            {"type": "tool_result", "content": [{"type": "text", "text": value}]},
        ),
        (
            "document",
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": value},
            },
        ),
        ("title", {"type": "document", "title": value, "source": {"type": "url", "url": "u"}}),
        ("context", {"type": "document", "context": value, "source": {"type": "url", "url": "u"}}),
        (
            "url",
            {"type": "image", "source": {"type": "url", "url": f"https://a.example/?q={value}"}},
        ),
        ("thinking", {"type": "thinking", "thinking": value, "signature": "s"}),
        (
            "search result",
            {"type": "search_result", "source": "s", "content": [{"type": "text", "text": value}]},
        ),
    ):
        yield name, {"messages": [{"role": "user", "content": [block]}]}
    tool = {"name": "f", "input_schema": {"type": "object", "properties": {value: {}}}}
    yield "tool property", {"messages": [], "tools": [tool]}
    yield "user id", {"messages": [], "metadata": {"user_id": value}}
