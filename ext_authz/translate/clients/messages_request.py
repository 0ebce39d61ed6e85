"""Anthropic Messages: a client's request becomes an `Ask`.

Source: the schema of `POST /v1/messages`. Tools and blocks that only Anthropic's own servers can
run or read are refused, since no other provider knows them.
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
    strings,
    text,
    tool_name,
    wrong,
)
from ext_authz.translate.clients.messages_blocks import read_blocks, read_system
from ext_authz.translate.clients.shared import read_cache, read_effort, read_thinking
from ext_authz.translate.conversation import Ask, Format, Sampling, Tool, ToolChoice, Turn
from ext_authz.translate.errors import UnsupportedError

_CUSTOM: Final = (None, "custom")
_MODES: Final = {"auto": "auto", "none": "none", "any": "required", "tool": "required"}


def read_messages_api(body: bytes, *, counting: bool = False) -> Ask:
    """Read a request; `counting` is for the token counter, which takes no `max_tokens`."""
    return ask_of(read_body(body), counting=counting)


def ask_of(fields: dict[str, Any], *, counting: bool = False) -> Ask:
    """Read a decoded request; raises `RefusedError`."""
    limit = integer(fields, "max_tokens")
    if limit is None and not counting:
        raise wrong("max_tokens", "given")
    output = mapping(fields, "output_config")
    choice = mapping(fields, "tool_choice")
    tools = _tools(fields)
    return Ask(
        model=text(fields, "model"),
        turns=(*read_system(fields), *_turns(fields)),
        tools=tools,
        choice=_choice(choice) if choice and tools else None,
        parallel=False if choice.get("disable_parallel_tool_use") is True else None,
        max_tokens=limit,
        sampling=Sampling(
            temperature=number(fields, "temperature"),
            top_p=number(fields, "top_p"),
            top_k=integer(fields, "top_k"),
            stop=strings(fields.get("stop_sequences"), "stop_sequences"),
        ),
        format=_format(output) or _format({"format": fields.get("output_format")}),
        thinking=read_thinking(fields, read_effort(output.get("effort"), "output_config.effort")),
        user=optional_text(mapping(fields, "metadata"), "user_id"),
        tier=optional_text(fields, "service_tier"),
        stream=bool(flag(fields, "stream")),
        include_usage=True,
    )


def _turns(fields: dict[str, Any]) -> list[Turn]:
    given = sequence(fields, "messages")
    if not given:
        raise wrong("messages", "a list of at least one message")
    names: dict[str, str] = {}
    return [
        read_blocks(item(message, f"messages.{n}"), f"messages.{n}", names)
        for n, message in enumerate(given)
    ]


def _tools(fields: dict[str, Any]) -> tuple[Tool, ...]:
    tools = []
    for n, given in enumerate(sequence(fields, "tools")):
        tool = item(given, f"tools.{n}")
        if tool.get("type") not in _CUSTOM:
            raise UnsupportedError(
                f"The tool `{tool.get('type')}` runs at Anthropic only; this model's provider"
                " has no such tool",
                param=f"tools.{n}.type",
            )
        tools.append(
            Tool(
                name=tool_name(tool, f"tools.{n}."),
                description=optional_text(tool, "description", f"tools.{n}."),
                schema=mapping(tool, "input_schema", f"tools.{n}."),
                strict=flag(tool, "strict"),
                cache=read_cache(tool),
            )
        )
    return tuple(tools)


def _choice(given: dict[str, Any]) -> ToolChoice:
    kind = given.get("type")
    mode: Any = _MODES.get(kind) if isinstance(kind, str) else None
    if mode is None:
        raise wrong("tool_choice.type", "one of auto, any, tool and none")
    names = (text(given, "name", "tool_choice."),) if kind == "tool" else ()
    return ToolChoice(mode, names)


def _format(output: dict[str, Any]) -> Format | None:
    given = mapping(output, "format", "output_config.")
    if not given:
        return None
    if given.get("type") != "json_schema":
        raise wrong("output_config.format.type", "json_schema")
    return Format(schema=mapping(given, "schema", "output_config.format."), strict=True)
