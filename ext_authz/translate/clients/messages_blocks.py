"""Anthropic Messages: the content blocks of a request become parts."""

from __future__ import annotations

from typing import Any

from ext_authz.translate.clients.fields import (
    item,
    mapping,
    optional_text,
    sequence,
    text,
    tool_name,
    wrong,
)
from ext_authz.translate.clients.shared import read_cache
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
from ext_authz.translate.wire import encode


def read_system(fields: dict[str, Any]) -> tuple[Turn, ...]:
    """Read `system`, a text or blocks of text."""
    given = fields.get("system")
    if given is None or given == "":
        return ()
    if isinstance(given, str):
        return (Turn("system", (Text(given),)),)
    if not isinstance(given, list):
        raise wrong("system", "a string or a list of text blocks")
    said = [
        Text(text(item(block, f"system.{n}"), "text", f"system.{n}."), read_cache(block))
        for n, block in enumerate(given)
    ]
    return (Turn("system", tuple(said)),) if said else ()


def read_blocks(message: dict[str, Any], where: str, names: dict[str, str]) -> Turn:
    """Read one message; `names` learns the names of the tools by the ids of their calls."""
    role: Any = message.get("role")
    if role not in ("user", "assistant", "system"):
        raise wrong(f"{where}.role", "user or assistant")
    content = message.get("content")
    if isinstance(content, str):
        return Turn(role, (Text(content),))
    if not isinstance(content, list):
        raise wrong(f"{where}.content", "a string or a list of blocks")
    parts: list[Part] = []
    for n, given in enumerate(content):
        place = f"{where}.content.{n}"
        parts += _parts(item(given, place), place, names)
    if role == "system" and not all(isinstance(part, Text) for part in parts):
        raise UnsupportedError("A system message holds text only", param=f"{where}.content")
    return Turn(role, tuple(parts))


def _parts(block: dict[str, Any], where: str, names: dict[str, str]) -> list[Part]:
    kind = block.get("type")
    if kind == "text":
        return [Text(text(block, "text", f"{where}."), read_cache(block))]
    if kind == "tool_use":
        call_id = text(block, "id", f"{where}.")
        name = names[call_id] = tool_name(block, f"{where}.")
        called = encode(mapping(block, "input", f"{where}.")).decode()
        return [ToolCall(call_id, name, called, "", read_cache(block))]
    if kind == "tool_result":
        return [_result(block, where, names)]
    if kind == "thinking":
        thought = optional_text(block, "thinking", f"{where}.")
        return [Reasoning(thought, optional_text(block, "signature", f"{where}."))]
    if kind == "redacted_thinking":
        return [Redacted(text(block, "data", f"{where}."))]
    return list(_shown(block, where))


def _shown(block: dict[str, Any], where: str) -> list[Text | Media]:
    """Read a block that a tool's result may hold too."""
    kind = block.get("type")
    if kind == "text":
        return [Text(text(block, "text", f"{where}."), read_cache(block))]
    if kind == "image":
        return [_image(block, where)]
    if kind == "document":
        return _document(block, where)
    if kind == "search_result":
        said = _texts(sequence(block, "content", f"{where}."), where)
        title, source = optional_text(block, "title"), optional_text(block, "source")
        return [Text(f"{title} ({source})\n" + "\n".join(said), read_cache(block))]
    raise UnsupportedError(f"Blocks of type `{kind}` are for Anthropic's servers only", param=where)


def _result(block: dict[str, Any], where: str, names: dict[str, str]) -> ToolResult:
    call_id = text(block, "tool_use_id", f"{where}.")
    content = block.get("content")
    parts: list[Text | Media] = []
    if isinstance(content, str):
        parts.append(Text(content))
    elif isinstance(content, list):
        for n, given in enumerate(content):
            place = f"{where}.content.{n}"
            parts += _shown(item(given, place), place)
    elif content is not None:
        raise wrong(f"{where}.content", "a string or a list of blocks")
    failed = block.get("is_error") is True
    return ToolResult(call_id, names.get(call_id, ""), tuple(parts), failed, read_cache(block))


def _image(block: dict[str, Any], where: str) -> Media:
    source = mapping(block, "source", f"{where}.")
    kind = source.get("type")
    if kind == "base64":
        data = text(source, "data", f"{where}.source.")
        media_type = text(source, "media_type", f"{where}.source.")
        return Media("image", media_type, data, cache=read_cache(block))
    if kind == "url":
        url = text(source, "url", f"{where}.source.")
        return Media("image", "", url=url, cache=read_cache(block))
    raise UnsupportedError("Files that lie at Anthropic cannot be read here", param=where)


def _document(block: dict[str, Any], where: str) -> list[Text | Media]:
    source = mapping(block, "source", f"{where}.")
    kind = source.get("type")
    name, context = optional_text(block, "title"), optional_text(block, "context")
    cache = read_cache(block)
    if kind == "base64":
        media_type = optional_text(source, "media_type") or "application/pdf"
        data = text(source, "data", f"{where}.source.")
        return [Media("document", media_type, data, name=name, context=context, cache=cache)]
    if kind == "url":
        url = text(source, "url", f"{where}.source.")
        return [
            Media("document", "application/pdf", url=url, name=name, context=context, cache=cache)
        ]
    if kind == "text":
        data = text(source, "data", f"{where}.source.")
        return [Media("document", "text/plain", text=data, name=name, context=context, cache=cache)]
    if kind == "content":
        inner = source.get("content")
        if isinstance(inner, str):
            return [Text(inner, cache)]
        shown: list[Text | Media] = []
        for n, given in enumerate(sequence(source, "content", f"{where}.source.")):
            shown += _shown(item(given, f"{where}.source.content.{n}"), where)
        return shown
    raise UnsupportedError("Files that lie at Anthropic cannot be read here", param=where)


def _texts(blocks: list[Any], where: str) -> list[str]:
    return [text(item(block, where), "text", f"{where}.") for block in blocks]
