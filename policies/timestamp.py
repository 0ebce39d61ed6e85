"""Points in time as policies write them: a date, or a date with a time and its zone (RFC 3339)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, WithJsonSchema

from policies.refusal import refuse, shown

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|z|[+-][0-9]{2}:[0-9]{2})"
)
_HINT = "write a date (`2027-01-31`, from its midnight in UTC), or `2027-01-31T12:00:00Z`"


def parse_timestamp(value: Any) -> datetime:
    """Read a point in time, in UTC; a date is its midnight.

    Raises:
        PydanticCustomError: ``bad-time``.
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            if _DATE.fullmatch(value):
                return datetime.fromisoformat(value).replace(tzinfo=UTC)
            if _TIME.fullmatch(value):
                return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            return refuse("bad-time", f"{shown(value)} is in no calendar", _HINT)
    return refuse("bad-time", f"{shown(value)} is no point in time", _HINT)


def spelled(moment: datetime) -> str:
    """Write a point in time as policies do: a midnight is a date."""
    moment = moment.astimezone(UTC)
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


Timestamp = Annotated[
    InstanceOf[datetime],
    BeforeValidator(parse_timestamp),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
            r"([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(Z|z|[+-][0-9]{2}:[0-9]{2}))?$",
            "description": "A point in time: a date (its midnight in UTC), or RFC 3339.",
            "examples": ["2027-01-31", "2027-01-31T12:00:00Z"],
        }
    ),
]
"""``2027-01-31``, as a datetime in UTC."""
