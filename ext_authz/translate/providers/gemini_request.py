"""Gemini, in AI Studio and on Vertex AI: an `Ask` becomes the provider's request.

Source: the schema of `models.generateContent` and `models.streamGenerateContent`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ext_authz.translate.conversation import PLAIN, Ask, Sampling, Tool, ToolChoice
from ext_authz.translate.efforts import budget_of, effort_of
from ext_authz.translate.providers.answer_tool import answered_by_tool
from ext_authz.translate.providers.dropped import NEVER, dropped
from ext_authz.translate.providers.gemini_contents import contents
from ext_authz.translate.providers.gemini_schema import openapi_schema
from ext_authz.translate.providers.turns import alternate
from ext_authz.translate.target import Target, Traits, quoted
from ext_authz.translate.upstream import SSE_TYPE, Upstream, json_headers
from ext_authz.translate.wire import encode
from xds.edge.pairs import Provider

_LEVELS: Final = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_SAMPLING: Final = (
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
)
_WORDS: Final = {
    "logit_bias": NEVER,
    "reasoning_effort": "thinkingConfig",
    "parallel_tool_calls": NEVER,
    "service_tier": NEVER,
    "user": NEVER,
    "verbosity": NEVER,
}
"""What Gemini calls the members that may be dropped."""
_VERTEX: Final = Provider.GEMINI_VERTEX
_PRO: Final = re.compile(r"gemini-[0-9.]+-pro")
_LEAST_OF_PRO: Final = 128
_MOST: Final = 24576


def write_gemini(ask: Ask, target: Target) -> Upstream:
    """Write the request; raises `RefusedError` for what the provider cannot do."""
    verb = "streamGenerateContent?alt=sse" if ask.stream else "generateContent"
    unwrap = ""
    if ask.format and ask.tools and target.known.thinking != "effort":
        # Models before Gemini 3 refuse to give JSON beside tools.
        ask, unwrap = answered_by_tool(ask)
    body = generate_of(ask, target)
    return Upstream(
        path=model_path(target, verb),
        body=encode(body),
        headers=json_headers(SSE_TYPE if ask.stream else ""),
        stream=ask.stream,
        unwrap=unwrap,
        dropped=dropped(ask, _WORDS, body.get("generationConfig", {})),
    )


def model_path(target: Target, verb: str) -> str:
    """The path of an operation of a model."""
    model = quoted(target.model, "/")
    if target.provider is _VERTEX:
        model = model if "/" in model else f"publishers/google/models/{model}"
        return f"{target.vertex}/{model}:{verb}"
    model = model if "/" in model else f"models/{model}"
    return f"{target.path}/{model}:{verb}"


def generate_of(ask: Ask, target: Target) -> dict[str, Any]:
    """The body of a request for content."""
    traits = target.known
    system, turns = alternate(ask.turns)
    signed = traits.thinking == "effort"
    body: dict[str, Any] = {"contents": contents(turns, target, signed=signed)}
    if system:
        body["systemInstruction"] = {"parts": [{"text": part.text} for part in system]}
    _write_tools(ask, traits, body)
    config = _config(ask, target, traits)
    if config:
        body["generationConfig"] = config
    return body


def _write_tools(ask: Ask, traits: Traits, body: dict[str, Any]) -> None:
    if not ask.tools:
        return
    write = _declared_in_openapi if traits.schema_subset else _declared
    body["tools"] = [{"functionDeclarations": [tool.by(write) for tool in ask.tools]}]
    if ask.choice:
        body["toolConfig"] = {"functionCallingConfig": _calling(ask.choice)}


def _calling(choice: ToolChoice) -> dict[str, Any]:
    if choice.mode == "none":
        return {"mode": "NONE"}
    if choice.names:
        # Only ANY takes names; VALIDATED with them leaves the model free to answer in words.
        mode = "ANY" if choice.mode == "required" else "VALIDATED"
        return {"mode": mode, "allowedFunctionNames": list(choice.names)}
    return {"mode": "ANY" if choice.mode == "required" else "AUTO"}


def _declared(tool: Tool) -> dict[str, Any]:
    declared = _called(tool)
    if not _takes_nothing(tool.schema):
        declared["parametersJsonSchema"] = _without_marks(tool.schema)
    return declared


def _declared_in_openapi(tool: Tool) -> dict[str, Any]:
    declared = _called(tool)
    if not _takes_nothing(tool.schema):
        declared["parameters"] = openapi_schema(tool.schema)
    return declared


def _called(tool: Tool) -> dict[str, Any]:
    """Write a tool without parameters, which is also how to say that it takes none.

    An object without members is refused.
    """
    if tool.description:
        return {"name": tool.name, "description": tool.description}
    return {"name": tool.name}


def _takes_nothing(schema: dict[str, Any]) -> bool:
    others = {"$ref", "anyOf", "oneOf", "allOf", "additionalProperties"} & schema.keys()
    return not schema.get("properties") and not others and schema.get("type", "object") == "object"


def _without_marks(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema without the members that only say what it is written in."""
    return {key: value for key, value in schema.items() if key not in ("$schema", "$id")}


def _config(ask: Ask, target: Target, traits: Traits) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if ask.max_tokens:
        config["maxOutputTokens"] = ask.max_tokens
    if ask.sampling is not PLAIN:
        _write_sampling(ask.sampling, config)
    if ask.format:
        config["responseMimeType"] = "application/json"
        if ask.format.schema is not None and traits.schema_subset:
            config["responseSchema"] = openapi_schema(ask.format.schema)
        elif ask.format.schema is not None:
            config["responseJsonSchema"] = _without_marks(ask.format.schema)
    thinking = _thinking(ask, target, traits)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _write_sampling(sampling: Sampling, config: dict[str, Any]) -> None:
    for name, word in _SAMPLING:
        if (value := getattr(sampling, name)) is not None:
            config[word] = value
    if sampling.stop:
        config["stopSequences"] = list(sampling.stop)
    if sampling.choices > 1:
        config["candidateCount"] = sampling.choices
    if sampling.logprobs:
        config["responseLogprobs"] = True
        if sampling.top_logprobs is not None:
            config["logprobs"] = sampling.top_logprobs


def _thinking(ask: Ask, target: Target, traits: Traits) -> dict[str, Any]:
    """How much to think: a budget for 2.5, a level from 3 on."""
    budget = budget_of(ask.thinking)
    if budget is None or traits.thinking == "none":
        return {}
    shown = budget > 0 and ask.thinking.display != "omitted"
    if traits.thinking == "budget":
        least = _LEAST_OF_PRO if _PRO.search(target.model) else 0
        return {
            "thinkingBudget": min(max(budget, least), _MOST),
            **({"includeThoughts": True} if shown else {}),
        }
    effort = effort_of(ask.thinking)
    config: dict[str, Any] = {"includeThoughts": True} if shown else {}
    if effort:
        level = _LEVELS[effort]
        if level == "MINIMAL" and _PRO.search(target.model):
            level = "LOW"
        config["thinkingLevel"] = level
    return config
