"""What `keys create`, `rotate` and `revoke` change in the text of a policy; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from pydantic_core import PydanticCustomError

from cli.policy_edit import get, lengthen, put
from policies.timestamp import parse_timestamp, spelled

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class KeyEditError(Exception):
    """It makes no sense here: no such tenant, a key that is there already; the message says so."""


@dataclass(frozen=True, slots=True)
class KeyId:
    """``TENANT/KEY`` or ``TENANT/TEAM/KEY``."""

    tenant: str
    team: str
    key: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read one; raises ValueError, which does not quote what may be a key itself."""
        parts = text.split("/")
        if len(parts) not in {2, 3} or not all(map(_NAME.fullmatch, parts)):
            raise ValueError("a key is named TENANT/KEY or TENANT/TEAM/KEY, by names of the policy")
        return cls(parts[0], parts[1] if len(parts) == 3 else "", parts[-1])

    def __str__(self) -> str:
        return "/".join(filter(None, (self.tenant, self.team, self.key)))

    @property
    def owner(self) -> tuple[str, ...]:
        """Where whose key it is stands in the policy."""
        return ("tenants", self.tenant, *(("teams", self.team) if self.team else ()))

    @property
    def path(self) -> tuple[str, ...]:
        """Where the key stands in the policy."""
        return (*self.owner, "keys", self.key)


def create(text: str, key: KeyId, sha256: str, expires: datetime | None) -> str:
    """Add a key to a tenant or team that is there; raises KeyEditError, CannotEditError."""
    owner = get(text, key.owner[:2])
    if key.team:
        teams = owner.get("teams") if isinstance(owner, dict) else None
        if not isinstance(teams, dict) or key.team not in teams:
            raise KeyEditError(f"tenant `{key.tenant}` has no team `{key.team}`")
    if get(text, key.path) is not None:
        raise KeyEditError(f"key `{key}` is there already: `rotate` replaces it, `revoke` ends it")
    value = {"sha256": sha256}
    if expires is not None:
        value["expires"] = spelled(expires)
    return put(text, key.path, value)


def rotate(
    text: str, key: KeyId, sha256: str, until: datetime, now: datetime, expires: datetime | None
) -> str:
    """Put a new key in a key's place, which is good itself ``until`` then.

    Raises KeyEditError and CannotEditError.
    """
    old = _there(text, key)
    if old.get("revoked"):
        raise KeyEditError(f"key `{key}` is revoked: create another one, by another name")
    if expires is None and (end := _moment(old.get("expires"))) is not None and end <= now:
        raise KeyEditError(f"key `{key}` has expired: say with --expires until when the new one is")
    value: dict[str, Any] = {"sha256": sha256}
    if expires is not None:
        value["expires"] = spelled(expires)
    value["previous"] = {"sha256": str(old["sha256"]), "until": spelled(until)}
    return put(lengthen(text, key.path, "sha256"), key.path, value)


def overlapping(text: str, key: KeyId, now: datetime) -> bool:
    """Tell whether a key is still being rotated: one more rotation ends the oldest at once."""
    previous = _there(text, key).get("previous")
    until = _moment(previous.get("until")) if isinstance(previous, dict) else None
    return until is not None and until > now


def revoke(text: str, key: KeyId, now: datetime) -> str:
    """Write that a key is revoked; the same text where it says so already.

    Raises KeyEditError and CannotEditError.
    """
    if _there(text, key).get("revoked"):
        return text
    changed = lengthen(text, key.path, "sha256")
    return put(changed, (*key.path, "revoked"), spelled(now))


def _there(text: str, key: KeyId) -> dict[str, Any]:
    found = get(text, key.path)
    if isinstance(found, str):
        return {"sha256": found}
    if not isinstance(found, dict) or not found.get("sha256"):
        raise KeyEditError(f"the policy has no key `{key}`")
    return found


def _moment(text: Any) -> datetime | None:
    """Read a time; what is none is reported when the policy is compiled."""
    try:
        return None if text is None else parse_timestamp(text)
    except PydanticCustomError:
        return None
