"""Parts of turns as Anthropic's content blocks."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from ext_authz.translate.conversation import (
    Cache,
    Media,
    Part,
    Reasoning,
    Redacted,
    Text,
    ToolCall,
    ToolResult,
)
from ext_authz.translate.errors import RefusedError, UnsupportedError

_NO_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_IMAGES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")


def blocks(parts: list[Part]) -> list[dict[str, Any]]:
    """Write a turn; signed reasoning goes first and unchanged, unsigned is left out."""
    first: list[dict[str, Any]] = []
    then: list[dict[str, Any]] = []
    for part in parts:
        if type(part) is Text:
            block = {"type": "text", "text": part.text}
            then.append(marked(block, part.cache) if part.cache else block)
        elif type(part) is ToolCall:
            then.append(_call(part))
        elif type(part) is ToolResult:
            then.append(_result(part))
        elif type(part) is Reasoning:
            if part.signature:
                thought = {"thinking": part.text, "signature": part.signature}
                first.append({"type": "thinking", **thought})
        elif type(part) is Redacted:
            first.append({"type": "redacted_thinking", "data": part.data})
        elif type(part) is Media:
            then.append(_media(part))
    return first + then if first else then


def marked(block: dict[str, Any], cache: Cache | None) -> dict[str, Any]:
    """Put a cache mark on a block."""
    if cache is not None:
        mark = {"type": "ephemeral"}
        block["cache_control"] = {**mark, "ttl": cache.ttl} if cache.ttl else mark
    return block


def tool_id(given: str) -> str:
    """An id in the alphabet that Anthropic takes: the same for the call and for its result."""
    return _NO_ID.sub("_", given) or "_"


def _call(call: ToolCall) -> dict[str, Any]:
    block = {
        "type": "tool_use",
        "id": tool_id(call.id),
        "name": call.name,
        "input": msgspec.Raw(call.arguments.encode()),
    }
    return marked(block, call.cache) if call.cache else block


def _result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": tool_id(result.id)}
    if len(result.parts) == 1 and type(only := result.parts[0]) is Text and not only.cache:
        block["content"] = only.text
    elif result.parts:
        block["content"] = [
            _media(part)
            if type(part) is Media
            else marked({"type": "text", "text": part.text}, part.cache)
            for part in result.parts
            if type(part) is Media or part.text.strip()
        ]
    if result.failed:
        block["is_error"] = True
    return marked(block, result.cache) if result.cache else block


def _media(media: Media) -> dict[str, Any]:
    if media.url and not media.url.startswith(("https://", "http://")):
        raise UnsupportedError("Anthropic reads images and documents at https URLs only")
    if media.kind == "image":
        return marked({"type": "image", "source": _image(media)}, media.cache)
    block: dict[str, Any] = {"type": "document", "source": _document(media)}
    if media.name:
        block["title"] = media.name
    if media.context:
        block["context"] = media.context
    return marked(block, media.cache)


def _image(media: Media) -> dict[str, Any]:
    if media.url:
        return {"type": "url", "url": media.url}
    kind = "image/jpeg" if media.type == "image/jpg" else media.type
    if kind not in _IMAGES:
        raise RefusedError(f"Images of type `{media.type}` are not supported by this provider")
    return {"type": "base64", "media_type": kind, "data": media.data}


def _document(media: Media) -> dict[str, Any]:
    if media.url:
        return {"type": "url", "url": media.url}
    if media.text:
        return {"type": "text", "media_type": "text/plain", "data": media.text}
    if media.type == "application/pdf":
        return {"type": "base64", "media_type": media.type, "data": media.data}
    if media.type.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": plain_text(media)}
    raise UnsupportedError(f"Documents of type `{media.type}` are not supported by this provider")


def plain_text(media: Media) -> str:
    """The text of a document that came as base64."""
    import base64
    import binascii

    if media.text:
        return media.text
    try:
        return base64.b64decode(media.data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise RefusedError("A document is not the base64 of a text in UTF-8") from None
