"""Turns as Gemini's contents.

A call of a tool is a `functionCall`; its result is a `functionResponse` of the user, which names
the tool and not the call, and whose response is an object. Gemini 3 refuses a step whose first
call has lost its thought signature.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ext_authz.translate.conversation import (
    Media,
    Part,
    Text,
    ToolCall,
    ToolResult,
)
from ext_authz.translate.errors import UnsupportedError
from ext_authz.translate.providers.turns import Alternate
from ext_authz.translate.target import Target
from ext_authz.translate.wire import NotJsonError, decode
from xds.edge.pairs import Provider

NO_SIGNATURE: Final = "skip_thought_signature_validator"
"""What the documentation says to send for a call whose signature is lost."""

_ROLES: Final = {"user": "user", "assistant": "model"}


def contents(turns: list[Alternate], target: Target, *, signed: bool) -> list[dict[str, Any]]:
    """Write all turns; `signed` is whether the model wants signatures of calls."""
    order: dict[str, int] = {}  # of calls, by id
    written: list[dict[str, Any]] = []
    for role, parts in turns:
        content: list[dict[str, Any]] = []
        unsigned = signed  # a step's first call must have a signature
        for part in _ordered(parts, order) if len(parts) > 1 else parts:
            if type(part) is Text:
                content.append({"text": part.text})
            elif type(part) is ToolCall:
                order[part.id] = len(order)
                content.append(_call(part, signed=unsigned))
                unsigned = False
            elif type(part) is ToolResult:
                content += _result(part, target)
            elif type(part) is Media:
                content.append(_media(part, target))
            # Thoughts of other providers mean nothing here, and Gemini's own ride on its calls.
        if content:
            written.append({"role": _ROLES[role], "parts": content})
    return written


def _ordered(parts: list[Part], order: dict[str, int]) -> list[Part]:
    """Results in the order of their calls, which is how Gemini tells them apart."""
    results = [part for part in parts if type(part) is ToolResult]
    if len(results) < 2:
        return parts
    results.sort(key=lambda result: order.get(result.id, len(order)))
    return [*results, *(part for part in parts if type(part) is not ToolResult)]


def _call(call: ToolCall, *, signed: bool) -> dict[str, Any]:
    written: dict[str, Any] = {
        "functionCall": {"name": call.name, "args": msgspec.Raw(call.arguments.encode())}
    }
    if call.signature:
        written["thoughtSignature"] = call.signature
    elif signed:
        written["thoughtSignature"] = NO_SIGNATURE
    return written


def _result(result: ToolResult, target: Target) -> list[dict[str, Any]]:
    said: list[str] = []
    shown: list[dict[str, Any]] = []
    for part in result.parts:
        if type(part) is Text:
            said.append(part.text)
        else:
            shown.append(_media(part, target))
    told = _response("\n".join(said), failed=result.failed)
    return [{"functionResponse": {"name": result.name or "tool", "response": told}}, *shown]


def _response(said: str, *, failed: bool) -> Any:
    """An object: the result itself where it is one, else wrapped."""
    if failed:
        return {"error": said}
    begun = said.lstrip()[:1]
    if begun == "{":
        try:
            decode(said)
        except NotJsonError:
            return {"output": said}
        return msgspec.Raw(said.encode())
    if begun == "[":
        try:
            return {"output": decode(said)}
        except NotJsonError:
            pass
    return {"output": said}


def _media(media: Media, target: Target) -> dict[str, Any]:
    if media.text:
        titled = f"{media.name}\n{media.text}" if media.name else media.text
        return {"text": titled}
    if not media.url:
        return {"inlineData": {"mimeType": _type(media), "data": media.data}}
    if media.url.startswith("gs://") or target.provider is Provider.GEMINI_VERTEX:
        return {"fileData": {"mimeType": _type(media), "fileUri": media.url}}
    if "generativelanguage.googleapis.com/" in media.url or "youtube.com/" in media.url:
        return {"fileData": {"mimeType": _type(media), "fileUri": media.url}}
    raise UnsupportedError("Gemini's API fetches nothing from the web; send the data itself")


_SUFFIXES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
}


def _type(media: Media) -> str:
    """The media type, which the API wants even of what it fetches itself."""
    if media.type:
        return "image/jpeg" if media.type == "image/jpg" else media.type
    suffix = media.url.partition("?")[0].rpartition(".")[2].lower()
    usual = "image/jpeg" if media.kind == "image" else "application/pdf"
    return _SUFFIXES.get(suffix, usual)
