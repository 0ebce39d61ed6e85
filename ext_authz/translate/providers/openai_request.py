"""OpenAI Chat Completions and its dialects: an `Ask` becomes the provider's request.

Sources: the schema of `POST /v1/chat/completions`, of Azure OpenAI (both styles of URLs) and of
Mistral's chat, and the documentation of vLLM, llama.cpp, Ollama and TGI.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from ext_authz.translate.conversation import Ask, Format, Tool, ToolChoice
from ext_authz.translate.efforts import effort_of
from ext_authz.translate.providers.dropped import dropped
from ext_authz.translate.providers.openai_dialect import DIALECTS, Dialect
from ext_authz.translate.providers.openai_messages import messages_of
from ext_authz.translate.target import Target
from ext_authz.translate.upstream import SSE_TYPE, Upstream, json_headers
from ext_authz.translate.wire import encode
from xds.edge.pairs import Provider

_NO_PARAMETERS: Final = {"type": "object", "properties": {}}
_TIERS: Final = {"auto": "auto", "standard_only": "default"}
_EFFORTS: Final = {"max": "high", "xhigh": "high"}
_WORDS: Final = {
    name: name
    for name in (
        "temperature",
        "top_p",
        "top_k",
        "logit_bias",
        "reasoning_effort",
        "user",
        "service_tier",
        "verbosity",
    )
}
"""The members that may be dropped, by model or by dialect."""


def write_openai(ask: Ask, target: Target) -> Upstream:
    """Write the request; raises `RefusedError` for what the provider cannot do."""
    dialect = DIALECTS[target.provider]
    body: dict[str, Any] = {"model": target.model, "messages": messages_of(ask, dialect)}
    if ask.stream:
        body["stream"] = True
        if dialect.usage_option:
            body["stream_options"] = {"include_usage": True}
    _write_limits(ask, target, dialect, body)
    _write_tools(ask, dialect, body)
    if ask.format:
        body["response_format"] = response_format(ask.format)
    if ask.user and dialect.user:
        body["user"] = ask.user
    if ask.tier and target.provider in (Provider.OPENAI, Provider.AZURE):
        body["service_tier"] = _TIERS.get(ask.tier, ask.tier)
    if ask.verbosity and target.provider in (Provider.OPENAI, Provider.AZURE):
        body["verbosity"] = ask.verbosity
    return Upstream(
        path=chat_path(target),
        body=encode(body),
        headers=json_headers(SSE_TYPE if ask.stream else ""),
        stream=ask.stream,
        dropped=dropped(ask, _WORDS, body),
    )


def chat_path(target: Target, operation: str = "chat/completions") -> str:
    """The path of an operation; Azure has two styles."""
    if target.provider is not Provider.AZURE:
        return f"{target.path}/{operation}"
    if not target.api_version:
        return f"{target.path}/openai/v1/{operation}"
    version = quote(target.api_version, safe="")
    if operation.startswith("responses"):
        # This API came when deployments were no longer named in paths.
        return f"{target.path}/openai/{operation}?api-version={version}"
    deployment = quote(target.model, safe="")
    return f"{target.path}/openai/deployments/{deployment}/{operation}?api-version={version}"


def response_format(form: Format) -> dict[str, Any]:
    """The schema of the answer."""
    if form.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name, "schema": form.schema}
    if form.description:
        schema["description"] = form.description
    if form.strict is not None:
        schema["strict"] = form.strict
    return {"type": "json_schema", "json_schema": schema}


def _write_limits(ask: Ask, target: Target, dialect: Dialect, body: dict[str, Any]) -> None:
    sampling = ask.sampling
    traits = target.known
    if ask.max_tokens:
        limit = dialect.limit or "max_completion_tokens"
        body[limit] = ask.max_tokens
    effort = effort_of(ask.thinking)
    if effort and dialect.effort and traits.thinking == "effort":
        known = traits.completion_limit
        if known or effort != "none":
            body["reasoning_effort"] = effort if known else _EFFORTS.get(effort, effort)
    if traits.sampling:
        for name in ("temperature", "top_p"):
            if (value := getattr(sampling, name)) is not None:
                body[name] = value
        if sampling.top_k is not None and dialect.top_k:
            body["top_k"] = sampling.top_k
    for name in ("presence_penalty", "frequency_penalty", "logit_bias", "top_logprobs"):
        if (value := getattr(sampling, name)) is not None and (
            dialect.bias or name != "logit_bias"
        ):
            body[name] = value
    if sampling.seed is not None:
        body[dialect.seed] = sampling.seed
    if sampling.logprobs:
        body["logprobs"] = True
    if sampling.choices > 1:
        body["n"] = sampling.choices
    if sampling.stop:
        body["stop"] = list(sampling.stop)


def _write_tools(ask: Ask, dialect: Dialect, body: dict[str, Any]) -> None:
    choice = ask.choice
    tools = ask.tools
    if choice and choice.mode == "required" and len(choice.names) == 1 and not dialect.named_choice:
        # Such a server takes no name; with that tool alone in the list it comes to the same.
        tools = tuple(tool for tool in tools if tool.name in choice.names)
    elif choice and len(choice.names) > 1:
        tools = tuple(tool for tool in tools if tool.name in choice.names)
    if not tools:
        return
    body["tools"] = [tool.by(_tool) for tool in tools]
    if choice:
        body["tool_choice"] = _choice(choice, dialect)
    if ask.parallel is not None:
        body["parallel_tool_calls"] = ask.parallel


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    schema = tool.schema or _NO_PARAMETERS
    if "type" not in schema:
        schema = {"type": "object", **schema}
    function["parameters"] = schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice, dialect: Dialect) -> Any:
    if choice.mode != "required":
        return choice.mode
    if len(choice.names) == 1 and dialect.named_choice:
        return {"type": "function", "function": {"name": choice.names[0]}}
    return dialect.required
