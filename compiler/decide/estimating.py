"""What a request for a model may use, by its size: the plan and the body tell no more.

The gateway counts the prompt by a tokenizer; here four bytes of its texts are a token. Output is
what the gateway takes: the bound that the client states, or the model's own, for each answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from compiler.plan_llm import Endpoint, Model

BYTES_A_TOKEN: Final = 4
_BOUNDS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_TEXTS: Final = (
    "messages", "system", "prompt", "input", "tools", "functions", "instructions", "suffix"
)  # fmt: skip
_AROUND: Final = 4
_MOST: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens that a request may use; ``output`` is for all of the answers that it asks for."""

    input: int
    output: int


def estimated(body: bytes, model: Model, endpoint: Endpoint) -> Estimate:
    """Estimate; any bytes at all give an estimate."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return Estimate(-(-len(body) // BYTES_A_TOKEN), model.output)
    size = sum(len(text.encode("utf-8", "replace")) for key in _TEXTS for text in _said(told, key))
    messages = told.get("messages")
    around = _AROUND * len(messages) if isinstance(messages, list) else 0
    found = min(-(-size // BYTES_A_TOKEN) + around, _MOST)
    if endpoint is Endpoint.EMBEDDINGS:
        return Estimate(found, 0)
    bounds = [value for key in _BOUNDS if (value := _number(told.get(key))) is not None]
    answers = max(_number(told.get("n")) or 1, _number(told.get("best_of")) or 1)
    return Estimate(found, min(max(bounds, default=model.output) * answers, _MOST))


def _said(told: dict[str, Any], key: str) -> Iterator[str]:
    waiting = [told.get(key)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(value for name, value in one.items() if name not in ("role", "type"))


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return int(min(value, _MOST)) or None
