"""OpenAI Chat Completions: the messages of a request become turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ext_authz.translate.clients.fields import (
    arguments,
    data_url,
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
from ext_authz.translate.thought_ids import split_signature

_THOUGHTS = frozenset({"thinking_blocks", "reasoning_content", "reasoning"})
_TYPES_BY_SUFFIX = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
}


def read_messages(messages: Sequence[Any]) -> tuple[Turn, ...]:
    """Read all messages, in their order; each becomes a turn of its own."""
    if not messages:
        raise wrong("messages", "a list of at least one message")
    names: dict[str, str] = {}  # of tools, by the id of the call
    turns: list[Turn] = []
    for number, given in enumerate(messages):
        where = f"messages[{number}]"
        message = given if type(given) is dict else item(given, where)
        role = message.get("role")
        if role == "user":
            turns.append(Turn("user", _content(message, where)))
        elif role == "assistant":
            turns.append(Turn("assistant", _assistant(message, where, names)))
        elif role in ("tool", "function"):
            turns.append(Turn("user", (_result(message, where, names),)))
        elif role in ("system", "developer"):
            turns.append(Turn("system", _only_text(_content(message, where), where)))
        else:
            raise wrong(f"{where}.role", "one of system, developer, user, assistant and tool")
    return tuple(turns)


def _content(message: dict[str, Any], where: str) -> tuple[Text | Media, ...]:
    content = message.get("content")
    if type(content) is str:
        return (Text(content, read_cache(message) if "cache_control" in message else None),)
    if content is None:
        return ()
    if not isinstance(content, list):
        raise wrong(f"{where}.content", "a string or a list of parts")
    parts = [_part(item(given, where), f"{where}.content[{n}]") for n, given in enumerate(content)]
    if parts and (cache := read_cache(message)):
        # The mark of a whole message stands on its last part.
        parts[-1] = _marked(parts[-1], cache)
    return tuple(parts)


def _marked(part: Text | Media, cache: Any) -> Text | Media:
    if part.cache is not None:
        return part
    if isinstance(part, Text):
        return Text(part.text, cache)
    return Media(
        part.kind, part.type, part.data, part.url, part.text, part.name, part.context, part.detail,
        cache,
    )  # fmt: skip


def _part(part: dict[str, Any], where: str) -> Text | Media:
    kind = part.get("type")
    if kind in ("text", "input_text", "output_text"):
        return Text(text(part, "text", f"{where}."), read_cache(part))
    if kind == "refusal":
        return Text(text(part, "refusal", f"{where}."))
    if kind == "image_url":
        image = part.get("image_url")
        if isinstance(image, str):
            image = {"url": image}
        image = item(image, f"{where}.image_url")
        url = text(image, "url", f"{where}.image_url.")
        return read_media(url, optional_text(image, "detail"), "", part, kind="image")
    if kind == "file":
        return read_file(mapping(part, "file", f"{where}."), part, where)
    raise UnsupportedError(
        f"Content of type `{kind}` is not supported by this provider", param=where
    )


def read_media(url: str, detail: str, name: str, part: dict[str, Any], *, kind: str) -> Media:
    """Read what a URL says: `data:` ones hold it, others only name it.

    A PDF or a text is a document, whatever the member is called that it came in.
    """
    cache = read_cache(part)
    found = data_url(url)
    if found is None:
        if not url.startswith(("https://", "http://", "gs://", "s3://")):
            raise wrong("url", "an http(s), gs or data URL")
        return Media("image" if kind == "image" else "document", "", url=url, name=name,
                     detail=detail, cache=cache)  # fmt: skip
    media_type, data = found
    if media_type.startswith(("audio/", "video/")):
        raise UnsupportedError(f"Content of type `{media_type}` is not supported by this provider")
    if not media_type:
        media_type = _TYPES_BY_SUFFIX.get(name.rpartition(".")[2].lower(), "")
    if media_type.startswith("image/"):
        return Media("image", media_type, data, detail=detail, cache=cache)
    return Media("document", media_type, data, name=name, cache=cache)


def read_file(file: dict[str, Any], part: dict[str, Any], where: str) -> Media:
    """Read a file that lies in the request; one that was uploaded before is elsewhere."""
    data = optional_text(file, "file_data", f"{where}.")
    name = optional_text(file, "filename", f"{where}.")
    if not data:
        raise UnsupportedError(
            "Files that lie at OpenAI cannot be read by this provider; send `file_data`",
            param=f"{where}.file_id",
        )
    if not data.startswith("data:"):
        kind = _TYPES_BY_SUFFIX.get(name.rpartition(".")[2].lower(), "application/pdf")
        data = f"data:{kind};base64,{data}"
    return read_media(data, "", name, part, kind="document")


def _assistant(message: dict[str, Any], where: str, names: dict[str, str]) -> tuple[Part, ...]:
    parts: list[Part] = [*_content(message, where)]
    if not _THOUGHTS.isdisjoint(message):
        parts = [*_thoughts(message), *parts]
    if "refusal" in message and (refusal := optional_text(message, "refusal", f"{where}.")):
        parts.append(Text(refusal))
    if "tool_calls" in message:
        for number, given in enumerate(sequence(message, "tool_calls", f"{where}.")):
            parts.append(_call(item(given, where), f"{where}.tool_calls[{number}].", names))
    older = message.get("function_call")
    if isinstance(older, dict):
        name = tool_name(older, f"{where}.function_call.")
        names[name] = name
        parts.append(ToolCall(name, name, arguments(older.get("arguments"), where)))
    return tuple(parts)


def _call(call: dict[str, Any], where: str, names: dict[str, str]) -> ToolCall:
    function = mapping(call, "function", where)
    if not function:
        raise UnsupportedError("Only calls of functions are supported here", param=where)
    given = text(call, "id", where)
    name = tool_name(function, f"{where}function.")
    call_id, signature = split_signature(given)
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    if isinstance(google, dict) and isinstance(google.get("thought_signature"), str):
        signature = google["thought_signature"]
    names[call_id] = name
    called = arguments(function.get("arguments", ""), f"{where}function.arguments")
    return ToolCall(call_id, name, called, signature, read_cache(call))


def _result(message: dict[str, Any], where: str, names: dict[str, str]) -> ToolResult:
    named = optional_text(message, "name", f"{where}.")
    if message.get("role") == "function":
        given = named
    else:
        given = text(message, "tool_call_id", f"{where}.")
    call_id, _ = split_signature(given)
    parts = _content(message, where)
    return ToolResult(call_id, names.get(call_id) or named, parts, cache=read_cache(message))


def _thoughts(message: dict[str, Any]) -> list[Part]:
    """`thinking_blocks`, as they were given: they go first and unchanged."""
    thoughts: list[Part] = []
    blocks = message.get("thinking_blocks")
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, dict):
            continue
        if block.get("type") == "thinking" and isinstance(block.get("thinking"), str):
            signature = block.get("signature")
            signed = signature if isinstance(signature, str) else ""
            thoughts.append(Reasoning(block["thinking"], signed))
        elif block.get("type") == "redacted_thinking" and isinstance(block.get("data"), str):
            thoughts.append(Redacted(block["data"]))
    shown = message.get("reasoning_content") or message.get("reasoning")
    if not thoughts and isinstance(shown, str):
        thoughts.append(Reasoning(shown))
    return thoughts


def _only_text(parts: tuple[Text | Media, ...], where: str) -> tuple[Text, ...]:
    said = tuple([part for part in parts if isinstance(part, Text)])
    if len(said) != len(parts):
        raise UnsupportedError("A system message holds text only", param=f"{where}.content")
    return said
