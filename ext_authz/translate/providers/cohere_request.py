"""Cohere's Chat API, version 2: an `Ask` becomes the provider's request.

Source: the schema of `POST /v2/chat`.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.conversation import Ask, Format, Tool
from ext_authz.translate.efforts import budget_of
from ext_authz.translate.errors import UnsupportedError
from ext_authz.translate.providers.dropped import NEVER, dropped, only_one_choice
from ext_authz.translate.providers.openai_dialect import Dialect
from ext_authz.translate.providers.openai_messages import messages_of
from ext_authz.translate.target import Target
from ext_authz.translate.upstream import SSE_TYPE, Upstream, json_headers
from ext_authz.translate.wire import encode

_DIALECT: Final = Dialect()
_WORDS: Final = {
    "logit_bias": NEVER,
    "reasoning_effort": "thinking",
    "parallel_tool_calls": NEVER,
    "service_tier": NEVER,
    "user": NEVER,
    "verbosity": NEVER,
}
"""What Cohere calls the members that may be dropped."""


def write_cohere(ask: Ask, target: Target) -> Upstream:
    """Write the request; raises `RefusedError` for what the provider cannot do."""
    only_one_choice(ask)
    sampling = ask.sampling
    body: dict[str, Any] = {"model": target.model, "messages": _messages(ask)}
    if ask.stream:
        body["stream"] = True
    given = (
        ("max_tokens", ask.max_tokens or None),
        ("temperature", sampling.temperature),
        ("p", _within(sampling.top_p, 0.01, 0.99)),
        ("k", sampling.top_k),
        ("seed", sampling.seed),
        ("presence_penalty", _within(sampling.presence_penalty, 0, 1)),
        ("frequency_penalty", _within(sampling.frequency_penalty, 0, 1)),
        ("stop_sequences", list(sampling.stop) or None),
        ("response_format", _format(ask.format)),
    )
    body |= {name: value for name, value in given if value is not None}
    if sampling.logprobs:
        raise UnsupportedError("Cohere's log probabilities are not OpenAI's", param="logprobs")
    _write_tools(ask, body)
    budget = budget_of(ask.thinking)
    if budget is not None and "reasoning" in target.model:
        body["thinking"] = (
            {"type": "enabled", "token_budget": budget} if budget else {"type": "disabled"}
        )
    return Upstream(
        path=f"{target.path}/chat",
        body=encode(body),
        headers=json_headers(SSE_TYPE if ask.stream else ""),
        stream=ask.stream,
        dropped=dropped(ask, _WORDS, body),
    )


def _within(value: float | None, least: float, most: float) -> float | None:
    """The nearest that Cohere takes: its ranges are narrower than OpenAI's, whose 1 is "all"."""
    return None if value is None else min(max(value, least), most)


def _messages(ask: Ask) -> list[dict[str, Any]]:
    """Cohere takes OpenAI's messages, save that an assistant's content is left out and not null."""
    messages = messages_of(ask, _DIALECT)
    for message in messages:
        if message["role"] == "assistant" and message["content"] is None:
            del message["content"]
    return messages


def _format(form: Format | None) -> dict[str, Any] | None:
    if form is None:
        return None
    if form.schema is None:
        return {"type": "json_object"}
    return {"type": "json_object", "json_schema": form.schema}


def _write_tools(ask: Ask, body: dict[str, Any]) -> None:
    choice = ask.choice
    tools = ask.tools
    if choice and choice.names:
        # There is no word for one tool: it is the only one in the list.
        tools = tuple(tool for tool in tools if tool.name in choice.names)
    if not tools:
        return
    body["tools"] = [tool.by(_tool) for tool in tools]
    if any(tool.strict for tool in tools):
        body["strict_tools"] = True
    if choice and choice.mode != "auto":
        body["tool_choice"] = choice.mode.upper()


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = {"type": "object", **tool.schema}
    return {"type": "function", "function": function}
