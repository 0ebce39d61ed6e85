"""OpenAI Responses, its stateless part: a client's request becomes an `Ask`.

Source: the schema of `POST /v1/responses`. What needs OpenAI's own memory or its own tools is
refused: earlier responses, conversations, work in the background, searches.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.clients.fields import (
    flag,
    integer,
    item,
    mapping,
    number,
    optional_text,
    read_body,
    sequence,
    text,
    wrong,
)
from ext_authz.translate.clients.responses_items import read_items
from ext_authz.translate.clients.shared import read_effort, read_function, read_schema
from ext_authz.translate.conversation import (
    Ask,
    Format,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from ext_authz.translate.errors import UnsupportedError

_LOGPROBS: Final = "message.output_text.logprobs"
_STATE: Final = ("previous_response_id", "conversation", "prompt")
ECHOED: Final = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "reasoning",
    "service_tier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
    "user",
)
"""What a response repeats of its request."""


def read_responses(body: bytes) -> tuple[Ask, dict[str, Any]]:
    """Read a request, and what its response will repeat; raises `RefusedError`."""
    fields = read_body(body)
    return ask_of(fields), {name: fields[name] for name in ECHOED if name in fields}


def ask_of(fields: dict[str, Any]) -> Ask:
    """Read a decoded request."""
    for name in _STATE:
        if fields.get(name) is not None:
            raise UnsupportedError(
                f"`{name}` needs a provider that keeps state; send the whole input", param=name
            )
    if fields.get("background"):
        raise UnsupportedError("Responses in the background are not supported", param="background")
    if fields.get("moderation"):
        raise UnsupportedError("`moderation` runs at OpenAI only", param="moderation")
    turns: list[Turn] = []
    if instructions := optional_text(fields, "instructions"):
        turns.append(Turn("system", (Text(instructions),)))
    given = fields.get("input")
    if isinstance(given, str):
        turns.append(Turn("user", (Text(given),)))
    elif isinstance(given, list) and given:
        turns += read_items(given)
    else:
        raise wrong("input", "a string or a list of items")
    reasoning = mapping(fields, "reasoning")
    told = mapping(fields, "text")
    top = integer(fields, "top_logprobs")
    return Ask(
        model=text(fields, "model"),
        turns=tuple(turns),
        tools=_tools(fields),
        choice=_choice(fields),
        parallel=flag(fields, "parallel_tool_calls"),
        max_tokens=integer(fields, "max_output_tokens"),
        sampling=Sampling(
            temperature=number(fields, "temperature"),
            top_p=number(fields, "top_p"),
            logprobs=bool(top) or _LOGPROBS in sequence(fields, "include"),
            top_logprobs=top or None,
        ),
        format=_format(told),
        thinking=Thinking(effort=read_effort(reasoning.get("effort"), "reasoning.effort")),
        user=optional_text(fields, "user") or optional_text(fields, "safety_identifier"),
        tier=optional_text(fields, "service_tier"),
        verbosity=optional_text(told, "verbosity"),
        stream=bool(flag(fields, "stream")),
        include_usage=True,
    )


def _tools(fields: dict[str, Any]) -> tuple[Tool, ...]:
    tools = []
    for n, given in enumerate(sequence(fields, "tools")):
        tool = item(given, f"tools[{n}]")
        if tool.get("type") != "function":
            raise UnsupportedError(
                f"The tool `{tool.get('type')}` runs at OpenAI only", param=f"tools[{n}].type"
            )
        tools.append(read_function(tool, {}, f"tools[{n}]"))
    return tuple(tools)


def _choice(fields: dict[str, Any]) -> ToolChoice | None:
    given = fields.get("tool_choice")
    if given is None:
        return None
    if given in ("auto", "none", "required"):
        return ToolChoice(given)
    if isinstance(given, dict):
        if given.get("type") == "function":
            return ToolChoice("required", (text(given, "name", "tool_choice."),))
        if given.get("type") == "allowed_tools":
            tools = sequence(given, "tools", "tool_choice.")
            names = tuple(text(item(tool, "tool_choice.tools"), "name") for tool in tools)
            return ToolChoice("required" if given.get("mode") == "required" else "auto", names)
        raise UnsupportedError(
            f"The tool choice `{given.get('type')}` is not supported", param="tool_choice"
        )
    raise wrong("tool_choice", "`none`, `auto`, `required` or a function")


def _format(told: dict[str, Any]) -> Format | None:
    given = mapping(told, "format", "text.")
    kind = given.get("type", "text")
    if kind == "text":
        return None
    if kind == "json_object":
        return Format()
    if kind == "json_schema":
        return read_schema(given, "text.format")
    raise UnsupportedError(f"`text.format` of type `{kind}` is not supported", param="text.format")
