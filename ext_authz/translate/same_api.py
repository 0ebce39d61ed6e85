"""Requests to a provider that speaks the client's own API: the same bytes, save what must differ.

The body is taken apart one level deep, so members that nobody here knows go on as the very bytes
that came. Where nothing has to differ the whole body does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw

from ext_authz.translate.errors import RefusedError, UnsupportedError
from ext_authz.translate.providers.anthropic_request import (
    BEDROCK_VERSION,
    VERSION,
    VERTEX_VERSION,
    address,
    headers_of,
)
from ext_authz.translate.providers.openai_dialect import DIALECTS, Dialect
from ext_authz.translate.providers.openai_messages import answered, call_id
from ext_authz.translate.providers.openai_request import chat_path
from ext_authz.translate.target import Target
from ext_authz.translate.thought_ids import split_signature
from ext_authz.translate.unsigned import drop_unsigned
from ext_authz.translate.upstream import SSE_TYPE, Upstream, json_headers
from ext_authz.translate.wire import NotJsonError, decode, decode_members, encode
from xds.edge.pairs import OFFERS, Feature, Provider

_NATIVE: Final = (Provider.OPENAI, Provider.AZURE)
_FOREIGN: Final = re.compile(rb'__thought__|"thinking_blocks"|"extra_content"')
_NOT_STRICT: Final = re.compile(
    rb'"(?:tool_call|reasoning|refusal"|annotations"|audio"|function_call"|name")'
)
_OF_ROLE: Final = {
    "system": ("role", "content"),
    "user": ("role", "content"),
    "assistant": ("role", "content", "tool_calls", "prefix"),
    "tool": ("role", "content", "tool_call_id", "name"),
}
"""What a message of each role may hold at Mistral."""
_MISTRALS_TIERS: Final = ("auto", "standard_only")
_NOT_MISTRALS: Final = (
    "user",
    "store",
    "logit_bias",
    "safety_identifier",
    "verbosity",
    "prompt_cache_options",
    "prompt_cache_retention",
)
"""What Mistral refuses, and an answer is as good without."""


def pass_openai(body: bytes, target: Target, operation: str) -> Upstream:
    """Pass on a request of one of OpenAI's APIs."""
    members = _members(body)
    model, stream = members.get("model"), members.get("stream")
    streams = stream is not None and bytes(stream) == b"true"
    changed: dict[str, Any] = {}
    gone: list[str] = []
    dropped: list[str] = []
    if model is None or _text(model) != target.model:
        changed["model"] = target.model
    dialect = DIALECTS[target.provider]
    if target.provider not in _NATIVE:
        _check(members, target.provider, operation)
        _fit(members, target.provider, dialect, changed, gone, dropped)
    messages = members.get("messages")
    if messages is not None and operation == "chat/completions":
        raw = bytes(messages)
        if _FOREIGN.search(raw) or (
            target.provider not in _NATIVE
            and (b'"developer"' in raw or (dialect.strict and _is_odd(raw)))
        ):
            native = target.provider in _NATIVE
            changed["messages"] = _fit_messages(raw, dialect, native=native)
    return Upstream(
        path=chat_path(target, operation),
        body=_joined(body, members, changed, [*gone, *dropped]),
        headers=json_headers(SSE_TYPE if streams else ""),
        stream=streams,
        dropped=tuple(dropped),
    )


def _check(members: dict[str, Raw], provider: Provider, operation: str) -> None:
    """Refuse what such a server passes over in silence, and the answer would be another one."""
    offered = OFFERS[provider]
    if "n" in members and Feature.CHOICES not in offered and _many(members["n"]):
        raise UnsupportedError("This provider gives one answer at a time; `n` must be 1", param="n")
    if operation != "chat/completions":
        return
    told = members.get("logprobs")
    if told is not None and bytes(told) == b"true" and Feature.LOGPROBS not in offered:
        raise UnsupportedError("This provider tells no log probabilities", param="logprobs")


def _many(raw: Raw) -> bool:
    value = _decoded(bytes(raw))
    return isinstance(value, (int, float)) and value > 1


def _fit(
    members: dict[str, Raw],
    provider: Provider,
    dialect: Dialect,
    changed: dict[str, Any],
    gone: list[str],
    dropped: list[str],
) -> None:
    """Change what the dialect names otherwise; what it has no name for is dropped."""
    limit = members.get("max_completion_tokens")
    if limit is not None:
        gone.append("max_completion_tokens")
        changed["max_tokens"] = limit
    if dialect.seed != "seed" and "seed" in members:
        gone.append("seed")
        changed[dialect.seed] = members["seed"]
    if "tools" in members:
        _fit_tools(members, provider, dialect, changed)
    if provider is Provider.MISTRAL:
        # Usage comes unasked, and text is all that is answered with.
        gone.append("stream_options")
        if "modalities" in members:
            if _decoded(bytes(members["modalities"])) not in (None, ["text"]):
                raise UnsupportedError("This model answers with text only", param="modalities")
            gone.append("modalities")
        dropped += [name for name in _NOT_MISTRALS if name in members]
        if "service_tier" in members and _text(members["service_tier"]) not in _MISTRALS_TIERS:
            dropped.append("service_tier")


def _fit_tools(
    members: dict[str, Raw], provider: Provider, dialect: Dialect, changed: dict[str, Any]
) -> None:
    """Say the choice of tools in the dialect's words; Mistral wants all parameters said, too."""
    given = members.get("tool_choice")
    choice = None if given is None else _decoded(bytes(given))
    names, mode = _chosen(choice)
    named = isinstance(choice, dict) and choice.get("type") == "function" and dialect.named_choice
    mistral = provider is Provider.MISTRAL
    if choice == "required" and dialect.required != choice:
        changed["tool_choice"] = dialect.required
    if not mistral and (not names or named):
        return
    tools = _decoded(bytes(members["tools"]))
    if not isinstance(tools, list):
        raise RefusedError("`tools` must be a list", param="tools")
    if names and not named:
        # There is no word for some of the tools: they are the only ones in the list.
        tools = [tool for tool in tools if _function(tool).get("name") in names]
        changed["tool_choice"] = dialect.required if mode == "required" else mode
        changed["tools"] = tools
    if mistral:
        for tool in tools:
            function = _function(tool)
            if function and function.get("parameters") is None:
                function["parameters"] = {"type": "object", "properties": {}}
                changed["tools"] = tools


def _chosen(choice: Any) -> tuple[list[Any], str]:
    """The names that a choice holds, and how strongly."""
    if not isinstance(choice, dict):
        return [], "auto"
    if choice.get("type") == "function":
        return [_function(choice).get("name")], "required"
    allowed = choice.get("allowed_tools")
    if not isinstance(allowed, dict) or not isinstance(allowed.get("tools"), list):
        return [], "auto"
    names = [_function(tool).get("name") for tool in allowed["tools"]]
    return names, "required" if allowed.get("mode") == "required" else "auto"


def _function(tool: Any) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function if isinstance(function, dict) else {}


def _is_odd(raw: bytes) -> bool:
    """Whether a strict server may refuse such messages: foreign members, odd orders, a prefill."""
    return b'"assistant"' in raw or _NOT_STRICT.search(raw) is not None


def _fit_messages(raw: bytes, dialect: Dialect, *, native: bool) -> list[Any]:
    """Change ids and roles, and take away what only the provider of an earlier turn understands."""
    messages = _decoded(raw)
    if not isinstance(messages, list):
        raise RefusedError("`messages` must be a list", param="messages")
    for message in messages:
        if not isinstance(message, dict):
            continue
        if message.get("role") == "developer" and not native:
            message["role"] = "system"
        message.pop("thinking_blocks", None)
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict) and isinstance(call.get("id"), str):
                call.pop("extra_content", None)
                call["id"] = call_id(split_signature(call["id"])[0], dialect)
        if isinstance(message.get("tool_call_id"), str):
            bare, _ = split_signature(message["tool_call_id"])
            message["tool_call_id"] = call_id(bare, dialect)
    if not dialect.strict or not all(isinstance(message, dict) for message in messages):
        return messages
    return answered([_strict(message) for message in messages])


def _strict(message: dict[str, Any]) -> dict[str, Any]:
    """Leave out what other providers say in messages, and Mistral refuses."""
    known = _OF_ROLE.get(str(message.get("role")))
    return {name: message[name] for name in known if name in message} if known else message


def pass_anthropic(body: bytes, target: Target, headers: Mapping[str, str]) -> Upstream:
    """Pass on a request of Anthropic's API: to itself, to Vertex AI or to Bedrock."""
    members = _members(body)
    stream = members.get("stream")
    streams = stream is not None and bytes(stream) == b"true"
    changed: dict[str, Any] = {}
    gone: list[str] = []
    sent = list(headers_of(target, stream=streams))
    drop_unsigned(members, changed, gone)
    beta = [one.strip() for one in headers.get("anthropic-beta", "").split(",") if one.strip()]
    path = address(target, {}, stream=streams)
    if target.provider is Provider.ANTHROPIC:
        model = members.get("model")
        if model is None or _text(model) != target.model:
            changed["model"] = target.model
        version = headers.get("anthropic-version", VERSION)
        sent = [(name, value) for name, value in sent if name != "anthropic-version"]
        sent.append(("anthropic-version", version))
    else:
        gone.append("model")
        bedrock = target.provider is Provider.ANTHROPIC_BEDROCK
        changed["anthropic_version"] = BEDROCK_VERSION if bedrock else VERTEX_VERSION
        if bedrock:
            gone.append("stream")
            if beta and "anthropic_beta" not in members:
                changed["anthropic_beta"] = beta
    return Upstream(
        path=path,
        body=_joined(body, members, changed, gone),
        headers=tuple(sent),
        without=("anthropic-beta",) if target.provider is Provider.ANTHROPIC_BEDROCK else (),
        stream=streams,
    )


def pass_counting(body: bytes, target: Target) -> Upstream:
    """Pass on a request to Anthropic's counter of tokens."""
    members = _members(body)
    model = members.get("model")
    changed: dict[str, Any] = {}
    gone: list[str] = []
    if model is None or _text(model) != target.model:
        changed["model"] = target.model
    drop_unsigned(members, changed, gone)
    return Upstream(
        path=f"{target.path}/messages/count_tokens",
        body=_joined(body, members, changed, gone),
        headers=headers_of(target, stream=False),
    )


def _members(body: bytes) -> dict[str, Raw]:
    try:
        return decode_members(body)
    except NotJsonError as error:
        raise RefusedError(f"The body is not the JSON of a request: {error}") from None


def _joined(
    body: bytes, members: dict[str, Raw], changed: dict[str, Any], gone: list[str]
) -> bytes:
    gone = [name for name in gone if name in members]
    if not changed and not gone:
        return body
    joined: dict[str, Any] = {
        name: changed.pop(name, value) for name, value in members.items() if name not in gone
    }
    return encode({**joined, **changed})


def _text(raw: Raw) -> str:
    value = _decoded(bytes(raw))
    return value if isinstance(value, str) else ""


def _decoded(raw: bytes) -> Any:
    try:
        return decode(raw)
    except NotJsonError as error:
        raise RefusedError(f"The body is not the JSON of a request: {error}") from None
