"""Turns as messages of OpenAI's chat API.

A user's turn may hold results of tools beside other content: each result becomes a message of the
role `tool`, at once after the call, and what else there is follows as the user's. A result's
images cannot stand in such a message: they follow in the user's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ext_authz.translate.conversation import (
    Ask,
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
from ext_authz.translate.providers.openai_dialect import Dialect

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def messages_of(ask: Ask, dialect: Dialect) -> list[dict[str, Any]]:
    """Write all turns."""
    messages: list[dict[str, Any]] = []
    for turn in ask.turns:
        if turn.role == "system":
            said = [part.text for part in turn.parts if type(part) is Text]
            messages.append({"role": "system", "content": "\n\n".join(said)})
        elif turn.role == "assistant":
            messages += _assistant(turn, dialect)
        else:
            messages += _user(turn, dialect)
    return answered(messages) if dialect.strict else messages


def answered(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put what a user says after results of tools into the last of these; mark a prefill.

    Mistral lets nobody but the assistant speak after them, and wants to be told where it is to go
    on with its own words.
    """
    told: list[dict[str, Any]] = []
    for message in messages:
        if told and told[-1].get("role") == "tool" and message.get("role") == "user":
            result, more = told[-1].get("content"), message.get("content")
            if isinstance(result, str) and isinstance(more, str):
                told[-1] = {**told[-1], "content": f"{result}\n\n{more}"}
            else:
                told[-1] = {**told[-1], "content": [*_parts(result), *_parts(more)]}
        else:
            told.append(message)
    last = told[-1] if told else {}
    if last.get("role") == "assistant" and not last.get("tool_calls"):
        told[-1] = {**last, "prefix": True}
    return told


def _parts(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content if isinstance(content, list) else []


def call_id(given: str, dialect: Dialect) -> str:
    """An id of a call as the dialect takes it: the same for the call and for its result."""
    if not dialect.short_ids or (len(given) == 9 and given.isalnum() and given.isascii()):
        return given
    digest = hashlib.blake2b(given.encode("utf-8", "replace"), digest_size=9).digest()
    return "".join([_ALPHABET[byte % len(_ALPHABET)] for byte in digest])


def _assistant(turn: Turn, dialect: Dialect) -> list[dict[str, Any]]:
    said = "".join([part.text for part in turn.parts if type(part) is Text])
    calls = [
        {
            "id": call_id(part.id, dialect),
            "type": "function",
            "function": {"name": part.name, "arguments": part.arguments},
        }
        for part in turn.parts
        if type(part) is ToolCall
    ]
    if not said and not calls:
        # Reasoning alone, which is another provider's: nothing of it may be shown as text.
        return []
    message: dict[str, Any] = {"role": "assistant", "content": said or None}
    if calls:
        message["tool_calls"] = calls
    return [message]


def _user(turn: Turn, dialect: Dialect) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    rest: list[Part] = []
    for part in turn.parts:
        if type(part) is ToolResult:
            text, shown = _result(part)
            rest += shown
            messages.append(
                {"role": "tool", "tool_call_id": call_id(part.id, dialect), "content": text}
            )
    rest += [part for part in turn.parts if type(part) is not ToolResult]
    if rest:
        messages.append({"role": "user", "content": content_of(rest)})
    elif not messages:
        messages.append({"role": "user", "content": ""})
    return messages


def _result(result: ToolResult) -> tuple[str, list[Part]]:
    said = [part.text for part in result.parts if type(part) is Text]
    shown: list[Part] = [part for part in result.parts if type(part) is Media]
    text = "\n".join(said)
    if result.failed:
        text = f"Error: {text}" if text else "Error"
    if shown:
        note = f"The tool's result {result.id} shows this:"
        text = text or "The result is shown in the next message."
        shown.insert(0, Text(note))
    return text, shown


def content_of(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    """A user's content: a string where it is one text, else parts."""
    if len(parts) == 1 and type(parts[0]) is Text:
        return parts[0].text
    return [_part(part) for part in parts if not isinstance(part, (Reasoning, Redacted))]


def _part(part: Part) -> dict[str, Any]:
    if type(part) is Text:
        return {"type": "text", "text": part.text}
    if type(part) is not Media:
        raise UnsupportedError("A user's message cannot call a tool")
    if part.text:
        titled = f"{part.name}\n{part.text}" if part.name else part.text
        return {"type": "text", "text": titled}
    if part.kind == "image":
        image = {"url": part.url or f"data:{part.type};base64,{part.data}"}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    if part.url:
        raise UnsupportedError("OpenAI's chat API reads no documents at URLs; send their bytes")
    name = part.name or "document.pdf"
    data = f"data:{part.type or 'application/pdf'};base64,{part.data}"
    return {"type": "file", "file": {"filename": name, "file_data": data}}
