"""Thinking that nobody signed, in requests that go to Claude as they are: it is taken out.

It comes from another provider of the same chain, and Claude refuses it. In the middle of a turn of
tools Claude also refuses to think, by a budget, without the thoughts that the turn began with: for
the rest of such a turn it does not think.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from ext_authz.translate.wire import decode_any

_UNSIGNED: Final = re.compile(rb'"signature"\s*:\s*(?:""|null)')
_MESSAGES: Final = msgspec.json.Decoder(list[Raw])


def drop_unsigned(members: dict[str, Raw], changed: dict[str, Any], gone: list[str]) -> None:
    """Add what must differ to the members that are changed, and to those that are left out.

    Messages that hold no such thinking stay the very bytes that came, and so does what is no list.
    """
    raw = bytes(members.get("messages") or b"")
    unsigned = _UNSIGNED.search(raw) is not None
    by_budget = b'"tool_result"' in raw and _is_enabled(members.get("thinking"))
    if not raw.startswith(b"[") or not (unsigned or by_budget):
        return
    messages = _MESSAGES.decode(raw)
    if unsigned:
        messages = changed["messages"] = _taken_out(messages)
    if by_budget and _lacks_thoughts(messages):
        gone.append("thinking")


def _is_enabled(thinking: Raw | None) -> bool:
    asked = None if thinking is None else decode_any(thinking)
    return isinstance(asked, dict) and asked.get("type") == "enabled"


def _taken_out(messages: Sequence[Raw]) -> list[Raw]:
    """The messages without such blocks; those between which one is gone stay in alternation."""
    kept: list[Raw] = []
    gap = False
    for raw in messages:
        left = _without_unsigned(raw)
        if left is None:
            gap = True
            continue
        joined = _joined(kept[-1], left) if gap and kept else None
        if joined is None:
            kept.append(left)
        else:
            kept[-1] = joined
        gap = False
    return kept


def _joined(before: Raw, after: Raw) -> Raw | None:
    """Two messages of one role as one; None where they are not of one role."""
    first, second = decode_any(before), decode_any(after)
    if not isinstance(first, dict) or not isinstance(second, dict):
        return None
    if first.get("role") != second.get("role"):
        return None
    content = [*_blocks(first.get("content")), *_blocks(second.get("content"))]
    return Raw(msgspec.json.encode({**first, "content": content}))


def _blocks(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content if isinstance(content, list) else []


def _without_unsigned(raw: Raw) -> Raw | None:
    """The message without such blocks; None where it held nothing else."""
    if not _UNSIGNED.search(raw):
        return raw
    message, blocks = _read(raw)
    kept = [block for block in blocks if block.get("type") != "thinking" or _is_signed(block)]
    if len(kept) == len(blocks):
        return raw
    return Raw(msgspec.json.encode({**message, "content": kept})) if kept else None


def _lacks_thoughts(messages: Sequence[Raw]) -> bool:
    """Whether results of tools come last, in a turn of which no thoughts are signed."""
    for back, raw in enumerate(reversed(messages)):
        message, blocks = _read(raw)
        if message.get("role") == "assistant":
            if back == 0 or any(_is_signed(block) for block in blocks):
                return False
        elif not any(block.get("type") == "tool_result" for block in blocks):
            return back > 0  # with these words of a person the turn began
    return bool(messages)


def _is_signed(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    return kind == "redacted_thinking" or (kind == "thinking" and bool(block.get("signature")))


def _read(raw: Raw) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A message, and the blocks of its content; empty where it is none, or has none."""
    message = decode_any(raw)
    if not isinstance(message, dict):
        return {}, []
    content = message.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        return message, []
    return message, content
