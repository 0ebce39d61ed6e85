"""What Mistral checks in a chat request: no members but its schema's, ids, and order of messages.

Source: the schema `ChatCompletionRequest` of the official SDK, and the rules on messages of
`mistral-common`, whose words the API answers with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simulator.content import Tool
from simulator.formats.base import Refused, is_count, is_number
from simulator.formats.openai_request import EFFORT

_MEMBERS = frozenset(
    [
        "model",
        "messages",
        "temperature",
        "top_p",
        "max_tokens",
        "stream",
        "stop",
        "random_seed",
        "metadata",
        "response_format",
        "tools",
        "tool_choice",
        "presence_penalty",
        "frequency_penalty",
        "min_tokens",
        "repetition_penalty",
        "top_k",
        "logprobs",
        "top_logprobs",
        "prompt_logprobs",
        "top_prompt_logprobs",
        "n",
        "prediction",
        "parallel_tool_calls",
        "reasoning_effort",
        "prompt_mode",
        "guardrails",
        "prompt_cache_key",
        "service_tier",
        "safe_prompt",
    ]
)
_EMBEDDING = frozenset(
    ["model", "input", "metadata", "output_dimension", "output_dtype", "encoding_format"]
)
_OF_ROLE = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
_PARTS = frozenset(
    [
        "text",
        "image_url",
        "document_url",
        "reference",
        "thinking",
        "file",
        "input_audio",
        "file_url",
    ]
)
_ID = re.compile(r"[a-zA-Z0-9]{9}")
_RANGES = {
    "temperature": (0, 1.5),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}


class Invalid(Exception):  # noqa: N818 - a 422 is the right answer here, not a failure of ours
    """The request is not of the schema; `detail` says where, as pydantic does."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__()
        self.detail = detail


def wrong(kind: str, message: str, value: Any, *place: str | int) -> Invalid:
    """One thing that is not of the schema."""
    found = {"type": kind, "loc": ["body", *place], "msg": message, "input": value}
    return Invalid([found])


def check_chat(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Check a chat request; give its messages."""
    _only(body, _MEMBERS)
    for name, (least, most) in _RANGES.items():
        value = body.get(name)
        if value is not None and not (is_number(value) and least <= value <= most):
            message = f"Input should be between {least} and {most}"
            raise wrong("value_error", message, value, name)
    for name, least in (("max_tokens", 0), ("n", 1), ("random_seed", 0)):
        value = body.get(name)
        if value is not None and not is_count(value, least, 2**63):
            raise wrong("int_type", "Input should be a valid integer", value, name)
    if not isinstance(body.get("stream") or False, bool):
        raise wrong("bool_type", "Input should be a valid boolean", body["stream"], "stream")
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise wrong("list_type", "Input should be a valid list", messages, "messages")
    for at, message in enumerate(messages):
        _check_message(message, at)
    _check_order(messages)
    return messages


def check_embedding(body: Mapping[str, Any]) -> list[str]:
    """Check a request for embeddings; give its texts."""
    _only(body, _EMBEDDING)
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise wrong("string_type", "Input should be a valid string", given, "input")
    if not texts:
        raise Refused("Input cannot be empty")
    return texts


def _only(value: Mapping[str, Any], known: frozenset[str], *place: str | int) -> None:
    if extra := [name for name in value if name not in known]:
        detail = [
            {
                "type": "extra_forbidden",
                "loc": ["body", *place, name],
                "msg": "Extra inputs are not permitted",
                "input": value[name],
            }
            for name in extra
        ]
        raise Invalid(detail)


def _check_message(message: Any, at: int) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or role not in _OF_ROLE:
        words = "Input tag does not match any of the expected tags"
        raise wrong("union_tag_invalid", words, message, "messages", at)
    _only(message, _OF_ROLE[role], "messages", at, role)
    content = message.get("content")
    if isinstance(content, list):
        for number, part in enumerate(content):
            kind = part.get("type") if isinstance(part, dict) else None
            if kind not in _PARTS:
                words = "Input tag does not match any of the expected tags"
                place = ("messages", at, role, "content", number)
                raise wrong("union_tag_invalid", words, part, *place)
    elif content is not None and not isinstance(content, str):
        raise wrong("string_type", "Input should be a valid string", content, "messages", at, role)
    for call in message.get("tool_calls") or ():
        _check_id(call.get("id") if isinstance(call, dict) else None)
    if role == "tool":
        _check_id(message.get("tool_call_id"))


def _check_id(name: Any) -> None:
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise Refused(
            f"Tool call id was {name} but must be a-z, A-Z, 0-9, with a length of 9.",
            code="invalid_function_call",
        )


def _check_order(messages: list[dict[str, Any]]) -> None:
    """Results follow calls, an assistant follows results, and somebody else speaks last."""
    expected: list[Any] = []
    previous = ""
    for message in messages:
        role = message["role"]
        if previous == "tool" and role not in ("tool", "assistant"):
            raise _out_of_order(f"Unexpected role '{role}' after role 'tool'")
        if role == "tool":
            if message["tool_call_id"] not in expected:
                raise _out_of_order("Unexpected tool call id in tool results")
            expected.remove(message["tool_call_id"])
        elif expected:
            raise _out_of_order("Not the same number of function calls and responses")
        if role == "assistant":
            calls = message.get("tool_calls") or []
            if not calls and not message.get("content"):
                words = "Assistant message must have either content or tool_calls, but not none."
                raise _out_of_order(words)
            expected = [call["id"] for call in calls]
        previous = role
    if not messages or (previous == "assistant" and not messages[-1].get("prefix")):
        raise _out_of_order(
            "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            f"{previous or 'none'}"
        )
    if expected:
        raise _out_of_order("Not the same number of function calls and responses")


def _out_of_order(message: str) -> Refused:
    return Refused(message, code="invalid_request_message_order")


def read_tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """The functions of a request; each has to say its parameters."""
    found = []
    for at, tool in enumerate(body.get("tools") or ()):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict):
            raise wrong("missing", "Field required", tool, "tools", at, "function")
        known = frozenset({"name", "parameters", "description", "strict"})
        _only(function, known, "tools", at, "function")
        for name, kind in (("name", str), ("parameters", dict)):
            if not isinstance(function.get(name), kind):
                raise wrong("missing", "Field required", function, "tools", at, "function", name)
        found.append(Tool(function["name"], function["parameters"]))
    return tuple(found)


def read_choice(body: Mapping[str, Any], tools: tuple[Tool, ...]) -> str:
    """`auto`, `none`, `required`, or `=` and the name of the one tool."""
    match body.get("tool_choice"):
        case None:
            return "auto"
        case "auto" | "none" as word:
            return str(word)
        case "any" | "required" if tools:
            return "required"
        case {"function": {"name": str() as name}} if any(tool.name == name for tool in tools):
            return f"={name}"
    raise wrong("enum", "Input should be 'auto', 'none', 'any' or 'required'",
                body["tool_choice"], "tool_choice")  # fmt: skip


def read_schema(body: Mapping[str, Any]) -> Any:
    """True for any JSON, a schema for structured answers, None for text."""
    match body.get("response_format"):
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return True
        case {"type": "json_schema", "json_schema": {"name": str(), "schema": dict() as schema}}:
            return schema
    raise wrong("missing", "Field required", body["response_format"], "response_format")


def read_thinking(body: Mapping[str, Any]) -> int:
    """How many words to think (0: not at all)."""
    if body.get("prompt_mode") == "reasoning":
        return EFFORT["medium"]
    effort = body.get("reasoning_effort")
    if effort is None:
        return 0
    if effort not in (*EFFORT, "max"):
        raise wrong("enum", "Input should be 'none' or 'high'", effort, "reasoning_effort")
    return EFFORT.get(effort, EFFORT["xhigh"])
