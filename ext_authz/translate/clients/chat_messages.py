"""OpenAI Chat Completions: the messages of a request become turns."""

from __future__ import annotations

from typing import Any, Final

from msgspec import structs

from ext_authz.translate.clients.chat_shape import CalledFunction, ChatCall, ChatMessage
from ext_authz.translate.clients.content_parts import read_part
from ext_authz.translate.clients.fields import Place, arguments, checked_name, wrong
from ext_authz.translate.clients.shared import cache_of
from ext_authz.translate.conversation import (
    Media,
    Part,
    Reasoning,
    Redacted,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from ext_authz.translate.errors import UnsupportedError
from ext_authz.translate.thought_ids import split_signature

_CALL: Final = "messages[{}].tool_calls[{}]"


def read_messages(messages: list[ChatMessage]) -> tuple[Turn, ...]:
    """Read all messages, in their order; each becomes a turn of its own."""
    if not messages:
        raise wrong("messages", "a list of at least one message")
    names: dict[str, str] = {}  # of tools, by the id of the call
    turns: list[Turn] = []
    for number, message in enumerate(messages):
        role, content = message.role, message.content
        said: tuple[Text | Media, ...]
        if type(content) is str and message.cache_control is None:
            said = (Text(content),)
        else:
            said = _content(message, number)
        if role == "user":
            turns.append(Turn("user", said))
        elif role == "assistant":
            turns.append(Turn("assistant", _assistant(message, said, number, names)))
        elif role in ("tool", "function"):
            turns.append(Turn("user", (_result(message, said, number, names),)))
        elif role in ("system", "developer"):
            if Media in map(type, said):
                where = f"messages[{number}].content"
                raise UnsupportedError("A system message holds text only", param=where)
            turns.append(Turn("system", said))
        else:
            where = f"messages[{number}].role"
            raise wrong(where, "one of system, developer, user, assistant and tool")
    return tuple(turns)


def _content(message: ChatMessage, number: int) -> tuple[Text | Media, ...]:
    content = message.content
    mark = message.cache_control
    cache = None if mark is None else cache_of(mark)
    if type(content) is str:
        return (Text(content, cache),)
    if not content:
        return ()
    parts = [
        read_part(part, f"messages[{number}].content[{n}]")
        for n, part in enumerate(content)
        if isinstance(part, dict)
    ]
    if cache:
        # The mark of a whole message stands on its last part.
        parts[-1] = _marked(parts[-1], cache)
    return tuple(parts)


def _marked(part: Text | Media, cache: Any) -> Text | Media:
    if part.cache is not None:
        return part
    if type(part) is Text:
        return Text(part.text, cache)
    return structs.replace(part, cache=cache)


def _assistant(
    message: ChatMessage, said: tuple[Text | Media, ...], number: int, names: dict[str, str]
) -> tuple[Part, ...]:
    parts: list[Part] = []
    if message.thinking_blocks or message.reasoning_content or message.reasoning:
        parts += _thoughts(message)
    parts += said
    if message.refusal:
        parts.append(Text(message.refusal))
    for n, call in enumerate(message.tool_calls or ()):
        parts.append(_call(call, Place(_CALL, number, n), names))
    if message.function_call is not None:
        where = f"messages[{number}].function_call"
        called = _called(message.function_call, where)
        names[called[0]] = called[0]
        parts.append(ToolCall(called[0], *called))
    return tuple(parts)


def _call(call: ChatCall, where: Place, names: dict[str, str]) -> ToolCall:
    if call.function is None:
        raise UnsupportedError("Only calls of functions are supported here", param=str(where))
    call_id, signature = split_signature(call.id)
    if isinstance(extra := call.extra_content, dict):
        google = extra.get("google")
        if isinstance(google, dict) and isinstance(google.get("thought_signature"), str):
            signature = google["thought_signature"]
    name, called = _called(call.function, where)
    names[call_id] = name
    mark = call.cache_control
    return ToolCall(call_id, name, called, signature, None if mark is None else cache_of(mark))


def _called(function: CalledFunction, where: str | Place) -> tuple[str, str]:
    """The name and the arguments of a call."""
    name = checked_name(function.name, where)
    return name, arguments(function.arguments or "", where)


def _result(
    message: ChatMessage, said: tuple[Text | Media, ...], number: int, names: dict[str, str]
) -> ToolResult:
    given = message.name if message.role == "function" else message.tool_call_id
    if given is None:
        raise wrong(f"messages[{number}].tool_call_id", "a string")
    call_id, _ = split_signature(given)
    name = names.get(call_id) or message.name or ""
    mark = message.cache_control
    cache = None if mark is None else cache_of(mark)
    return ToolResult(call_id, name, said, cache=cache)


def _thoughts(message: ChatMessage) -> list[Part]:
    """`thinking_blocks`, as they were given: they go first and unchanged."""
    thoughts: list[Part] = []
    blocks = message.thinking_blocks
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, dict):
            continue
        if block.get("type") == "thinking" and isinstance(block.get("thinking"), str):
            signature = block.get("signature")
            signed = signature if isinstance(signature, str) else ""
            thoughts.append(Reasoning(block["thinking"], signed))
        elif block.get("type") == "redacted_thinking" and isinstance(block.get("data"), str):
            thoughts.append(Redacted(block["data"]))
    shown = message.reasoning_content or message.reasoning
    if not thoughts and isinstance(shown, str):
        thoughts.append(Reasoning(shown))
    return thoughts
