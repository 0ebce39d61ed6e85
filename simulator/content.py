"""The simulated model: what it says to a question, the same each time it is asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator import tokens
from simulator.schema_sample import sample

_WORDS = [
    "a",
    "river",
    "bends",
    "where",
    "old",
    "stones",
    "hold",
    "its",
    "water",
    "and",
    "small",
    "boats",
    "wait",
    "for",
    "morning",
    "light",
    "people",
    "cross",
    "the",
    "bridge",
    "with",
    "bread",
    "and",
    "letters",
    "while",
    "gulls",
    "turn",
    "above",
    "grey",
    "roofs",
    "someone",
    "opens",
    "a",
    "window",
    "then",
    "music",
    "drifts",
    "over",
    "quiet",
    "gardens",
    "toward",
    "the",
    "open",
    "sea",
    "later",
    "rain",
    "comes",
    "softly",
]
_WORD_OF_BYTE = tuple(_WORDS[byte % len(_WORDS)] for byte in range(256))
_PROMPT_SHOWN = 200
_BASE_WORDS = 16


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call, with the JSON schema of its arguments."""

    name: str
    schema: Any = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What a chat API asks, in words that every provider's API shares.

    `digest` (32 bytes) stands for (seed, provider, request) and decides everything that may
    vary. `prompt` is the last thing the user said. `tool_choice` is `auto`, `none`, `required`
    or a tool's name after `=`. `schema` makes the answer JSON that fits it. `wanted` asks for a
    number of tokens, `size` for a number of bytes, `text` for these very words.
    """

    digest: bytes
    provider: str
    model: str
    prompt: str = field(repr=False)
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    parallel_tools: bool = True
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    schema: Any = None
    wanted: int | None = None
    size: int = 0
    text: str | None = None
    thinking: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool: `arguments` is JSON text, `parts` are its tokens."""

    id: str
    name: str
    arguments: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says: `parts` are the tokens of its text, in order.

    `finish` is `stop`, `length`, `tool_calls` or `stop_sequence`; in the last case
    `stop_sequence` is the one that was met (and is not part of the text).
    """

    parts: tuple[str, ...]
    calls: tuple[ToolCall, ...]
    finish: str
    stop_sequence: str | None = None
    thinking: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.parts)

    @property
    def output_tokens(self) -> int:
        """What the reply bills, thinking and arguments of tools included."""
        return (
            tokens.count_output(self.parts)
            + len(self.thinking)
            + sum(tokens.count_output(call.parts) for call in self.calls)
        )


def digest(seed: int, provider: str, target: str, body: bytes) -> bytes:
    """32 bytes that stand for one request to one provider under one seed."""
    state = hashlib.blake2b(f"{seed}\0{provider}\0{target}\0".encode(), digest_size=32)
    state.update(body)
    return state.digest()


def reply(ask: Ask, index: int = 0) -> Reply:
    """The answer number `index` to an ask (a chat API may want several)."""
    material = ask.digest if index == 0 else ask.digest + index.to_bytes(4)
    thinking = tuple(tokens.pieces(_prose(material[::-1], ask.thinking))) if ask.thinking else ()
    calls = _tool_calls(ask, index)
    if calls:
        return Reply((), calls, "tool_calls", thinking=thinking)
    if ask.size:
        return Reply((_opening(ask).ljust(ask.size, "x")[: ask.size],), (), "stop")
    text, met = _stopped(_text(ask, material), ask.stop)
    parts = tokens.pieces(text)
    if ask.wanted is not None:
        parts = parts[: ask.wanted]
    if ask.max_tokens is not None and len(parts) > ask.max_tokens:
        return Reply(parts[: ask.max_tokens], (), "length", thinking=thinking)
    return Reply(parts, (), "stop_sequence" if met else "stop", met, thinking)


def _text(ask: Ask, material: bytes) -> str:
    if ask.text is not None:
        return ask.text
    if ask.schema is not None:
        value = {"provider": ask.provider, "model": ask.model, "prompt": ask.prompt[:_PROMPT_SHOWN]}
        return json.dumps(value if ask.schema is True else sample(ask.schema), ensure_ascii=False)
    words = _BASE_WORDS + material[0] % _BASE_WORDS if ask.wanted is None else ask.wanted
    return f"{_opening(ask)} {_prose(material, words)}."


def _opening(ask: Ask) -> str:
    """Who answers, and what was asked: a person or a test can see both in the text."""
    shown = ask.prompt[:_PROMPT_SHOWN]
    return f"Simulated answer of {ask.provider} ({ask.model}) to “{shown}”:"


def _prose(material: bytes, words: int) -> str:
    noise = hashlib.shake_128(material).digest(words)
    return " ".join([_WORD_OF_BYTE[byte] for byte in noise])


def _stopped(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """The text up to the stop sequence that comes first, and which one that was."""
    found = min(
        ((at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0), default=None
    )
    return (text[: found[0]], found[1]) if found else (text, None)


def _tool_calls(ask: Ask, index: int) -> tuple[ToolCall, ...]:
    """Which tools are called: the named one, else the first two, or one when asked for one."""
    if not ask.tools or ask.tool_choice == "none":
        return ()
    if ask.tool_choice.startswith("="):
        chosen = [tool for tool in ask.tools if tool.name == ask.tool_choice[1:]][:1]
    else:
        chosen = list(ask.tools[: 2 if ask.parallel_tools else 1])
    calls = []
    for number, tool in enumerate(chosen):
        arguments = json.dumps(sample(tool.schema or {"type": "object"}), ensure_ascii=False)
        name = hashlib.blake2b(ask.digest, key=bytes([index % 256, number]), digest_size=12)
        calls.append(ToolCall(name.hexdigest(), tool.name, arguments, tokens.pieces(arguments)))
    return tuple(calls)
