"""Anthropic Messages: the content blocks of a request become parts."""

from __future__ import annotations

from ext_authz.translate.clients.fields import checked_name, wrong
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


def read_system(given: str | list[Block]) -> tuple[Turn, ...]:
    """Read `system`, a text or blocks of text."""
    if isinstance(given, str):
        return (Turn("system", (Text(given),)),) if given else ()
    said = [
        Text(_text(block.text, f"system.{n}.text"), _cache(block)) for n, block in enumerate(given)
    ]
    return (Turn("system", tuple(said)),) if said else ()


def read_blocks(message: Message, number: int, names: dict[str, str]) -> Turn:
    """Read one message; `names` learns the names of the tools by the ids of their calls."""
    role, content = message.role, message.content
    if isinstance(content, str):
        return Turn(role, (Text(content),))
    parts: list[Part] = []
    for n, block in enumerate(content):
        if block.type == "text" and (text := block.text) is not None:
            parts.append(Text(text, _cache(block)))
        else:
            parts += _parts(block, f"messages.{number}.content.{n}", names)
    if role == "system" and not all(type(part) is Text for part in parts):
        raise UnsupportedError("A system message holds text only", param=f"messages.{number}")
    return Turn(role, tuple(parts))


def _parts(block: Block, where: str, names: dict[str, str]) -> list[Part]:
    kind = block.type
    if kind == "tool_use":
        call_id = _text(block.id, f"{where}.id")
        name = names[call_id] = checked_name(block.name, where)
        called = encode(block.input or {}).decode()
        return [ToolCall(call_id, name, called, "", _cache(block))]
    if kind == "tool_result":
        return [_result(block, where, names)]
    if kind == "thinking":
        return [Reasoning(block.thinking or "", block.signature or "")]
    if kind == "redacted_thinking":
        return [Redacted(_text(block.data, f"{where}.data"))]
    return list(_shown(block, where))


def _shown(block: Block, where: str) -> list[Text | Media]:
    """Read a block that a tool's result may hold too."""
    kind = block.type
    if kind == "text":
        return [Text(_text(block.text, f"{where}.text"), _cache(block))]
    if kind == "image":
        return [_image(block, where)]
    if kind == "document":
        return _document(block, where)
    if kind == "search_result":
        inner = block.content if isinstance(block.content, list) else []
        said = [_text(one.text, f"{where}.content.{n}.text") for n, one in enumerate(inner)]
        source = block.source if isinstance(block.source, str) else ""
        return [Text(f"{block.title or ''} ({source})\n" + "\n".join(said), _cache(block))]
    raise UnsupportedError(f"Blocks of type `{kind}` are for Anthropic's servers only", param=where)


def _result(block: Block, where: str, names: dict[str, str]) -> ToolResult:
    call_id = _text(block.tool_use_id, f"{where}.tool_use_id")
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


def _image(block: Block, where: str) -> Media:
    source = _source(block)
    if source.type == "base64":
        data = _text(source.data, f"{where}.source.data")
        media_type = _text(source.media_type, f"{where}.source.media_type")
        return Media("image", media_type, data, cache=_cache(block))
    if source.type == "url":
        return Media("image", "", url=_text(source.url, f"{where}.source.url"), cache=_cache(block))
    raise UnsupportedError("Files that lie at Anthropic cannot be read here", param=where)


def _document(block: Block, where: str) -> list[Text | Media]:
    source = _source(block)
    kind = source.type
    name, context, cache = block.title or "", block.context or "", _cache(block)
    if kind == "base64":
        media_type = source.media_type or "application/pdf"
        data = _text(source.data, f"{where}.source.data")
        return [Media("document", media_type, data, name=name, context=context, cache=cache)]
    if kind == "url":
        url = _text(source.url, f"{where}.source.url")
        return [
            Media("document", "application/pdf", url=url, name=name, context=context, cache=cache)
        ]
    if kind == "text":
        data = _text(source.data, f"{where}.source.data")
        return [Media("document", "text/plain", text=data, name=name, context=context, cache=cache)]
    if kind == "content":
        inner = source.content or []
        if isinstance(inner, str):
            return [Text(inner, cache)]
        shown: list[Text | Media] = []
        for n, one in enumerate(inner):
            shown += _shown(one, f"{where}.source.content.{n}")
        return shown
    raise UnsupportedError("Files that lie at Anthropic cannot be read here", param=where)


def _source(block: Block) -> Source:
    return block.source if type(block.source) is Source else Source()


def _cache(block: Block) -> Cache | None:
    return cache_of(block.cache_control)


def _text(value: str | None, where: str) -> str:
    if value is None:
        raise wrong(where, "a string")
    return value
