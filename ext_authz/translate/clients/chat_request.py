"""OpenAI Chat Completions: a client's request becomes an `Ask`.

Source: the schema of `POST /v1/chat/completions`. Beside it stand what compatible servers and
clients added: `thinking_blocks`, `cache_control` on blocks, `top_k`, `thinking`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ext_authz.translate.clients.chat_messages import read_messages
from ext_authz.translate.clients.chat_shape import Chat, ChatFunction, ChatTool
from ext_authz.translate.clients.fields import (
    checked_name,
    item,
    mapping,
    read_body,
    refused,
    sequence,
    text,
    whole,
    wrong,
)
from ext_authz.translate.clients.known_tools import KnownTools
from ext_authz.translate.clients.shared import (
    NO_PARAMETERS,
    cache_of,
    read_effort,
    read_schema,
    read_thinking,
)
from ext_authz.translate.conversation import (
    UNSAID,
    Ask,
    Cache,
    Format,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
)
from ext_authz.translate.errors import UnsupportedError
from ext_authz.translate.wire import may_be_deep

_UNSUPPORTED: Final = ("audio", "web_search_options", "moderation")
_decode = msgspec.json.Decoder(Chat).decode
_decode_tools = msgspec.json.Decoder(list[ChatTool] | None).decode


def read_chat(body: bytes) -> Ask:
    """Read a request; raises `RefusedError` for what is wrong or what no other API can do."""
    if may_be_deep(body):
        read_body(body)
    try:
        chat = _decode(body)
    except (ValueError, RecursionError) as error:
        raise refused(error) from None
    _refuse_rare(chat)
    limit = whole(chat.max_completion_tokens, "max_completion_tokens")
    options = chat.stream_options
    stream = bool(chat.stream)
    turns = read_messages(chat.messages)
    tools = _tools(chat.tools)
    return Ask(
        model=chat.model,
        turns=turns,
        tools=(*tools, *_functions(chat.functions)) if chat.functions else tools,
        choice=_choice(chat),
        parallel=chat.parallel_tool_calls,
        max_tokens=whole(chat.max_tokens, "max_tokens") if limit is None else limit,
        sampling=_sampling(chat),
        format=_format(chat.response_format) if chat.response_format else None,
        thinking=_thinking(chat),
        user=chat.user or chat.safety_identifier or "",
        tier=chat.service_tier or "",
        verbosity=chat.verbosity or "",
        stream=stream,
        include_usage=stream and options is not None and options.include_usage is True,
    )


def _refuse_rare(chat: Chat) -> None:
    if chat.audio or chat.web_search_options is not None or chat.moderation:
        name = next(name for name in _UNSUPPORTED if getattr(chat, name) is not None)
        raise UnsupportedError(f"`{name}` is not supported by this model's provider", param=name)
    if chat.modalities and chat.modalities != ["text"]:
        raise UnsupportedError("This model answers with text only", param="modalities")


def _sampling(chat: Chat) -> Sampling:
    stop = chat.stop
    return Sampling(
        temperature=chat.temperature,
        top_p=chat.top_p,
        top_k=whole(chat.top_k, "top_k"),
        stop=() if stop is None else (stop,) if isinstance(stop, str) else tuple(stop),
        seed=whole(chat.seed, "seed"),
        presence_penalty=chat.presence_penalty,
        frequency_penalty=chat.frequency_penalty,
        logit_bias=chat.logit_bias or None,
        logprobs=bool(chat.logprobs),
        top_logprobs=whole(chat.top_logprobs, "top_logprobs"),
        choices=whole(chat.n, "n") or 1,
    )


def _read_tools(given: bytes) -> tuple[Tool, ...]:
    try:
        declared = _decode_tools(given)
    except (ValueError, RecursionError) as error:
        raise refused(error, "tools") from None
    tools: list[Tool] = []
    for number, tool in enumerate(declared or ()):
        where = f"tools[{number}]"
        if tool.type != "function" or tool.function is None:
            raise UnsupportedError(
                f"Tools of type `{tool.type}` are not supported here", param=where
            )
        tools.append(_function(tool.function, cache_of(tool.cache_control), f"{where}.function"))
    return tuple(tools)


_tools: Final = KnownTools(_read_tools)


def _functions(given: list[ChatFunction]) -> tuple[Tool, ...]:
    """Read the older `functions`, which have no wrapping."""
    return tuple([_function(one, None, f"functions[{number}]") for number, one in enumerate(given)])


def _function(function: ChatFunction, cache: Cache | None, where: str) -> Tool:
    return Tool(
        checked_name(function.name, where),
        function.description or "",
        function.parameters or NO_PARAMETERS,
        function.strict,
        cache or cache_of(function.cache_control),
    )


def _choice(chat: Chat) -> ToolChoice | None:
    given = chat.tool_choice
    if given is None and (older := chat.function_call) is not None:
        given = {"type": "function", "function": older} if isinstance(older, dict) else older
    if given is None:
        return None
    if given in ("auto", "none", "required"):
        return ToolChoice(given)
    if given == "any":
        return ToolChoice("required")
    if isinstance(given, dict):
        kind = given.get("type", "function")
        if kind == "function":
            function = mapping(given, "function", "tool_choice.")
            return ToolChoice("required", (text(function, "name", "tool_choice.function."),))
        if kind == "allowed_tools":
            return _allowed(mapping(given, "allowed_tools", "tool_choice."))
    raise wrong("tool_choice", "`none`, `auto`, `required` or the name of a function")


def _allowed(allowed: dict[str, Any]) -> ToolChoice:
    names = []
    for tool in sequence(allowed, "tools", "tool_choice.allowed_tools."):
        function = item(tool, "tool_choice.allowed_tools.tools").get("function")
        names.append(text(item(function, "tool_choice.allowed_tools.tools.function"), "name"))
    if not names:
        raise wrong("tool_choice.allowed_tools.tools", "a list of functions")
    mode: Any = allowed.get("mode")
    return ToolChoice("required" if mode == "required" else "auto", tuple(names))


def _format(given: dict[str, Any]) -> Format | None:
    kind = given.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return Format()
    if kind == "json_schema":
        return read_schema(mapping(given, "json_schema", "response_format."), "response_format")
    raise UnsupportedError(
        f"`response_format` of type `{kind}` is not supported", param="response_format"
    )


def _thinking(chat: Chat) -> Thinking:
    if isinstance(chat.thinking, dict):
        return read_thinking({"thinking": chat.thinking}, None)
    if chat.reasoning_effort is None:
        return UNSAID
    return Thinking(effort=read_effort(chat.reasoning_effort, "reasoning_effort"))
