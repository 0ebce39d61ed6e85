"""OpenAI chat completions: plain and streamed, with tools, several choices and structured answers.

Source: the API reference of `POST /v1/chat/completions` and of its chunk object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from simulator import content, tokens
from simulator.content import Ask, Reply, Tool, ToolCall
from simulator.formats.base import Call, Refused, text_of
from simulator.formats.openai_request import (
    CREATED,
    EFFORT,
    SSE,
    Generation,
    allowed,
    fit_context,
    generation,
    missing,
    read,
    spent,
    usage_json,
    wrong_type,
)
from simulator.message import Answer, Chunk, Usage, encode_json, json_answer

_FINGERPRINT = "fp_simulated"
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_NOBODY: dict[str, Any] = {}


def respond(call: Call) -> Answer:
    """Answer one chat completion request, or raise `Refused`."""
    body = read(call)
    asked = generation(body)
    messages = _messages(body)
    prompt_tokens = 3 + sum(_message_tokens(message) for message in messages)
    if body.get("tools"):
        prompt_tokens += tokens.count_prompt(encode_json(body["tools"]).decode())
    fit_context(call, prompt_tokens, "messages")
    ask = _ask(call, body, asked, messages)
    replies = tuple(content.reply(ask, index) for index in range(asked.n))
    effort = body.get("reasoning_effort")
    reasoning = EFFORT.get(effort, 32) * asked.n if isinstance(effort, str) else 0
    usage = spent(prompt_tokens, sum(reply.output_tokens for reply in replies), reasoning)
    identity = "chatcmpl-" + call.digest[:15].hex()
    logprobs = body.get("logprobs") is True
    if not asked.stream:
        return _plain(identity, asked, replies, usage, logprobs=logprobs)
    chunks = list(_stream(call, identity, asked, replies, usage, logprobs=logprobs))
    if reasoning:
        # What was thought unseen has been paid for once the first token is out.
        first = next((at for at, chunk in enumerate(chunks) if chunk.tokens), 0)
        chunks[first] = replace(chunks[first], tokens=chunks[first].tokens + reasoning)
    return Answer(200, SSE, tuple(chunks), None, usage=usage, model=asked.model)


def _ask(
    call: Call, body: Mapping[str, Any], asked: Generation, messages: list[dict[str, Any]]
) -> Ask:
    users = (message for message in reversed(messages) if message["role"] == "user")
    tools = allowed(_tools(body.get("tools")), body.get("tool_choice"))
    choice = _tool_choice(body.get("tool_choice"), tools)
    if choice == "auto" and messages[-1]["role"] in ("tool", "function"):
        choice = "none"  # the results are in: a model would talk now
    return Ask(
        digest=call.digest,
        provider=call.provider.name,
        model=asked.model,
        prompt=text_of(next(users, _NOBODY).get("content")),
        max_tokens=asked.max_tokens,
        stop=asked.stop,
        schema=_schema(body.get("response_format")),
        wanted=call.outcome.tokens,
        size=call.outcome.size,
        text=call.text,
        tools=tools,
        tool_choice=choice,
        parallel_tools=body.get("parallel_tool_calls") is not False,
    )


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages, checked as the API does: roles, and tool results that answer a call."""
    messages = body.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise Refused(
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
            code="empty_array",
            param="messages",
        )
    waiting: list[Any] = []
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise wrong_type(f"messages[{at}]", "an object", message)
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise Refused(
                f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', "
                "'function', 'tool', and 'developer'.",
                code="invalid_value",
                param=f"messages[{at}].role",
            )
        if role == "tool" and message.get("tool_call_id") not in waiting:
            raise Refused(
                "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
                "message with 'tool_calls'.",
                param=f"messages[{at}].role",
            )
        calls = message.get("tool_calls")
        if role == "assistant" and isinstance(calls, list):
            waiting = [item.get("id") for item in calls if isinstance(item, dict)]
    return messages


def _message_tokens(message: Mapping[str, Any]) -> int:
    text = text_of(message.get("content"))
    calls = message.get("tool_calls")
    extra = encode_json(calls).decode() if calls else ""
    return 3 + tokens.count_prompt(text) + tokens.count_prompt(extra)


def _tools(value: Any) -> tuple[Tool, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise wrong_type("tools", "an array of objects", value)
    found = []
    for at, tool in enumerate(value):
        function = tool.get("function") if isinstance(tool, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not name:
            raise missing(f"tools[{at}].function.name")
        found.append(Tool(name, function.get("parameters")))
    return tuple(found)


def _tool_choice(value: Any, tools: tuple[Tool, ...]) -> str:
    """`auto`, `none`, `required`, or `=` and the name of the one tool."""
    if value is None:
        return "auto"
    if not tools:
        raise Refused(
            "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice"
        )
    match value:
        case "auto" | "none" | "required":
            return str(value)
        case {"type": "function", "function": {"name": str() as name}}:
            if any(tool.name == name for tool in tools):
                return f"={name}"
            raise Refused(f"Tool choice '{name}' not found in 'tools'.", param="tool_choice")
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode}}:
            return str(mode)
    raise wrong_type("tool_choice", "one of 'none', 'auto', 'required' or an object", value)


def _schema(value: Any) -> Any:
    """True for any JSON, a schema for structured answers, None for text."""
    match value:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return True
        case {"type": "json_schema", "json_schema": {"schema": dict() as schema}}:
            return schema
    raise Refused("Invalid 'response_format'.", code="invalid_value", param="response_format")


def _finish(reply: Reply) -> str:
    return "stop" if reply.finish == "stop_sequence" else reply.finish


def _call_json(called: ToolCall) -> dict[str, Any]:
    function = {"name": called.name, "arguments": called.arguments}
    return {"id": f"call_{called.id}", "type": "function", "function": function}


def _logprobs(parts: tuple[str, ...], *, wanted: bool) -> Any:
    if not wanted:
        return None
    return {
        "content": [
            {"token": part, "logprob": -0.1, "bytes": _bytes(part), "top_logprobs": []}
            for part in parts
        ],
        "refusal": None,
    }


def _bytes(part: str) -> list[int]:
    return list(part.encode("utf-8", "replace"))


def _plain(
    identity: str, asked: Generation, replies: tuple[Reply, ...], usage: Usage, *, logprobs: bool
) -> Answer:
    choices = []
    for index, reply in enumerate(replies):
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if reply.calls else reply.text,
            "refusal": None,
            "annotations": [],
        }
        if reply.calls:
            message["tool_calls"] = [_call_json(called) for called in reply.calls]
        choices.append(
            {
                "index": index,
                "message": message,
                "logprobs": _logprobs(reply.parts, wanted=logprobs),
                "finish_reason": _finish(reply),
            }
        )
    value = {
        "id": identity,
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.model,
        "choices": choices,
        "usage": usage_json(usage),
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }
    return json_answer(200, value, (), usage, asked.model)


def _stream(
    call: Call,
    identity: str,
    asked: Generation,
    replies: tuple[Reply, ...],
    usage: Usage,
    *,
    logprobs: bool,
) -> Iterator[Chunk]:
    """The events of a stream; with `include_usage` each has `usage: null` and a last one has it."""
    head = {
        "id": identity,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": asked.model,
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }
    # Everything but the choices is the same in each event: encode it once.
    before = b"data: " + encode_json(head)[:-1] + b',"choices":'
    after = b',"usage":null}\n\n' if asked.include_usage else b"}\n\n"

    def event(index: int, delta: Any, count: int = 0, finish: str | None = None) -> Chunk:
        said = (delta["content"],) if count and "content" in delta else ()
        shown = _logprobs(said, wanted=logprobs and bool(said))
        choice = {"index": index, "delta": delta, "logprobs": shown, "finish_reason": finish}
        delay = call.token_delay if count else 0.0
        return Chunk(before + encode_json([choice]) + after, count, delay)

    role = {"role": "assistant", "content": "", "refusal": None}
    for index, reply in enumerate(replies):
        yield event(index, {**role, "content": None} if reply.calls else role)
    for index, reply in enumerate(replies):
        for part in reply.parts:
            yield event(index, {"content": part}, tokens.count_output((part,)))
        for number, called in enumerate(reply.calls):
            opening = _call_json(called)
            opening["function"] = {"name": called.name, "arguments": ""}
            yield event(index, {"tool_calls": [{"index": number, **opening}]})
            for part in called.parts:
                delta = {"index": number, "function": {"arguments": part}}
                yield event(index, {"tool_calls": [delta]}, 1)
        yield event(index, {}, 0, _finish(reply))
    if asked.include_usage:
        last = {**head, "choices": [], "usage": usage_json(usage)}
        yield Chunk(b"data: " + encode_json(last) + b"\n\n")
    yield Chunk(b"data: [DONE]\n\n", terminal=True)
