"""OpenAI Responses: the items of an input become turns.

Consecutive items of the assistant (reasoning, what it said, calls) are one turn, since that is
what they were when they came.
"""

from __future__ import annotations

from typing import Any

from ext_authz.translate.clients.content_parts import read_file, read_media
from ext_authz.translate.clients.fields import (
    arguments,
    item,
    optional_text,
    text,
    tool_name,
    wrong,
)
from ext_authz.translate.clients.thought_items import read_thought
from ext_authz.translate.conversation import Media, Part, Role, Text, ToolCall, ToolResult, Turn
from ext_authz.translate.errors import UnsupportedError
from ext_authz.translate.thought_ids import split_signature


def read_items(items: list[Any]) -> list[Turn]:
    """Read all items."""
    names: dict[str, str] = {}
    turns: list[tuple[Role, list[Part]]] = []
    for n, given in enumerate(items):
        role, parts = _item(item(given, f"input[{n}]"), f"input[{n}]", names)
        if not parts and role == "assistant":
            continue
        if role == "assistant" and turns and turns[-1][0] == role:
            turns[-1][1].extend(parts)
        else:
            turns.append((role, parts))
    return [Turn(role, tuple(parts)) for role, parts in turns]


def _item(given: dict[str, Any], where: str, names: dict[str, str]) -> tuple[Role, list[Part]]:
    kind = given.get("type", "message")
    if kind == "message":
        return _message(given, where)
    if kind == "function_call":
        call_id, signature = split_signature(text(given, "call_id", f"{where}."))
        name = names[call_id] = tool_name(given, f"{where}.")
        called = arguments(given.get("arguments", ""), where)
        return "assistant", [ToolCall(call_id, name, called, signature)]
    if kind == "function_call_output":
        call_id, _ = split_signature(text(given, "call_id", f"{where}."))
        shown = _content(given.get("output"), f"{where}.output")
        return "user", [ToolResult(call_id, names.get(call_id, ""), tuple(shown))]
    if kind == "reasoning":
        return "assistant", list(read_thought(given))
    raise UnsupportedError(f"Items of type `{kind}` are not supported here", param=where)


def _message(given: dict[str, Any], where: str) -> tuple[Role, list[Part]]:
    role = given.get("role")
    parts = _content(given.get("content"), f"{where}.content")
    if role == "user":
        return "user", list(parts)
    if role == "assistant":
        return "assistant", list(parts)
    if role in ("system", "developer"):
        if not all(type(part) is Text for part in parts):
            raise UnsupportedError("A system message holds text only", param=f"{where}.content")
        return "system", list(parts)
    raise wrong(f"{where}.role", "one of user, assistant, system and developer")


def _content(content: Any, where: str) -> list[Text | Media]:
    if isinstance(content, str):
        return [Text(content)]
    if content is None:
        return []
    if not isinstance(content, list):
        raise wrong(where, "a string or a list of parts")
    return [_part(item(given, f"{where}[{n}]"), f"{where}[{n}]") for n, given in enumerate(content)]


def _part(part: dict[str, Any], where: str) -> Text | Media:
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text", "summary_text"):
        return Text(text(part, "text", f"{where}."))
    if kind == "refusal":
        return Text(text(part, "refusal", f"{where}."))
    if kind == "input_image":
        url = part.get("image_url")
        if isinstance(url, dict):
            url = url.get("url")
        if not isinstance(url, str):
            raise UnsupportedError("Images that lie at OpenAI cannot be read here", param=where)
        return read_media(url, optional_text(part, "detail"), "", part, kind="image")
    if kind == "input_file":
        if url := optional_text(part, "file_url"):
            return read_media(url, "", optional_text(part, "filename"), part, kind="document")
        return read_file(part, part, where)
    raise UnsupportedError(f"Content of type `{kind}` is not supported here", param=where)
