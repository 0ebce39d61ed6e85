"""Anthropic Messages: the content blocks of a request become parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ext_authz.translate.clients.fields import Place, checked_name, wrong
from ext_authz.translate.clients.messages_shape import Block, Message, Source
from ext_authz.translate.clients.shared import cache_of
from ext_authz.translate.conversation import (
    Cache,
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

_BLOCK: Final = "messages.{}.content.{}"
Where = str | Place


def read_system(given: str | list[Block]) -> tuple[Turn, ...]:
    """Read `system`, a text or blocks of text."""
    if isinstance(given, str):
        return (Turn("system", (Text(given),)),) if given else ()
    said = [
        Text(_text(block.text, f"system.{n}", "text"), _cache(block))
        for n, block in enumerate(given)
    ]
    return (Turn("system", tuple(said)),) if said else ()


def read_blocks(message: Message, number: int, names: dict[str, str]) -> Turn:
    """Read one message; `names` learns the names of the tools by the ids of their calls."""
    role, content = message.role, message.content
    if isinstance(content, str):
        return Turn(role, (Text(content),))
    parts: list[Part] = []
    for n, block in enumerate(content):
        kind = block.type
        if kind == "text" and (text := block.text) is not None:
            parts.append(Text(text, _cache(block)))
        elif kind == "tool_use":
            parts.append(_call(block, Place(_BLOCK, number, n), names))
        elif kind == "tool_result":
            parts.append(_result(block, Place(_BLOCK, number, n), names))
        else:
            parts += _seldom(block, Place(_BLOCK, number, n))
    if role == "system" and not all(type(part) is Text for part in parts):
        raise UnsupportedError("A system message holds text only", param=f"messages.{number}")
    return Turn(role, tuple(parts))


def _call(block: Block, where: Where, names: dict[str, str]) -> ToolCall:
    call_id = _text(block.id, where, "id")
    name = names[call_id] = checked_name(block.name, where)
    return ToolCall(call_id, name, encode(block.input or {}).decode(), "", _cache(block))


def _seldom(block: Block, where: Where) -> Sequence[Part]:
    if block.type == "thinking":
        return (Reasoning(block.thinking or "", block.signature or ""),)
    if block.type == "redacted_thinking":
        return (Redacted(_text(block.data, where, "data")),)
    return _shown(block, where)


def _shown(block: Block, where: Where) -> list[Text | Media]:
    """Read a block that a tool's result may hold too."""
    kind = block.type
    if kind == "text":
        return [Text(_text(block.text, where, "text"), _cache(block))]
    if kind == "image":
        return [_image(block, where)]
    if kind == "document":
        return _document(block, where)
    if kind == "search_result":
        inner = block.content if isinstance(block.content, list) else []
        said = [_text(one.text, where, f"content.{n}.text") for n, one in enumerate(inner)]
        source = block.source if isinstance(block.source, str) else ""
        return [Text(f"{block.title or ''} ({source})\n" + "\n".join(said), _cache(block))]
    raise UnsupportedError(
        f"Blocks of type `{kind}` are for Anthropic's servers only", param=str(where)
    )


def _result(block: Block, where: Where, names: dict[str, str]) -> ToolResult:
    call_id = _text(block.tool_use_id, where, "tool_use_id")
    content = block.content
    parts: list[Text | Media] = []
    if isinstance(content, str):
        parts.append(Text(content))
    elif isinstance(content, list):
        for n, inner in enumerate(content):
            parts += _shown(inner, f"{where}.content.{n}")
    elif content is not None:
        raise wrong(f"{where}.content", "a string or a list of blocks")
    failed = block.is_error is True
    return ToolResult(call_id, names.get(call_id, ""), tuple(parts), failed, _cache(block))


def _image(block: Block, where: Where) -> Media:
    source = _source(block)
    if source.type == "base64":
        data = _text(source.data, where, "source.data")
        media_type = _text(source.media_type, where, "source.media_type")
        return Media("image", media_type, data, cache=_cache(block))
    if source.type == "url":
        return Media("image", "", url=_text(source.url, where, "source.url"), cache=_cache(block))
    raise UnsupportedError("Files that lie at Anthropic cannot be read here", param=str(where))


def _document(block: Block, where: Where) -> list[Text | Media]:
    source = _source(block)
    kind = source.type
    name, context, cache = block.title or "", block.context or "", _cache(block)
    if kind == "base64":
        media_type = source.media_type or "application/pdf"
        data = _text(source.data, where, "source.data")
        return [Media("document", media_type, data, name=name, context=context, cache=cache)]
    if kind == "url":
        url = _text(source.url, where, "source.url")
        return [
            Media("document", "application/pdf", url=url, name=name, context=context, cache=cache)
        ]
    if kind == "text":
        data = _text(source.data, where, "source.data")
        return [Media("document", "text/plain", text=data, name=name, context=context, cache=cache)]
    if kind == "content":
        inner = source.content or []
        if isinstance(inner, str):
            return [Text(inner, cache)]
        shown: list[Text | Media] = []
        for n, one in enumerate(inner):
            shown += _shown(one, f"{where}.source.content.{n}")
        return shown
    raise UnsupportedError("Files that lie at Anthropic cannot be read here", param=str(where))


def _source(block: Block) -> Source:
    return block.source if type(block.source) is Source else Source()


def _cache(block: Block) -> Cache | None:
    mark = block.cache_control
    return None if mark is None else cache_of(mark)


def _text(value: str | None, where: Where, name: str) -> str:
    if value is None:
        raise wrong(f"{where}.{name}", "a string")
    return value
