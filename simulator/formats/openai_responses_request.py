"""What OpenAI checks in a Responses request, and what it counts in one.

Source: the API reference of `POST /v1/responses` and `POST /v1/responses/input_tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator import tokens
from simulator.content import Ask, Tool
from simulator.formats.base import Call, Refused, is_count, is_number, text_of
from simulator.formats.openai_request import EFFORT, allowed, missing, wrong_type
from simulator.message import encode_json

# Members of the other chat API: a gateway that forgot to translate them shows here.
_FOREIGN = (
    "frequency_penalty",
    "functions",
    "logit_bias",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "n",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
)
_ROLES = frozenset({"system", "developer", "user", "assistant"})
_PARTS = {
    "user": frozenset({"input_text", "input_image", "input_file", "input_audio"}),
    "assistant": frozenset({"output_text", "refusal"}),
}
_USUAL_EFFORT = 32
_LEAST_OUTPUT = 16


def read_input(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items of the input, checked: roles, parts, and outputs that answer a call."""
    for name in _FOREIGN:
        if name in body:
            raise Refused(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    given = body.get("input")
    if given is None:
        raise missing("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    if not isinstance(given, list):
        raise wrong_type("input", "a string or an array of objects", given)
    called: list[Any] = []
    for at, item in enumerate(given):
        if not isinstance(item, dict):
            raise wrong_type(f"input[{at}]", "an object", item)
        kind = item.get("type", "message")
        if kind == "message":
            _check_message(item, at)
        elif kind == "function_call":
            for name in ("call_id", "name", "arguments"):
                if not isinstance(item.get(name), str):
                    raise missing(f"input[{at}].{name}")
            called.append(item["call_id"])
        elif kind == "function_call_output" and item.get("call_id") not in called:
            raise Refused(
                f"No tool call found for function call output with call_id {item.get('call_id')}.",
                param="input",
            )
        elif kind not in ("function_call_output", "reasoning"):
            raise _invalid(f"input[{at}].type", kind)
    return given


def _check_message(item: Mapping[str, Any], at: int) -> None:
    role = item.get("role")
    if role not in _ROLES:
        raise _invalid(f"input[{at}].role", role)
    content = item.get("content")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise missing(f"input[{at}].content")
    known = _PARTS["assistant" if role == "assistant" else "user"]
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in known:
            raise _invalid(f"input[{at}].content[{number}].type", kind)


def _invalid(param: str, value: Any) -> Refused:
    return Refused(f"Invalid value: '{value}'.", code="invalid_value", param=param)


def count_input(body: Mapping[str, Any], items: list[dict[str, Any]]) -> int:
    """Tokens of the prompt: the items, the instructions and the tools."""
    total = 3 + sum(3 + _item_tokens(item) for item in items)
    instructions = body.get("instructions")
    if isinstance(instructions, str):
        total += tokens.count_prompt(instructions)
    if body.get("tools"):
        total += tokens.count_prompt(encode_json(body["tools"]).decode())
    return total


def _item_tokens(item: Mapping[str, Any]) -> int:
    if item.get("type", "message") == "message":
        return tokens.count_prompt(text_of(item.get("content")))
    if item["type"] == "reasoning":
        return 0
    shown = item.get("output") or item.get("arguments") or ""
    text = shown if isinstance(shown, str) else text_of(shown)
    return tokens.count_prompt(f"{item.get('name', '')}{text}")


def read_ask(call: Call, body: Mapping[str, Any], items: list[dict[str, Any]]) -> Ask:
    """What the request asks, checked."""
    for name, most in (("temperature", 2), ("top_p", 1)):
        value = body.get(name)
        if value is not None and not (is_number(value) and 0 <= value <= most):
            raise _invalid(name, value)
    if not isinstance(body.get("stream") or False, bool):
        raise wrong_type("stream", "a boolean", body["stream"])
    limit = body.get("max_output_tokens")
    if limit is not None and not is_count(limit, _LEAST_OUTPUT):
        raise Refused(
            f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= "
            f"{_LEAST_OUTPUT}.",
            code="integer_below_min_value",
            param="max_output_tokens",
        )
    tools = allowed(_tools(body.get("tools")), body.get("tool_choice"))
    choice = _tool_choice(body.get("tool_choice"), tools)
    if choice == "auto" and items and items[-1].get("type") == "function_call_output":
        choice = "none"  # the results are in: a model would talk now
    users = (text_of(item.get("content")) for item in reversed(items) if item.get("role") == "user")
    return Ask(
        digest=call.digest,
        provider=call.provider.name,
        model=body["model"],
        prompt=next(users, ""),
        tools=tools,
        tool_choice=choice,
        parallel_tools=body.get("parallel_tool_calls") is not False,
        max_tokens=limit,
        schema=_schema(body.get("text")),
        wanted=call.outcome.tokens,
        size=call.outcome.size,
        text=call.text,
        thinking=_thinking(body.get("reasoning")),
    )


def _tools(value: Any) -> tuple[Tool, ...]:
    """The functions of a request; the provider's own tools (web search...) are not simulated."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise wrong_type("tools", "an array of objects", value)
    found = []
    for at, tool in enumerate(value):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(kind, str):
            raise missing(f"tools[{at}].type")
        if kind == "function":
            name = tool.get("name")
            if not isinstance(name, str) or not name:
                raise missing(f"tools[{at}].name")
            found.append(Tool(name, tool.get("parameters")))
    return tuple(found)


def _tool_choice(value: Any, tools: tuple[Tool, ...]) -> str:
    """`auto`, `none`, `required`, or `=` and the name of the one tool."""
    match value:
        case None:
            return "auto"
        case "auto" | "none":
            return str(value)
        case "required" if tools:
            return "required"
        case {"type": "function", "name": str() as name}:
            if any(tool.name == name for tool in tools):
                return f"={name}"
            raise Refused(f"Tool choice '{name}' not found in 'tools' parameter.", param="tools")
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode}:
            return str(mode)
    raise _invalid("tool_choice", value if isinstance(value, str) else "an object")


def _schema(value: Any) -> Any:
    """True for any JSON, a schema for structured answers, None for text."""
    match value.get("format") if isinstance(value, dict) else None:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return True
        case {"type": "json_schema", "name": str(), "schema": dict() as schema}:
            return schema
    raise _invalid("text.format", "an object")


def _thinking(value: Any) -> int:
    """How many words to think (0: not at all)."""
    if value is None:
        return 0
    effort = value.get("effort") if isinstance(value, dict) else value
    if effort is None:
        return _USUAL_EFFORT
    if effort not in EFFORT:
        raise _invalid("reasoning.effort", effort)
    return EFFORT[effort]
