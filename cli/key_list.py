"""The keys of a policy and how each stands, for `gatewright keys list`; the clock is passed in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from compiler.schema.gateway import GatewayDocument
    from compiler.schema.keys import KeyDocument

_HEADER: Final = ("KEY", "TIER", "STATE", "SHA-256")
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Row:
    """One key. ``state`` is a word: active, expiring, expired, rotating, revoked, not_started.

    ``at`` is the time that the state speaks of, ``sha256`` the first digits of the digest.
    """

    id: str
    tier: str | None
    state: str
    at: str | None
    told: str
    sha256: str


def rows(document: GatewayDocument, now: datetime, tenant: str | None = None) -> list[Row]:
    """Give the keys of all tenants or of one, in the order of the policy."""
    return [
        _row(key_id, one.tier, key, now)
        for name, one in document.tenants.items()
        if tenant is None or name == tenant
        for key_id, key in (
            *((f"{name}/{key}", value) for key, value in one.keys.items()),
            *(
                (f"{name}/{team}/{key}", value)
                for team, part in one.teams.items()
                for key, value in part.keys.items()
            ),
        )
    ]


def table(found: list[Row]) -> Iterator[str]:
    """Show rows for a terminal."""
    cells = [_HEADER, *((one.id, one.tier or "-", one.told, one.sha256) for one in found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def data(found: list[Row]) -> list[dict[str, Any]]:
    """Give rows as JSON data."""
    return [{name: value for name, value in asdict(one).items() if name != "told"} for one in found]


def _row(key_id: str, tier: str | None, key: KeyDocument, now: datetime) -> Row:
    state, at, told = _state(key, now)
    spelled = None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return Row(key_id, tier, state, spelled, told, key.sha256.hex()[:_DIGITS])


def _state(key: KeyDocument, now: datetime) -> tuple[str, datetime | None, str]:
    if key.revoked is not None:
        return "revoked", key.revoked, f"revoked since {key.revoked:%Y-%m-%d}"
    if key.expires is not None and key.expires <= now:
        return "expired", key.expires, f"expired on {key.expires:%Y-%m-%d}"
    if key.starts is not None and key.starts > now:
        return "not_started", key.starts, f"starts on {key.starts:%Y-%m-%d}"
    if key.previous is not None and key.previous.until > now:
        until = key.previous.until
        return "rotating", until, f"rotating until {until:%Y-%m-%d}"
    if key.expires is not None:
        return "expiring", key.expires, f"active, expires in {_span(key.expires - now)}"
    return "active", None, "active"


def _span(left: timedelta) -> str:
    hours = left // timedelta(hours=1)
    if hours < 1:
        return f"{max(1, left // timedelta(minutes=1))} min"
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
