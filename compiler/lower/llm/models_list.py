"""``GET /models`` and ``GET /models/{id}``, answered from the plan in both APIs' shapes.

OpenAI: platform.openai.com/docs/api-reference/models. Anthropic, for requests with an
``anthropic-version`` header: docs.anthropic.com/en/api/models-list. Nobody knows when a model of a
plan was made, so ``created`` is the epoch, as Anthropic prescribes for that case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from compiler.plan_llm import Api, Model

OWNER = "gatewright"


@dataclass(frozen=True, slots=True)
class Listed:
    """A name that clients may ask for: a model's own or an alias."""

    name: str
    model: str


def listed(models: Iterable[Model]) -> tuple[Listed, ...]:
    """All names of the models, sorted."""
    return tuple(sorted(_names(models), key=lambda entry: entry.name))


def _names(models: Iterable[Model]) -> Iterator[Listed]:
    for model in models:
        for name in (model.name, *model.aliases):
            yield Listed(name, model.name)


def one(api: Api, entry: Listed) -> dict[str, Any]:
    """What ``GET /models/{id}`` answers."""
    if api is Api.ANTHROPIC:
        return {
            "type": "model",
            "id": entry.name,
            "display_name": entry.name,
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
        }
    return {"id": entry.name, "object": "model", "created": 0, "owned_by": OWNER}


def all_of(api: Api, entries: tuple[Listed, ...]) -> dict[str, Any]:
    """What ``GET /models`` answers: one page that holds them all."""
    data = [one(api, entry) for entry in entries]
    if api is Api.ANTHROPIC:
        return {
            "data": data,
            "has_more": False,
            "first_id": entries[0].name if entries else None,
            "last_id": entries[-1].name if entries else None,
        }
    return {"object": "list", "data": data}


def written(body: dict[str, Any]) -> str:
    """Write a body as compact JSON."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def path_pattern(prefix: str, name: str) -> str | None:
    """A regular expression for the path of one model, or None where its exact text will do.

    SDKs percent-encode what stands in a name (``a/b`` is asked for as ``a%2Fb``), people do not.
    """
    if re.fullmatch(r"[A-Za-z0-9._-]*", name):
        return None
    parts = (
        re.escape(c)
        if re.fullmatch(r"[A-Za-z0-9._-]", c)
        else f"(?:{re.escape(c)}|%(?i:{ord(c):02x}))"
        for c in name
    )
    return f"{re.escape(prefix)}{''.join(parts)}"
