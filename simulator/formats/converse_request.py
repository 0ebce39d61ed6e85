"""What Bedrock checks before it answers a Converse request, and what a request asks."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from simulator import tokens
from simulator.content import Ask, Tool
from simulator.formats.anthropic_request import UNSIGNED, beginning_of_turn
from simulator.formats.base import Call, Refused
from simulator.formats.converse_shape import check_converse
from simulator.message import encode_json

_LEAST_THINKING: Final = 1024
_NOT_SAID: Final = ("toolResult", "image", "document")
_NOT_ASKED: Final = ("toolUse", "reasoningContent")
_TOOL_BLOCKS: Final = ("toolUse", "toolResult")


def check_request(body: dict[str, Any]) -> None:
    """Raise `Refused` for what Bedrock would not answer."""
    check_converse(body)
    messages = body.get("messages") or []
    if not messages:
        raise Refused("The messages field is empty. Add messages and try again.")
    if messages[0]["role"] != "user":
        raise Refused(
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    called: list[str] = []
    has_tools = False
    for at, message in enumerate(messages):
        role, content = message["role"], message["content"]
        if at and role == messages[at - 1]["role"]:
            raise Refused(
                "A conversation must alternate between user and assistant roles. Make sure the "
                "conversation alternates between user and assistant roles and try again."
            )
        has_tools |= any(name in block for block in content for name in _TOOL_BLOCKS)
        _check_results(content, called, at)
        called = [block["toolUse"]["toolUseId"] for block in content if "toolUse" in block]
        _check_content(message, at)
    if called:
        raise Refused(
            f"Expected toolResult blocks at messages.{len(messages)}.content for the following "
            f"Ids: {', '.join(called)}"
        )
    if has_tools and not body.get("toolConfig"):
        raise Refused(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )
    _check_choice(body)


def _check_results(content: list[dict[str, Any]], called: list[str], at: int) -> None:
    results = [block["toolResult"]["toolUseId"] for block in content if "toolResult" in block]
    if left := [name for name in called if name not in results]:
        raise Refused(
            f"Expected toolResult blocks at messages.{at}.content for the following Ids: "
            f"{', '.join(left)}"
        )
    if len(results) > len(called):
        raise Refused(
            f"The number of toolResult blocks at messages.{at}.content exceeds the number of "
            "toolUse blocks of previous turn."
        )


def _check_content(message: Mapping[str, Any], at: int) -> None:
    content = message["content"]
    wrong = _NOT_SAID if message["role"] == "assistant" else _NOT_ASKED
    for number, block in enumerate(content):
        for name in wrong:
            if name in block:
                raise Refused(
                    f"The content block {name} at messages.{at}.content.{number} is not for the "
                    f"role {message['role']}."
                )
        if block.get("text") is not None and not block["text"].strip():
            raise Refused(
                f"The text field in the ContentBlock object at messages.{at}.content.{number} is "
                "blank. Add text to the text field, and try again."
            )
    documents = [block["document"]["name"] for block in content if "document" in block]
    if documents and not any("text" in block for block in content):
        raise Refused("Your conversation contains a document. Add a text block beside it.")
    if len(set(documents)) != len(documents):
        raise Refused("The names of the documents in a message have to be unique.")
    for block in content:
        source = (block.get("image") or block.get("document") or {}).get("source") or {}
        if "bytes" in source:
            _decoded(source["bytes"])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Refused("Unexpected value: a blob is no base64.") from None


def _check_choice(body: Mapping[str, Any]) -> None:
    config = body.get("toolConfig") or {}
    specs = [tool["toolSpec"] for tool in config.get("tools") or [] if "toolSpec" in tool]
    for at, spec in enumerate(specs):
        if spec["inputSchema"]["json"].get("type") != "object":
            raise Refused(
                f"The value at toolConfig.tools.{at}.toolSpec.inputSchema.json.type must be one of "
                "the following: object."
            )
    named = (config.get("toolChoice") or {}).get("tool")
    if named and named["name"] not in [spec["name"] for spec in specs]:
        raise Refused(f"The tool {named['name']} of toolChoice is not in toolConfig.tools.")


def ask_of(call: Call, model: str, body: Mapping[str, Any]) -> Ask:
    """What the request asks, in words that all APIs share."""
    messages = body["messages"]
    config = body.get("toolConfig") or {}
    tools = tuple(
        Tool(tool["toolSpec"]["name"], tool["toolSpec"]["inputSchema"]["json"])
        for tool in config.get("tools") or []
        if "toolSpec" in tool
    )
    match config.get("toolChoice"):
        case {"any": _}:
            choice = "required"
        case {"tool": {"name": str() as name}}:
            choice = f"={name}"
        case _:
            # Where the results are in, a model would talk now.
            done = any("toolResult" in block for block in messages[-1]["content"])
            choice = "none" if done else "auto"
    limits = body.get("inferenceConfig") or {}
    users = (message for message in reversed(messages) if message["role"] == "user")
    return Ask(
        digest=call.digest,
        provider=call.provider.name,
        model=model,
        prompt=_text(next(users)["content"]),
        tools=tools,
        tool_choice=choice,
        max_tokens=limits.get("maxTokens"),
        stop=tuple(limits.get("stopSequences") or ()),
        schema=_schema(body),
        wanted=call.outcome.tokens,
        size=call.outcome.size,
        text=call.text,
        thinking=_thinking(body, forced=choice not in ("auto", "none")),
    )


def _text(content: list[dict[str, Any]]) -> str:
    return "".join(block.get("text") or "" for block in content)


def _thinking(body: Mapping[str, Any], *, forced: bool) -> int:
    more = body.get("additionalModelRequestFields") or {}
    limits = body.get("inferenceConfig") or {}
    match more.get("thinking") or more.get("reasoning_config") or more.get("reasoningConfig"):
        case {"type": "enabled", **rest}:
            budget = rest.get("budget_tokens")
            if budget is not None and (not isinstance(budget, int) or budget < _LEAST_THINKING):
                raise Refused("thinking.enabled.budget_tokens: Input should be at least 1024")
            most = limits.get("maxTokens")
            if budget is not None and most is not None and budget >= most:
                raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`.")
            _check_thoughts(body["messages"])
        case {"type": "adaptive"}:
            pass
        case _:
            return 0
    if forced:
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")
    if limits.get("temperature") not in (None, 1):
        raise Refused("`temperature` may only be set to 1 when thinking is enabled.")
    return 12


def _check_thoughts(messages: list[dict[str, Any]]) -> None:
    """Claude's own rule: the turn to go on with begins with what was thought."""
    goes_on = [any("toolResult" in block for block in one["content"]) for one in messages]
    begins = beginning_of_turn([message["role"] for message in messages], goes_on)
    if begins is None:
        return
    first = messages[begins]["content"][0]
    if "reasoningContent" not in first:
        found = "tool_use" if "toolUse" in first else "text"
        raise Refused(f"messages.{begins}.content.0.type: {UNSIGNED.format(found)}")


def _schema(body: Mapping[str, Any]) -> Any:
    form = (body.get("outputConfig") or {}).get("textFormat")
    if form is None:
        return None
    try:
        schema = json.loads(form["structure"]["jsonSchema"]["schema"])
    except ValueError:
        raise Refused("outputConfig.textFormat: the schema is no JSON.") from None
    if not isinstance(schema, dict):
        raise Refused("outputConfig.textFormat: the schema is no object.")
    return schema


def count_prompt(body: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens of the whole prompt, and of the prefix that cache points mark in it."""
    total = marked = 0
    parts = list((body.get("toolConfig") or {}).get("tools") or [])
    parts += body.get("system") or []
    for message in body.get("messages") or []:
        parts += message["content"]
    for part in parts:
        if "cachePoint" in part:
            marked = total
        elif "text" in part:
            total += tokens.count_prompt(part["text"])
        else:
            total += tokens.count_prompt(encode_json(part).decode())
    return max(1, total), marked
