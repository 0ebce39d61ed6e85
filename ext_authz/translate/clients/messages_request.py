"""Anthropic Messages: a client's request becomes an `Ask`.

Source: the schema of `POST /v1/messages`. Tools and blocks that only Anthropic's own servers can
run or read are refused, since no other provider knows them.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ext_authz.translate.clients.fields import (
    checked_name,
    mapping,
    read_body,
    refused,
    whole,
    wrong,
)
from ext_authz.translate.clients.known_tools import KnownTools
from ext_authz.translate.clients.messages_blocks import read_blocks, read_system
from ext_authz.translate.clients.messages_shape import Choice, CustomTool, Message, Messages
from ext_authz.translate.clients.shared import cache_of, read_effort, read_thinking
from ext_authz.translate.conversation import (
    PLAIN,
    UNSAID,
    Ask,
    Format,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    Turn,
)
from ext_authz.translate.errors import UnsupportedError
from ext_authz.translate.wire import may_be_deep

_AT_ANTHROPIC: Final = ("mcp_servers", "container")
_CUSTOM: Final = (None, "custom")
_MODES: Final = {"auto": "auto", "none": "none", "any": "required", "tool": "required"}
_decode = msgspec.json.Decoder(Messages).decode
_decode_tools = msgspec.json.Decoder(list[CustomTool] | None).decode


def read_messages_api(body: bytes, *, counting: bool = False) -> Ask:
    """Read a request; `counting` is for the token counter, which takes no `max_tokens`.

    Raises `RefusedError` for what is wrong, or what no other API can do.
    """
    if may_be_deep(body):
        read_body(body)
    try:
        asked = _decode(body)
    except (ValueError, RecursionError) as error:
        raise refused(error) from None
    _refuse_foreign(asked)
    limit = whole(asked.max_tokens, "max_tokens")
    if limit is None and not counting:
        raise wrong("max_tokens", "given")
    choice = asked.tool_choice
    tools = _tools(asked.tools)
    turns = _turns(asked.messages)
    return Ask(
        model=asked.model,
        turns=(*read_system(asked.system), *turns) if asked.system else turns,
        tools=tools,
        choice=_choice(choice) if choice and tools else None,
        parallel=False if choice and choice.disable_parallel_tool_use is True else None,
        max_tokens=limit,
        sampling=_sampling(asked),
        format=_format(asked),
        thinking=_thinking(asked),
        user=(asked.metadata.user_id if asked.metadata else None) or "",
        tier=asked.service_tier or "",
        stream=asked.stream is True,
        include_usage=True,
    )


def _refuse_foreign(asked: Messages) -> None:
    for name in _AT_ANTHROPIC:
        if getattr(asked, name):
            raise UnsupportedError(
                f"`{name}` runs at Anthropic only; this model's provider has no such thing",
                param=name,
            )
    if asked.inference_geo not in (None, "global"):
        raise UnsupportedError(
            "`inference_geo` binds Anthropic only; this model's provider promises no place",
            param="inference_geo",
        )


def _turns(messages: list[Message]) -> tuple[Turn, ...]:
    if not messages:
        raise wrong("messages", "a list of at least one message")
    names: dict[str, str] = {}  # of tools, by the ids of their calls
    return tuple([read_blocks(message, number, names) for number, message in enumerate(messages)])


def _sampling(asked: Messages) -> Sampling:
    stop = asked.stop_sequences
    if not (stop or asked.temperature is not None or asked.top_p is not None or asked.top_k):
        return PLAIN
    return Sampling(
        temperature=asked.temperature,
        top_p=asked.top_p,
        top_k=whole(asked.top_k, "top_k"),
        stop=() if stop is None else (stop,) if isinstance(stop, str) else tuple(stop),
    )


def _read_tools(given: bytes) -> tuple[Tool, ...]:
    try:
        declared = _decode_tools(given)
    except (ValueError, RecursionError) as error:
        raise refused(error, "tools") from None
    tools: list[Tool] = []
    for n, tool in enumerate(declared or ()):
        if tool.type not in _CUSTOM:
            raise UnsupportedError(
                f"The tool `{tool.type}` runs at Anthropic only; this model's provider"
                " has no such tool",
                param=f"tools.{n}.type",
            )
        tools.append(
            Tool(
                checked_name(tool.name, f"tools.{n}"),
                tool.description or "",
                tool.input_schema or {},
                tool.strict,
                cache_of(tool.cache_control),
            )
        )
    return tuple(tools)


_tools: Final = KnownTools(_read_tools)


def _choice(given: Choice) -> ToolChoice:
    mode: Any = _MODES.get(given.type or "")
    if mode is None:
        raise wrong("tool_choice.type", "one of auto, any, tool and none")
    if given.type != "tool":
        return ToolChoice(mode)
    if given.name is None:
        raise wrong("tool_choice.name", "a string")
    return ToolChoice(mode, (given.name,))


def _format(asked: Messages) -> Format | None:
    given = (asked.output_config and asked.output_config.format) or asked.output_format
    if not given:
        return None
    if given.get("type") != "json_schema":
        raise wrong("output_config.format.type", "json_schema")
    return Format(schema=mapping(given, "schema", "output_config.format."), strict=True)


def _thinking(asked: Messages) -> Thinking:
    output = asked.output_config
    if asked.thinking is None and output is None:
        return UNSAID
    effort = read_effort(output.effort, "output_config.effort") if output else None
    return read_thinking({"thinking": asked.thinking}, effort)
