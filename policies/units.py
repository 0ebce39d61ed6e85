"""Values whose unit stands in the text: durations, sizes, percentages.

A bare number is refused, because nobody can see which unit was meant.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from policies.refusal import refuse, shown

_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,3})?(ms|s|m|h|d)$"
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)")
_DURATION_HINT = "write a number and its unit: `500ms`, `20s`, `10m`, `1h` or `1d`"
_LONGEST = 365 * _MILLISECONDS["d"]


def parse_duration(value: Any) -> timedelta:
    """Read a duration of one millisecond to 365 days; whole milliseconds.

    Raises:
        PydanticCustomError: ``bad-duration``.
    """
    if isinstance(value, timedelta):
        return value  # a default of our own
    if not isinstance(value, str):
        hint = _DURATION_HINT
        if type(value) is int and value > 0:
            hint = f"write its unit: `{value}s` or `{value}ms`"
        refuse("bad-duration", f"{shown(value)} is no duration: it has no unit", hint)
    found = _DURATION.fullmatch(value)
    if found is None:
        refuse("bad-duration", f"{shown(value)} is no duration", _DURATION_HINT)
    milliseconds = float(found[1]) * _MILLISECONDS[found[2]]
    if milliseconds < 1:
        refuse("bad-duration", f"{shown(value)} is too short", "the shortest duration is `1ms`")
    if milliseconds > _LONGEST:
        refuse("bad-duration", f"{shown(value)} is too long", "the longest duration is `365d`")
    return timedelta(milliseconds=round(milliseconds))


_DURATION_SCHEMA = {
    "type": "string",
    "pattern": _DURATION_PATTERN,
    "description": "A duration with its unit: ms, s, m, h or d.",
    "examples": ["500ms", "20s", "10m", "1h"],
}

Duration = Annotated[timedelta, BeforeValidator(parse_duration), WithJsonSchema(_DURATION_SCHEMA)]
"""``20s``, ``500ms``, ``1.5h``: never zero."""


def _parse_timeout(value: Any) -> timedelta:
    if value == "none":
        return timedelta(0)
    return parse_duration(value)


Timeout = Annotated[
    timedelta,
    BeforeValidator(_parse_timeout),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": _DURATION_PATTERN.replace("^", "^(none|").replace("$", ")$"),
            "description": "A duration with its unit, or `none` for no limit.",
            "examples": ["15s", "none"],
        }
    ),
]
"""A duration, or ``none`` for no limit, kept as zero (which is also how Envoy says it)."""

_BYTES = {
    "B": 1,
    "kB": 1_000,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?) ?(B|kB|KB|MB|GB|KiB|MiB|GiB)")
_SIZE_HINT = "write a number and its unit: `512 B`, `10 kB`, `60 KiB` or `1 MiB`"
_LARGEST = (1 << 32) - 1  # Envoy counts its buffers in 32 bits


def parse_size(value: Any) -> int:
    """Read a size of 1 byte to 4 GiB - 1, in bytes.

    Raises:
        PydanticCustomError: ``bad-size``.
    """
    if not isinstance(value, str):
        hint = _SIZE_HINT
        if type(value) is int and value > 0:
            hint = f"write its unit: `{value} B`, `{value} KiB` or `{value} MiB`"
        refuse("bad-size", f"{shown(value)} is no size: it has no unit", hint)
    found = _SIZE.fullmatch(value)
    if found is None:
        refuse("bad-size", f"{shown(value)} is no size", _SIZE_HINT)
    size = round(float(found[1]) * _BYTES[found[2]])
    if not 1 <= size <= _LARGEST:
        refuse(
            "bad-size", f"{shown(value)} is out of range", "sizes go from `1 B` to below `4 GiB`"
        )
    return size


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{1,12}(\.[0-9]{1,3})? ?(B|kB|KB|MB|GB|KiB|MiB|GiB)$",
            "description": "A size with its unit: B, kB, MB, GB (1000) or KiB, MiB, GiB (1024).",
            "examples": ["32 MiB", "60 KiB"],
        }
    ),
]
"""``1 MiB``, in bytes."""

_PERCENTAGE = re.compile(r"([0-9]{1,3})%")


def parse_percentage(value: Any) -> int:
    """Read a whole percentage from 0 to 100.

    Raises:
        PydanticCustomError: ``bad-percentage``.
    """
    hint = "write a whole number from 0 to 100 and its sign: `50%`"
    if not isinstance(value, str):
        if type(value) is int and 0 <= value <= 100:
            hint = f"write its sign: `{value}%`"
        refuse("bad-percentage", f"{shown(value)} is no percentage: it has no `%`", hint)
    found = _PERCENTAGE.fullmatch(value)
    if found is None or int(found[1]) > 100:
        refuse("bad-percentage", f"{shown(value)} is no percentage", hint)
    return int(found[1])


Percentage = Annotated[
    int,
    BeforeValidator(parse_percentage),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(100|[0-9]{1,2})%$",
            "description": "A whole percentage.",
            "examples": ["50%"],
        }
    ),
]
"""``50%``, as 50."""

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)%")


def parse_share(value: Any) -> int:
    """Read a percentage from 0 to 100 with up to two decimals, in basis points: 5% is 500.

    Raises:
        PydanticCustomError: ``bad-percentage``.
    """
    hint = "write a number from 0 to 100 and its sign: `5%` or `0.5%`"
    if not isinstance(value, str):
        if type(value) in (int, float) and 0 <= value <= 100:
            hint = f"write its sign: `{value}%`"
        refuse("bad-percentage", f"{shown(value)} is no percentage: it has no `%`", hint)
    found = _SHARE.fullmatch(value)
    if found is None or float(found[1]) > 100:
        refuse("bad-percentage", f"{shown(value)} is no percentage", hint)
    return round(float(found[1]) * 100)


Share = Annotated[
    int,
    BeforeValidator(parse_share),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(100(\.00?)?|[0-9]{1,2}(\.[0-9]{1,2})?)%$",
            "description": "A percentage, to two decimals.",
            "examples": ["5%", "0.5%"],
        }
    ),
]
"""``5%``, in basis points: 500."""
