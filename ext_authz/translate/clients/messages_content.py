"""The content of an Anthropic message: blocks from events, and the shapes that streams share."""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.events import (
    Ended,
    Event,
    Failed,
    Finish,
    ReasoningDelta,
    ReasoningSigned,
    RedactedReasoning,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolStart,
    Usage,
    UsageSeen,
)
from ext_authz.translate.wire import decode

_SILENT: Final = (Started, Finish, UsageSeen, Ended, Failed)
"""Events that are no content."""


def content_of(events: list[Event]) -> list[dict[str, Any]]:
    """The blocks of a whole message: reasoning, text and calls in the order they came."""
    content: list[dict[str, Any]] = []
    calls: dict[int, list[str]] = {}
    for event in events:
        if type(event) in _SILENT or event.choice:  # type: ignore[union-attr] # the silent lack it
            continue
        if type(event) is TextDelta or type(event) is RefusalDelta:
            _joined(content, "text", event.text)
        elif type(event) is ToolStart:
            calls[event.index] = []
            content.append({**tool_use(event), "input": calls[event.index]})
        elif type(event) is ToolArgs:
            calls.get(event.index, []).append(event.text)
        elif type(event) is ReasoningDelta:
            _joined(content, "thinking", event.text)
        elif type(event) is ReasoningSigned:
            opened = bool(content) and content[-1].get("signature") == ""
            if not opened and event.signature:
                content.append(thinking_block())
            if opened or event.signature:
                # None marks a block as closed that nobody signed.
                content[-1]["signature"] = event.signature or None
        elif type(event) is RedactedReasoning:
            content.append({"type": "redacted_thinking", "data": event.data})
    for block in content:
        if block["type"] == "tool_use":
            block["input"] = _object("".join(block["input"]))
        elif block["type"] == "thinking":
            block["signature"] = block["signature"] or ""
    return content


def messages_usage(usage: Usage) -> dict[str, Any]:
    """Tokens as Anthropic counts them: the input leaves out what the cache read and wrote."""
    told: dict[str, Any] = {
        "input_tokens": max(0, usage.prompt - usage.cached - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    }
    if usage.reasoning:
        told["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return told


def thinking_block() -> dict[str, Any]:
    """A block of reasoning as it begins."""
    return {"type": "thinking", "thinking": "", "signature": ""}


def tool_use(start: ToolStart) -> dict[str, Any]:
    """A call without its input."""
    return {"type": "tool_use", "id": start.id, "name": start.name}


def _joined(content: list[dict[str, Any]], kind: str, text: str) -> None:
    if not text:
        return
    last = content[-1] if content else {}
    if last.get("type") == kind and last.get("signature", "") == "":
        last[kind] += text
    else:
        block = thinking_block() if kind == "thinking" else {"type": "text", "text": ""}
        content.append({**block, kind: text})


def _object(text: str) -> Any:
    """The input of a call; a model's broken JSON is shown as it is, since nothing can be read."""
    if not text.strip():
        return {}
    try:
        value = decode(text)
    except ValueError:
        return {"_unparsed": text}
    return value if isinstance(value, dict) else {"_unparsed": text}
