"""Bedrock Converse: an `Ask` becomes the provider's request.

Source: `Converse` and `ConverseStream` of `bedrock-runtime`. The model's id stands in the path,
with every character quoted that is not unreserved: an ARN holds slashes and colons.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.conversation import UNSAID, Ask, Tool, ToolCall, ToolResult
from ext_authz.translate.efforts import budget_of, effort_of
from ext_authz.translate.errors import UnsupportedError
from ext_authz.translate.providers.answer_tool import JSON_ONLY, told
from ext_authz.translate.providers.converse_blocks import Names, blocks, cache_point
from ext_authz.translate.providers.dropped import NEVER, dropped, only_one_choice
from ext_authz.translate.providers.strict_schema import strict_schema
from ext_authz.translate.providers.turns import alternate, resumes_unsigned
from ext_authz.translate.target import Target, Traits, quoted
from ext_authz.translate.upstream import AWS_TYPE, Upstream, json_headers
from ext_authz.translate.wire import encode

_LEAST_BUDGET: Final = 1024
_TIERS: Final = {"default": "default", "flex": "flex", "priority": "priority", "auto": "default"}
_EFFORTS: Final = {"minimal": "low"}
_WORDS: Final = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "top_k",
    "seed": NEVER,
    "presence_penalty": NEVER,
    "frequency_penalty": NEVER,
    "logit_bias": NEVER,
    "verbosity": NEVER,
    "reasoning_effort": "thinking",
    "parallel_tool_calls": NEVER,
    "user": NEVER,
    "service_tier": "serviceTier",
}
"""What Bedrock calls the members that may be dropped, on whatever level they stand."""


def write_converse(ask: Ask, target: Target) -> Upstream:
    """Write the request; raises `RefusedError` for what the provider cannot do."""
    only_one_choice(ask)
    if ask.sampling.logprobs:
        raise UnsupportedError("Bedrock tells no log probabilities", param="logprobs")
    traits = target.known
    body, unwrap = converse_of(ask, traits)
    if tier := _TIERS.get(ask.tier):
        body["serviceTier"] = {"type": tier}
    verb = "converse-stream" if ask.stream else "converse"
    inference = body.get("inferenceConfig", {})
    written = {*body, *inference, *body.get("additionalModelRequestFields", {})}
    return Upstream(
        path=model_path(target, verb),
        body=encode(body),
        headers=json_headers(AWS_TYPE if ask.stream else ""),
        stream=ask.stream,
        unwrap=unwrap,
        dropped=dropped(ask, _WORDS, written, forced="thinking"),
    )


def model_path(target: Target, verb: str) -> str:
    """The path of an operation of a model."""
    return f"{target.path}/model/{quoted(target.model, '')}/{verb}"


def converse_of(ask: Ask, traits: Traits) -> tuple[dict[str, Any], str]:
    """The body, and the name of the tool that stands for the answer's schema, or ""."""
    system, turns = alternate(ask.turns)
    names = Names()
    body: dict[str, Any] = {
        "messages": [
            {"role": role, "content": content}
            for role, parts in turns
            if (content := blocks(parts, names))
        ]
    }
    said: list[dict[str, Any]] = []
    for part in system:
        said.append({"text": part.text})
        if part.cache is not None:
            said.append(cache_point(part.cache))
    if ask.format and ask.format.schema is None:
        said.append({"text": JSON_ONLY})
    if said:
        body["system"] = said
    unwrap = _write_format(ask, traits, body)
    _write_tools(ask, traits, body, unwrap)
    still = bool(unwrap) or ask.thinking is UNSAID
    if not still and traits.thinking == "budget":
        still = resumes_unsigned(turns)
    _write_inference(ask, traits, body, still=still)
    return body, unwrap


def _write_format(ask: Ask, traits: Traits, body: dict[str, Any]) -> str:
    form = ask.format
    if form is None or form.schema is None:
        return ""
    if not traits.json_schema:
        return form.name
    schema = {"schema": encode(strict_schema(form.schema)).decode(), "name": form.name}
    if form.description:
        schema["description"] = form.description
    body["outputConfig"] = {
        "textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}
    }
    return ""


def _write_tools(ask: Ask, traits: Traits, body: dict[str, Any], unwrap: str) -> None:
    choice = ask.choice
    given = ask.tools
    if choice and len(choice.names) > 1:
        given = tuple(tool for tool in given if tool.name in choice.names)
    called = [] if given and not (choice and choice.mode == "none") else _called(ask)
    if choice and choice.mode == "none" and not called:
        # There is no word for it here: a model without tools calls none.
        given = ()
    write = _strict_spec if traits.json_schema else _spec
    tools: list[Any] = []
    for tool in given:
        tools.append(tool.by(write))
        if tool.cache is not None:
            tools.append(cache_point(tool.cache))
    if not tools:
        # A history that calls tools is refused without their declarations.
        tools = [_spec(Tool(name, "", {})) for name in called]
    if unwrap and ask.format:
        tools.append(_spec(Tool(unwrap, told(ask.format), ask.format.schema or {})))
    if not tools:
        return
    config: dict[str, Any] = {"tools": tools}
    if unwrap:
        config["toolChoice"] = {"any": {}} if given else {"tool": {"name": unwrap}}
    elif choice and choice.mode == "required" and given:
        only = len(choice.names) == 1
        config["toolChoice"] = {"tool": {"name": choice.names[0]}} if only else {"any": {}}
    elif choice and choice.mode == "auto" and given:
        config["toolChoice"] = {"auto": {}}
    body["toolConfig"] = config


def _spec(tool: Tool) -> dict[str, Any]:
    schema = tool.schema or {"type": "object", "properties": {}}
    if schema.get("type") != "object":
        schema = {**schema, "type": "object"}
    spec: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description.strip() or tool.name,
        "inputSchema": {"json": schema},
    }
    return {"toolSpec": spec}


def _strict_spec(tool: Tool) -> dict[str, Any]:
    """Write a tool for a model that can be held to its schema."""
    written = _spec(tool)
    if tool.strict is True:
        spec = written["toolSpec"]
        spec["inputSchema"] = {"json": strict_schema(spec["inputSchema"]["json"])}
        spec["strict"] = True
    return written


def _called(ask: Ask) -> list[str]:
    """The names of the tools that the history calls or answers, each once."""
    names: dict[str, None] = {}
    for turn in ask.turns:
        for part in turn.parts:
            if isinstance(part, (ToolCall, ToolResult)):
                names[part.name or "tool"] = None
    return list(names)


def _write_inference(ask: Ask, traits: Traits, body: dict[str, Any], *, still: bool) -> None:
    sampling = ask.sampling
    more: dict[str, Any] = {}
    inference: dict[str, Any] = {}
    if ask.max_tokens:
        inference["maxTokens"] = ask.max_tokens
    thinks = _write_thinking(ask, traits, body, inference, more, still=still)
    if not thinks and traits.sampling:
        if sampling.temperature is not None:
            inference["temperature"] = min(sampling.temperature, 1)
        if sampling.top_p is not None and (sampling.temperature is None or traits.both_samplers):
            inference["topP"] = sampling.top_p
        if sampling.top_k is not None:
            more["top_k"] = sampling.top_k
    if stops := sampling.stop and [stop for stop in sampling.stop if stop.strip()]:
        inference["stopSequences"] = stops
    if inference:
        body["inferenceConfig"] = inference
    if more:
        body["additionalModelRequestFields"] = more


def _write_thinking(
    ask: Ask,
    traits: Traits,
    body: dict[str, Any],
    inference: dict[str, Any],
    more: dict[str, Any],
    *,
    still: bool,
) -> bool:
    """Write how much to think, in the words of the model; say whether it does (not if `still`)."""
    budget = budget_of(ask.thinking)
    if not budget or still or traits.thinking == "none":
        return False
    if traits.thinking == "effort":
        effort = effort_of(ask.thinking)
        more["thinking"] = {"type": "adaptive"}
        if effort:
            body.setdefault("outputConfig", {})["effort"] = _EFFORTS.get(effort, effort)
    else:
        budget = max(budget, _LEAST_BUDGET)
        limit = inference.get("maxTokens") or traits.max_tokens
        inference["maxTokens"] = limit if limit > budget else limit + budget
        more["thinking"] = {"type": "enabled", "budget_tokens": budget}
    if ask.thinking.display:
        more["thinking"]["display"] = ask.thinking.display
    config = body.get("toolConfig")
    if config and {"any", "tool"} & config.get("toolChoice", {}).keys():
        # A thinking model cannot be forced to call.
        config["toolChoice"] = {"auto": {}}
    return True
