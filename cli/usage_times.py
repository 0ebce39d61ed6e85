"""Times as `gatewright usage` is told them; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> int:
    """Read a day, a time (UTC unless it says otherwise) or how long ago; gives ms since 1970.

    ``2026-11-01``, ``2026-11-01T12:00``, ``36h``, ``7d``. Raises ValueError.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return milliseconds(now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
    return milliseconds(datetime.fromisoformat(text))


def month(text: str) -> tuple[int, int]:
    """Read a month, ``2026-11``, as its first moment and the first one behind it."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ValueError(f"no month: {text}")
    first = datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)
    behind = (first + timedelta(days=32)).replace(day=1)
    return milliseconds(first), milliseconds(behind)


def milliseconds(time: datetime) -> int:
    """Give ms since 1970, exactly; a time without a zone is of UTC."""
    zoned = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def written(time: int) -> str:
    """Write ms since 1970 as RFC 3339 in UTC with milliseconds."""
    whole = datetime.fromtimestamp(time // 1_000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{time % 1_000:03d}Z"
