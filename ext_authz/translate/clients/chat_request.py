"""OpenAI Chat Completions: a client's request becomes an `Ask`.

Source: the schema of `POST /v1/chat/completions`. Beside it stand what compatible servers and
clients added: `thinking_blocks`, `cache_control` on blocks, `top_k`, `thinking`.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.clients.chat_messages import read_messages
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
from ext_authz.translate.clients.shared import read_cache, read_thinking
from ext_authz.translate.conversation import (
    PLAIN,
    UNSAID,
    Ask,
    Effort,
    Format,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
)
from ext_authz.translate.errors import RefusedError, UnsupportedError

EFFORTS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_NO_PARAMETERS: Final[dict[str, Any]] = {"type": "object", "properties": {}}
_UNSUPPORTED: Final = ("audio", "web_search_options", "moderation")
_RARE: Final = frozenset({*_UNSUPPORTED, "modalities"})
_CHOICES: Final = frozenset({"tool_choice", "function_call"})
_THINKING: Final = frozenset({"thinking", "reasoning_effort"})
_SAMPLING: Final = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "n",
    }
)


def read_chat(body: bytes) -> Ask:
    """Read a request; raises `RefusedError` for what is wrong or what no other API can do."""
    return ask_of(read_body(body))


def ask_of(fields: dict[str, Any]) -> Ask:
    """Read a decoded request."""
    if not _RARE.isdisjoint(fields):
        _refuse_rare(fields)
    limit = integer(fields, "max_completion_tokens")
    stream = bool(flag(fields, "stream"))
    return Ask(
        model=text(fields, "model"),
        turns=read_messages(sequence(fields, "messages")),
        tools=_tools(fields),
        choice=_choice(fields) if not _CHOICES.isdisjoint(fields) else None,
        parallel=flag(fields, "parallel_tool_calls"),
        max_tokens=integer(fields, "max_tokens") if limit is None else limit,
        sampling=_sampling(fields),
        format=_format(fields) if "response_format" in fields else None,
        thinking=_thinking(fields) if not _THINKING.isdisjoint(fields) else UNSAID,
        user=optional_text(fields, "user") or optional_text(fields, "safety_identifier"),
        tier=optional_text(fields, "service_tier"),
        verbosity=optional_text(fields, "verbosity"),
        stream=stream,
        include_usage=stream and bool(mapping(fields, "stream_options").get("include_usage")),
    )


def _refuse_rare(fields: dict[str, Any]) -> None:
    for name in _UNSUPPORTED:
        if fields.get(name) is not None:
            raise UnsupportedError(
                f"`{name}` is not supported by this model's provider", param=name
            )
    modalities = fields.get("modalities")
    if isinstance(modalities, list) and modalities != ["text"]:
        raise UnsupportedError("This model answers with text only", param="modalities")


def _sampling(fields: dict[str, Any]) -> Sampling:
    if _SAMPLING.isdisjoint(fields):
        return PLAIN
    return Sampling(
        temperature=number(fields, "temperature"),
        top_p=number(fields, "top_p"),
        top_k=integer(fields, "top_k"),
        stop=strings(fields.get("stop"), "stop"),
        seed=integer(fields, "seed"),
        presence_penalty=number(fields, "presence_penalty"),
        frequency_penalty=number(fields, "frequency_penalty"),
        logit_bias=mapping(fields, "logit_bias") or None,
        logprobs=bool(flag(fields, "logprobs")),
        top_logprobs=integer(fields, "top_logprobs"),
        choices=integer(fields, "n") or 1,
    )


def _tools(fields: dict[str, Any]) -> tuple[Tool, ...]:
    """`tools`, and the older `functions`, which have no wrapping."""
    tools: list[Tool] = []
    for number_, given in enumerate(sequence(fields, "tools")):
        where = f"tools[{number_}]"
        tool = item(given, where)
        kind = tool.get("type", "function")
        if kind != "function":
            raise UnsupportedError(f"Tools of type `{kind}` are not supported here", param=where)
        tools.append(read_function(mapping(tool, "function", f"{where}."), tool, where))
    for number_, given in enumerate(sequence(fields, "functions")):
        where = f"functions[{number_}]"
        tools.append(read_function(item(given, where), {}, where))
    return tuple(tools)


def read_function(function: dict[str, Any], tool: dict[str, Any], where: str) -> Tool:
    """Read a function's declaration; `tool` may carry its cache mark."""
    schema = mapping(function, "parameters", f"{where}.")
    return Tool(
        name=tool_name(function, f"{where}."),
        description=optional_text(function, "description", f"{where}."),
        schema=schema or _NO_PARAMETERS,
        strict=flag(function, "strict"),
        cache=read_cache(tool) or read_cache(function),
    )


def _choice(fields: dict[str, Any]) -> ToolChoice | None:
    given = fields.get("tool_choice")
    if given is None and (older := fields.get("function_call")) is not None:
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


def _format(fields: dict[str, Any]) -> Format | None:
    given = mapping(fields, "response_format")
    kind = given.get("type")
    if not given or kind == "text":
        return None
    if kind == "json_object":
        return Format()
    if kind == "json_schema":
        return read_schema(mapping(given, "json_schema", "response_format."), "response_format")
    raise UnsupportedError(
        f"`response_format` of type `{kind}` is not supported", param="response_format"
    )


def read_schema(given: dict[str, Any], where: str) -> Format:
    """Read the schema of an answer with its name."""
    return Format(
        schema=mapping(given, "schema", f"{where}."),
        name=optional_text(given, "name", f"{where}.") or "response",
        description=optional_text(given, "description", f"{where}."),
        strict=flag(given, "strict"),
    )


def _thinking(fields: dict[str, Any]) -> Thinking:
    if isinstance(fields.get("thinking"), dict):
        return read_thinking(fields, None)
    return Thinking(effort=read_effort(fields.get("reasoning_effort"), "reasoning_effort"))


def read_effort(given: Any, where: str) -> Effort | None:
    """Read an effort; one that is not known yet is taken for the default."""
    if given is None:
        return None
    if not isinstance(given, str):
        raise RefusedError(f"`{where}` must be a string", param=where)
    return next((effort for effort in EFFORTS if effort == given), None)
