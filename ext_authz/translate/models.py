"""Lists of models: read as the providers write them, written as OpenAI or Anthropic do.

Sources: `GET /v1/models` of OpenAI and of Anthropic, Gemini's `models.list`, Cohere's `models`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from ext_authz.translate.providers.reader import read_object, said
from ext_authz.translate.wire import encode

_EPOCH: Final = "1970-01-01T00:00:00Z"


class Model(msgspec.Struct, frozen=True):
    """A model: its name, who owns it, since when (seconds since 1970), what people call it."""

    id: str
    owner: str = ""
    created: int = 0
    title: str = ""


def read_models(body: bytes) -> tuple[Model, ...] | None:
    """Read any provider's list, or give None where it is none."""
    fields = read_object(body)
    if fields is None:
        return None
    given = fields.get("data")
    if not isinstance(given, list):
        given = fields.get("models")
    if not isinstance(given, list):
        return None
    return tuple(
        Model(name, said(one.get("owned_by")), _created(one), _title(one))
        for one in given
        if isinstance(one, dict)
        and (name := (said(one.get("id")) or said(one.get("name")).removeprefix("models/")))
    )


def openai_models(models: Sequence[Model]) -> bytes:
    """The list as an OpenAI client reads it."""
    return encode({"object": "list", "data": [openai_model(model) for model in models]})


def openai_model(model: Model) -> dict[str, Any]:
    """One model as an OpenAI client reads it."""
    owner = model.owner or "gatewright"
    return {"id": model.id, "object": "model", "created": model.created, "owned_by": owner}


def anthropic_models(models: Sequence[Model]) -> bytes:
    """The list as an Anthropic client reads it, all of it on one page."""
    return encode(
        {
            "data": [anthropic_model(model) for model in models],
            "has_more": False,
            "first_id": models[0].id if models else None,
            "last_id": models[-1].id if models else None,
        }
    )


def anthropic_model(model: Model) -> dict[str, Any]:
    """One model as an Anthropic client reads it."""
    at = datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.title or model.id,
        "created_at": at if model.created else _EPOCH,
        "lifecycle": "active",
    }


def _created(one: dict[str, Any]) -> int:
    created = one.get("created")
    if isinstance(created, (int, float)) and 0 < created < 2**33:
        return int(created)
    try:
        return max(0, int(datetime.fromisoformat(said(one.get("created_at"))).timestamp()))
    except (ValueError, OverflowError):
        return 0


def _title(one: dict[str, Any]) -> str:
    return said(one.get("display_name")) or said(one.get("displayName"))
