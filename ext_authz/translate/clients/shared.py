"""What more than one client API writes in the same words: marks, thinking, schemas, functions."""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.clients.fields import (
    flag,
    integer,
    mapping,
    optional_text,
    tool_name,
)
from ext_authz.translate.conversation import Cache, Effort, Format, Thinking, Tool
from ext_authz.translate.errors import RefusedError

EFFORTS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
NO_PARAMETERS: Final[dict[str, Any]] = {"type": "object", "properties": {}}
_DEFAULT: Final = Cache()
_HOUR: Final = Cache("1h")
_FIVE_MINUTES: Final = Cache("5m")


def read_cache(fields: dict[str, Any]) -> Cache | None:
    """The cache mark of a block: Anthropic's `cache_control`, which others took over."""
    return cache_of(fields["cache_control"]) if "cache_control" in fields else None


def cache_of(given: Any) -> Cache | None:
    """The mark that a `cache_control` is, if it is one."""
    if not isinstance(given, dict):
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


def read_effort(given: Any, where: str) -> Effort | None:
    """Read an effort; one that is not known yet is taken for the default."""
    if given is None:
        return None
    if not isinstance(given, str):
        raise RefusedError(f"`{where}` must be a string", param=where)
    return next((effort for effort in EFFORTS if effort == given), None)


def read_schema(given: dict[str, Any], where: str) -> Format:
    """Read the schema of an answer with its name."""
    return Format(
        schema=mapping(given, "schema", f"{where}."),
        name=optional_text(given, "name", f"{where}.") or "response",
        description=optional_text(given, "description", f"{where}."),
        strict=flag(given, "strict"),
    )


def read_function(function: dict[str, Any], tool: dict[str, Any], where: str) -> Tool:
    """Read a function's declaration; `tool` may carry its cache mark."""
    schema = mapping(function, "parameters", f"{where}.")
    return Tool(
        name=tool_name(function, f"{where}."),
        description=optional_text(function, "description", f"{where}."),
        schema=schema or NO_PARAMETERS,
        strict=flag(function, "strict"),
        cache=read_cache(tool) or read_cache(function),
    )
