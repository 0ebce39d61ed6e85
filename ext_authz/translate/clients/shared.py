"""What more than one client API writes in the same words: cache marks and thinking."""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.clients.fields import integer, mapping, optional_text
from ext_authz.translate.conversation import Cache, Effort, Thinking

_DEFAULT: Final = Cache()
_HOUR: Final = Cache("1h")
_FIVE_MINUTES: Final = Cache("5m")


def read_cache(fields: dict[str, Any]) -> Cache | None:
    """The cache mark of a block: Anthropic's `cache_control`, which others took over."""
    if "cache_control" not in fields or not isinstance(given := fields["cache_control"], dict):
        return None
    ttl = given.get("ttl")
    if ttl == "1h":
        return _HOUR
    return _FIVE_MINUTES if ttl == "5m" else _DEFAULT


def read_thinking(fields: dict[str, Any], effort: Effort | None) -> Thinking:
    """Anthropic's `thinking`, with the effort that stands elsewhere; unknown types are adaptive."""
    given = mapping(fields, "thinking")
    kind = given.get("type")
    if not given:
        return Thinking(effort=effort)
    if kind == "disabled":
        return Thinking(effort=effort, disabled=True)
    return Thinking(
        effort=effort,
        budget=integer(given, "budget_tokens") if kind == "enabled" else None,
        adaptive=kind != "enabled",
        display=optional_text(given, "display"),
    )
