"""What a request will use, as far as its body tells: an estimate, and never a bill.

Input is what a tokenizer counts (o200k, by rs-bpe) of all that the body says, with what messages
cost around their texts. Of large bodies only the beginning is counted, and the rest is taken to be
like it. Output is the bound that the client states, or the model's own, for each answer asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

import msgspec

COUNTED: Final = 4_096
"""Letters of a request that are really counted: 0.2 ms at the most."""
_AROUND: Final = 4
"""Tokens around each message."""
_PICTURE: Final = 1_000
"""Tokens of a picture or document whose text is not there."""
_MOST: Final = 100_000_000
_BYTES_A_TOKEN: Final = 3
"""Of a body that cannot be read. Prose has four; an estimate may rather be too high."""
_PACKED: Final = re.compile(rb'(?:;base64,|"data"\s{0,8}:\s{0,8}")[A-Za-z0-9+/=_\\-]{1024,}')
"""Base64: a picture or document, which costs by what is on it and not by its bytes.

Where it is said to be one: a text without spaces costs by its bytes, and far more.
"""
_PACKED_BYTES: Final = 256
"""Of a picture or document to a token, where its end is not seen: far more than those cost."""

_BOUNDS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_TEXTS: Final = frozenset(
    ("messages", "system", "prompt", "input", "tools", "functions", "instructions", "suffix")
)
_STATED: Final = re.compile(
    rb'"(?:max_completion_tokens|max_tokens|max_output_tokens)"\s{0,8}:\s{0,8}"?([0-9]{1,9})'
)
_ANSWERS: Final = re.compile(rb'"(?:n|best_of)"\s{0,8}:\s{0,8}"?([0-9]{1,3})')


class Tokenizer(Protocol):
    """Counts the tokens of a text."""

    def count(self, text: str, /) -> int:
        """Give their number."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens that a request may use. ``output`` is for all of the answers that it asks for."""

    input: int
    output: int


@cache
def o200k() -> Tokenizer:
    """Load the tokenizer: 0.1 s, once."""
    from rs_bpe import openai

    tokenizer: Tokenizer = openai.o200k_base()
    return tokenizer


def estimate(body: bytes, size: int, default_output: int, endpoint: str) -> Estimate:
    """Estimate by the beginning of a body of ``size`` bytes; any bytes at all give an estimate."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        told = None
    if not isinstance(told, dict):
        return _unread(body, size, default_output, endpoint)
    letters = messages = pictures = tokens = 0
    texts: list[str] = []
    for key in _TEXTS & told.keys():
        for part in _parts(told[key]):
            if isinstance(part, int):
                tokens += part
            elif part is None:
                pictures += 1
            else:
                letters += len(part)
                texts.append(part)
    if isinstance(given := told.get("messages"), list):
        messages = len(given)
    counted = _count("\n".join(texts), letters)
    found = counted + tokens + messages * _AROUND + pictures * _PICTURE
    if endpoint == "/embeddings":
        return Estimate(min(found, _MOST), 0)
    stated = [value for key in _BOUNDS if (value := _number(told.get(key))) is not None]
    output = max(stated, default=default_output)
    answers = max(_number(told.get("n")) or 1, _number(told.get("best_of")) or 1)
    if endpoint == "/completions":
        answers *= _prompts(told.get("prompt"))
    return Estimate(min(found, _MOST), min(output * answers, _MOST))


def _unread(body: bytes, size: int, default_output: int, endpoint: str) -> Estimate:
    """Of a body whose end is not there, or that is no JSON, its size tells most."""
    packed = [one.span() for one in _PACKED.finditer(body)]
    plain = len(body) - sum(end - start for start, end in packed)
    rest = size - len(body)
    open_end = bool(packed) and packed[-1][1] == len(body)
    found = -(-plain // _BYTES_A_TOKEN) + len(packed) * _PICTURE
    found += -(-rest // (_PACKED_BYTES if open_end else _BYTES_A_TOKEN))
    if endpoint == "/embeddings":
        return Estimate(min(found, _MOST), 0)
    # A lower bound than the model's own is not believed: it may be somebody else's than the
    # request's, and the one that counts may stand in the part that was not seen.
    output = max(default_output, *map(int, _STATED.findall(body)), 0)
    answers = max(1, *map(int, _ANSWERS.findall(body)), 1)
    return Estimate(min(found, _MOST), min(output * answers, _MOST))


def _count(text: str, letters: int) -> int:
    seen = text[:COUNTED]
    if not seen:
        return 0
    count = o200k().count(seen)
    return count if len(text) <= COUNTED else -(-count * max(letters, len(text)) // COUNTED)


def _parts(value: Any) -> Iterator[str | int | None]:
    """Walk what costs tokens: texts, lists of tokens as their number, pictures as None."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            if one and type(one[0]) is int:
                yield len(one)
            else:
                waiting.extend(one)
        elif isinstance(one, dict):
            if _is_picture(one):
                yield None
                continue
            for key, inner in one.items():
                if isinstance(inner, str | list | dict):
                    if key not in ("role", "type", "id", "tool_call_id", "model"):
                        waiting.append(inner)
                    if key == "name":
                        yield key


def _is_picture(part: dict[Any, Any]) -> bool:
    kind = part.get("type")
    return kind in ("image", "image_url", "input_image", "input_audio", "document", "file") and (
        not isinstance(part.get("text"), str)
    )


def _prompts(prompt: Any) -> int:
    """Give how many prompts there are: each is answered on its own. A list of tokens is one."""
    many = isinstance(prompt, list) and prompt and type(prompt[0]) is not int
    return len(prompt) if many else 1


def _number(value: Any) -> int | None:
    """Read a positive number as the most lenient of providers does: `1e3` and `"1000"` too."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return int(min(value, _MOST)) or None
