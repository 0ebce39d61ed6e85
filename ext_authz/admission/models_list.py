"""``GET /models`` for one identity: the models that it may use, as Envoy would list all of them.

OpenAI: platform.openai.com/docs/api-reference/models. Anthropic:
docs.anthropic.com/en/api/models-list. Nobody knows when a model of a policy was made: the epoch.
"""

from __future__ import annotations

from typing import Any

import msgspec


def models_list(api: str, names: list[str]) -> bytes:
    """Write the list in the shape of an API: one page that holds them all."""
    data = [_entry(api, name) for name in names]
    whole: dict[str, Any]
    if api == "anthropic":
        whole = {
            "data": data,
            "has_more": False,
            "first_id": names[0] if names else None,
            "last_id": names[-1] if names else None,
        }
    else:
        whole = {"object": "list", "data": data}
    return msgspec.json.encode(whole)


def _entry(api: str, name: str) -> dict[str, Any]:
    if api == "anthropic":
        return {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
        }
    return {"id": name, "object": "model", "created": 0, "owned_by": "gatewright"}
