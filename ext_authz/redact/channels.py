"""Which strings of a stream's events are pieces of one text: the deltas of each API.

Sources: the schemas `chat.completion.chunk` and `text_completion`, the events of Anthropic's
Messages and of OpenAI's Responses. A string that is named here nowhere is a whole text.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

Channel = tuple[object, str, object]
"""A text: the choice, block or item that it is a part of, its kind, and its number in the kind."""
Way = tuple[str | int, ...]

_SAID: Final = frozenset({"content", "refusal", "reasoning_content", "reasoning", "thinking"})


class Delta(NamedTuple):
    """A piece of a text, and where in the event it stands."""

    channel: Channel
    way: Way
    text: str
    json: bool | None = None


class Read(NamedTuple):
    """What an event says: pieces, and which choices or items end with it, None for all."""

    deltas: list[Delta]
    ends: tuple[object, ...] | None = ()


def read(value: Any) -> Read:
    """Read an event's payload."""
    if not isinstance(value, dict):
        return Read([], None)
    choices = value.get("choices")
    if isinstance(choices, list):
        return _choices(choices)
    kind = value.get("type")
    if not isinstance(kind, str):
        return Read([], None)
    if kind.startswith("content_block"):
        return _block(kind, value)
    if kind.endswith(".delta"):
        return _item(kind, value)
    if kind.endswith((".added", ".created", ".in_progress", ".queued")) or kind == "ping":
        return Read([])
    return Read([], None)


def _choices(choices: list[Any]) -> Read:
    deltas: list[Delta] = []
    ends: list[object] = []
    for at, choice in enumerate(choices):
        if not isinstance(choice, dict):
            continue
        number = choice.get("index", at)
        delta = choice.get("delta")
        if isinstance(delta, dict):
            _chat(deltas, delta, number, ("choices", at, "delta"))
        text = choice.get("text")
        if isinstance(text, str) and text:
            deltas.append(Delta((number, "text", 0), ("choices", at, "text"), text))
        if choice.get("finish_reason") is not None:
            ends.append(number)
    return Read(deltas, tuple(ends))


def _chat(deltas: list[Delta], delta: dict[str, Any], number: object, way: Way) -> None:
    for member, said in delta.items():
        if member not in _SAID:
            continue
        if isinstance(said, str):
            if said:
                deltas.append(Delta((number, member, 0), (*way, member), said))
        elif isinstance(said, list):
            _parts(deltas, said, (number, member, 0), (*way, member))
    if delta.keys() <= _SAID:
        return
    calls = delta.get("tool_calls")
    for at, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict):
            index = call.get("index", at)
            for holder, member in (("function", "arguments"), ("custom", "input")):
                held = call.get(holder)
                text = held.get(member) if isinstance(held, dict) else None
                if isinstance(text, str) and text:
                    is_json = True if member == "arguments" else None
                    place = (*way, "tool_calls", at, holder, member)
                    deltas.append(Delta((number, "tool", index), place, text, is_json))
    for holder, member in (("function_call", "arguments"), ("audio", "transcript")):
        held = delta.get(holder)
        text = held.get(member) if isinstance(held, dict) else None
        if isinstance(text, str) and text:
            is_json = True if member == "arguments" else None
            deltas.append(Delta((number, holder, 0), (*way, holder, member), text, is_json))


def _parts(deltas: list[Delta], parts: list[Any], channel: Channel, way: Way) -> None:
    """Read a list of parts, as Mistral streams reasoning: `{"text"}` or `{"thinking": [...]}`."""
    for at, part in enumerate(parts):
        if not isinstance(part, dict):
            continue
        text, inner = part.get("text"), part.get("thinking")
        if isinstance(text, str) and text:
            deltas.append(Delta(channel, (*way, at, "text"), text))
        elif isinstance(inner, list):
            _parts(deltas, inner, (channel[0], "thinking", 0), (*way, at, "thinking"))


def _block(kind: str, value: dict[str, Any]) -> Read:
    index = value.get("index")
    if kind == "content_block_stop":
        return Read([], (index,))
    holder = "delta" if kind == "content_block_delta" else "content_block"
    held = value.get(holder)
    if not isinstance(held, dict):
        return Read([])
    deltas = [
        Delta(
            (index, member, 0), (holder, member), text, True if member == "partial_json" else None
        )
        for member, text in held.items()
        if member in ("text", "thinking", "partial_json") and isinstance(text, str) and text
    ]
    return Read(deltas)


def _item(kind: str, value: dict[str, Any]) -> Read:
    text = value.get("delta")
    if not isinstance(text, str) or kind.endswith("audio.delta"):
        return Read([])
    item = value.get("item_id", value.get("output_index"))
    part = value.get("content_index", value.get("summary_index"))
    is_json = True if "arguments" in kind else None
    return Read([Delta((item, kind, part), ("delta",), text, is_json)] if text else [])
