"""Parts of turns as content blocks of Bedrock's Converse.

Source: the shapes of `bedrock-runtime` (ContentBlock, ToolResultContentBlock, CachePointBlock).
A cache mark is a block of its own, after the one that it marks.
"""

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
from ext_authz.translate.wire import NotJsonError, decode

_IMAGES: Final = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/html": "html",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9\s\-()\[\]]+")
_SPACES: Final = re.compile(r"\s+")
_NOT_IN_IDS: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_LONGEST_ID: Final = 64


class Names:
    """Names of documents: of few characters, and each only once in a request."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def make(self, given: str) -> str:
        """Return a name like the given one that is free."""
        stem = given.rpartition(".")[0] or given
        name = _SPACES.sub(" ", _NOT_IN_NAMES.sub("-", stem)).strip()[:180] or "document"
        free, number = name, 1
        while free in self._taken:
            number += 1
            free = f"{name} {number}"
        self._taken.add(free)
        return free


def blocks(parts: list[Part], names: Names) -> list[dict[str, Any]]:
    """Write a turn; signed reasoning goes first, and a document never stands without text."""
    first: list[dict[str, Any]] = []
    then: list[dict[str, Any]] = []
    has_document = has_text = False
    for part in parts:
        if type(part) is Reasoning:
            if part.signature:
                told = {"text": part.text, "signature": part.signature}
                first.append({"reasoningContent": {"reasoningText": told}})
            continue
        if type(part) is Redacted:
            first.append({"reasoningContent": {"redactedContent": part.data}})
            continue
        if type(part) is Text:
            has_text = True
            then.append({"text": part.text})
        elif type(part) is ToolCall:
            then.append(_call(part))
        elif type(part) is ToolResult:
            then.append(_result(part, names))
        else:
            has_document = has_document or part.kind == "document"
            then.append(media(part, names))
        if part.cache is not None:
            then.append(cache_point(part.cache))
    if has_document and not has_text:
        then.append({"text": "See the document."})
    return first + then


def cache_point(cache: Cache) -> dict[str, Any]:
    """The block that marks what stands before it."""
    point = {"type": "default"}
    return {"cachePoint": {**point, "ttl": cache.ttl} if cache.ttl else point}


def tool_id(given: str) -> str:
    """An id in the alphabet and of the length that Bedrock takes."""
    if len(given) > _LONGEST_ID:
        import hashlib

        return hashlib.blake2b(given.encode("utf-8", "replace"), digest_size=24).hexdigest()
    return _NOT_IN_IDS.sub("_", given) or "_"


def _call(call: ToolCall) -> dict[str, Any]:
    called = msgspec.Raw(call.arguments.encode())
    return {"toolUse": {"toolUseId": tool_id(call.id), "name": call.name, "input": called}}


def _result(result: ToolResult, names: Names) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for part in result.parts:
        if type(part) is Text:
            content.append(_told(part.text))
        else:
            content.append(media(part, names))
    written: dict[str, Any] = {
        "toolUseId": tool_id(result.id),
        "content": content or [{"text": " "}],
    }
    if result.failed:
        written["status"] = "error"
    return {"toolResult": written}


def _told(text: str) -> dict[str, Any]:
    """A result that is a JSON object goes as one; anything else, an array too, is text."""
    if text.lstrip().startswith("{"):
        try:
            decode(text)
        except NotJsonError:
            return {"text": text}
        return {"json": msgspec.Raw(text.encode())}
    return {"text": text or " "}


def media(part: Media, names: Names) -> dict[str, Any]:
    """Write an image or a document; Bedrock fetches from S3 only."""
    if part.url and not part.url.startswith("s3://"):
        raise UnsupportedError("Bedrock fetches nothing from the web; send the data itself")
    if part.kind == "image":
        kind = _IMAGES.get(part.type) or (part.url and part.url.rpartition(".")[2])
        if kind not in _IMAGES.values():
            raise RefusedError(f"Images of type `{part.type}` are not supported by Bedrock")
        return {"image": {"format": kind, "source": _source(part)}}
    kind = _DOCUMENTS.get(part.type) or (part.url and part.url.rpartition(".")[2])
    if kind not in _DOCUMENTS.values():
        raise RefusedError(f"Documents of type `{part.type}` are not supported by Bedrock")
    document = {"format": kind, "name": names.make(part.name), "source": _source(part)}
    if part.context:
        document["context"] = part.context
    return {"document": document}


def _source(part: Media) -> dict[str, Any]:
    if part.url:
        return {"s3Location": {"uri": part.url}}
    if part.text:
        return {"text": part.text}
    return {"bytes": part.data}
