"""What a tenant has in the end: its own key, or else that of the nearest tier that has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from compiler.schema import GatewayDocument
from compiler.source import Path

INHERITED: Final = ("models", "routes", "limits", "budget", "tags", "addresses", "redact")
"""The keys that a tenant may have from a tier."""

TENANT: Final = "tenant"


@dataclass(frozen=True, slots=True)
class Effective:
    """A value with the place that it comes from, and the values that lost to it, nearest first."""

    value: Any
    source: str
    path: Path
    overrides: tuple[tuple[str, Any], ...] = ()


def effective(
    document: GatewayDocument, tenant: str, lineage: Sequence[str], key: str
) -> Effective | None:
    """Give the value of one of `INHERITED`; None where nobody has written it."""
    found: list[tuple[str, Any, Path]] = []
    own = getattr(document.tenants[tenant], key)
    if own is not None:
        found.append((TENANT, own, ("tenants", tenant, key)))
    for tier in lineage:
        value = getattr(document.tiers[tier], key)
        if value is not None:
            found.append((f"tier {tier}", value, ("tiers", tier, key)))
    if not found:
        return None
    (source, value, path), *lost = found
    return Effective(value, source, path, tuple((place, other) for place, other, _ in lost))
