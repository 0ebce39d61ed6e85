"""Anthropic Messages: an `Ask` becomes the provider's request.

Sources: the schema of `POST /v1/messages`; Claude on Vertex AI (`:rawPredict`, the model in the
path) and on Bedrock (`InvokeModel`, neither model nor stream in the body).
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.conversation import UNSAID, Ask, Format, Tool
from ext_authz.translate.efforts import budget_of, effort_of
from ext_authz.translate.errors import UnsupportedError
from ext_authz.translate.providers.answer_tool import JSON_ONLY, told
from ext_authz.translate.providers.anthropic_blocks import blocks, marked
from ext_authz.translate.providers.dropped import NEVER, dropped, only_one_choice
from ext_authz.translate.providers.strict_schema import strict_schema
from ext_authz.translate.providers.turns import alternate, resumes_unsigned
from ext_authz.translate.target import Target, Traits, quoted
from ext_authz.translate.upstream import AWS_TYPE, SSE_TYPE, Upstream, json_headers
from ext_authz.translate.wire import encode
from xds.edge.pairs import Provider

VERSION: Final = "2023-06-01"
VERTEX_VERSION: Final = "vertex-2023-10-16"
BEDROCK_VERSION: Final = "bedrock-2023-05-31"

_BEDROCK: Final = Provider.ANTHROPIC_BEDROCK
_VERTEX: Final = Provider.ANTHROPIC_VERTEX
_LEAST_BUDGET: Final = 1024
_EFFORTS: Final = {"minimal": "low"}
_TIERS: Final = {"auto": "auto", "default": "standard_only"}
_NO_SCHEMA: Final = {"type": "object", "properties": {}}
_WORDS: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": NEVER,
    "presence_penalty": NEVER,
    "frequency_penalty": NEVER,
    "logit_bias": NEVER,
    "verbosity": NEVER,
    "reasoning_effort": "thinking",
    "service_tier": "service_tier",
}
"""What Claude calls the members that may be dropped."""


def write_anthropic(ask: Ask, target: Target) -> Upstream:
    """Write the request; raises `RefusedError` for what the provider cannot do."""
    only_one_choice(ask)
    if ask.sampling.logprobs:
        raise UnsupportedError("Claude tells no log probabilities", param="logprobs")
    traits = target.known
    unwrap = ask.format.name if ask.format and _by_tool(ask.format, traits) else ""
    body = message_of(ask, traits)
    path = address(target, body, stream=ask.stream)
    return Upstream(
        path=path,
        body=encode(body),
        headers=headers_of(target, stream=ask.stream),
        stream=ask.stream,
        unwrap=unwrap,
        dropped=dropped(ask, _WORDS, body, forced="thinking"),
    )


def address(target: Target, body: dict[str, Any], *, stream: bool) -> str:
    """The path, with the body made to fit: the model and the version stand where they must."""
    if target.provider is _BEDROCK:
        body["anthropic_version"] = BEDROCK_VERSION
        verb = "invoke-with-response-stream" if stream else "invoke"
        return f"{target.path}/model/{quoted(target.model, '')}/{verb}"
    if stream:
        body["stream"] = True
    if target.provider is _VERTEX:
        body["anthropic_version"] = VERTEX_VERSION
        verb = "streamRawPredict" if stream else "rawPredict"
        return f"{target.vertex}/publishers/anthropic/models/{quoted(target.model, '@')}:{verb}"
    body["model"] = target.model
    return f"{target.path}/messages"


def headers_of(target: Target, *, stream: bool) -> tuple[tuple[str, str], ...]:
    """The headers of a request to Claude at this place."""
    if target.provider is _BEDROCK:
        return json_headers(AWS_TYPE if stream else "")
    accept = SSE_TYPE if stream else ""
    if target.provider is _VERTEX:
        return json_headers(accept)
    return json_headers(accept, ("anthropic-version", VERSION))


def message_of(ask: Ask, traits: Traits) -> dict[str, Any]:
    """The body without what depends on the place."""
    system, turns = alternate(ask.turns)
    messages = [
        {"role": role, "content": content} for role, parts in turns if (content := blocks(parts))
    ]
    body: dict[str, Any] = {"messages": messages}
    said = [marked({"type": "text", "text": part.text}, part.cache) for part in system]
    if ask.format and ask.format.schema is None:
        said.append({"type": "text", "text": JSON_ONLY})
    if said:
        body["system"] = said
    forced = _write_tools(ask, traits, body)
    still = forced or ask.thinking is UNSAID
    if not still and traits.thinking == "budget":
        still = resumes_unsigned(turns)
    thinks = _write_thinking(ask, traits, body, still=still)
    _write_sampling(ask, traits, body, thinks=thinks)
    if ask.format and ask.format.schema is not None and not _by_tool(ask.format, traits):
        schema = strict_schema(ask.format.schema)
        body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}
    if ask.user:
        body["metadata"] = {"user_id": ask.user}
    if tier := _TIERS.get(ask.tier):
        body["service_tier"] = tier
    return body


def _by_tool(form: Format, traits: Traits) -> bool:
    """Older models are held to a schema by a tool that they must call."""
    return form.schema is not None and not traits.json_schema


def _write_tools(ask: Ask, traits: Traits, body: dict[str, Any]) -> bool:
    """Write tools and their choice; return whether the answer's schema is a tool."""
    choice = ask.choice
    given = ask.tools
    if choice and len(choice.names) > 1:
        given = tuple(tool for tool in given if tool.name in choice.names)
    write = _strict_tool if traits.json_schema else _tool
    tools: list[Any] = [tool.by(write) for tool in given]
    form = ask.format if ask.format and _by_tool(ask.format, traits) else None
    if form:
        schema = {"type": "object", **(form.schema or {})}
        tools.append({"name": form.name, "description": told(form), "input_schema": schema})
    if not tools:
        return False
    body["tools"] = tools
    written: dict[str, Any] | None = None
    if form:
        written = {"type": "any"} if given else {"type": "tool", "name": form.name}
    elif choice and choice.mode == "required":
        only = len(choice.names) == 1
        written = {"type": "tool", "name": choice.names[0]} if only else {"type": "any"}
    elif choice:
        written = {"type": choice.mode}
    if ask.parallel is False and (written is None or written["type"] != "none"):
        written = {**(written or {"type": "auto"}), "disable_parallel_tool_use": True}
    if written:
        body["tool_choice"] = written
    return form is not None


def _tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    schema = tool.schema or _NO_SCHEMA
    if schema.get("type") != "object":
        schema = {**schema, "type": "object"}
    written["input_schema"] = schema
    return marked(written, tool.cache)


def _strict_tool(tool: Tool) -> dict[str, Any]:
    """Write a tool for a model that can be held to its schema."""
    written = _tool(tool)
    if tool.strict is True:
        written["input_schema"] = strict_schema(written["input_schema"])
        written["strict"] = True
    return written


def _write_thinking(ask: Ask, traits: Traits, body: dict[str, Any], *, still: bool) -> bool:
    """Write how much to think (nothing, if `still`) and to say; return whether the model thinks."""
    limit = traits.max_tokens if not ask.max_tokens else ask.max_tokens
    body["max_tokens"] = limit
    budget = budget_of(ask.thinking)
    if not budget or still or traits.thinking == "none":
        return False
    if traits.thinking == "effort":
        body["thinking"] = {"type": "adaptive"}
        if effort := effort_of(ask.thinking):
            body["output_config"] = {"effort": _EFFORTS.get(effort, effort)}
    else:
        budget = max(budget, _LEAST_BUDGET)
        if limit <= budget:
            # The limit was meant for what is said; thinking comes on top.
            body["max_tokens"] = limit + budget
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    if ask.thinking.display:
        body["thinking"]["display"] = ask.thinking.display
    choice = body.get("tool_choice")
    if choice and choice["type"] in ("any", "tool"):
        # A thinking model cannot be forced to call: the API answers 400.
        softened = {"type": "auto"}
        if "disable_parallel_tool_use" in choice:
            softened["disable_parallel_tool_use"] = choice["disable_parallel_tool_use"]
        body["tool_choice"] = softened
    return True


def _write_sampling(ask: Ask, traits: Traits, body: dict[str, Any], *, thinks: bool) -> None:
    sampling = ask.sampling
    if stops := sampling.stop and [stop for stop in sampling.stop if stop.strip()]:
        body["stop_sequences"] = stops
    if thinks or not traits.sampling:
        # A thinking model, and the newest ones, take the default only.
        return
    if sampling.temperature is not None:
        body["temperature"] = min(sampling.temperature, 1)
    if sampling.top_p is not None and (sampling.temperature is None or traits.both_samplers):
        # The models since 4.1 refuse one beside the other.
        body["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        body["top_k"] = sampling.top_k
