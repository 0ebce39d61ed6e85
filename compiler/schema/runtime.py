"""The ``runtime`` section: what Envoy's runtime keys are set to."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from compiler.plan_fleet import RuntimeShare
from policies.values import refuse, shown

_KEY = r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
_SHARE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))?%")
_EXACT = 2**53  # numbers travel as doubles

RuntimeKey = Annotated[str, Field(pattern=f"^{_KEY}$", max_length=256)]
"""A key of Envoy's runtime, such as ``upstream.healthy_panic_threshold``."""


def parse_runtime_value(value: Any) -> Any:
    """Read a switch, a number, a text or a percentage.

    Raises:
        PydanticCustomError: ``bad-runtime-value``.
    """
    hint = "write `true`, a number, a text, or a share such as `5%` or `0.05%`"
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not 0 <= value <= _EXACT:
            refuse(
                "bad-runtime-value",
                f"{shown(value)} is out of range",
                "runtime numbers go from 0 to 2^53",
            )
        return value
    if not isinstance(value, str):
        refuse("bad-runtime-value", "a runtime key has one value", hint)
    if not value.endswith("%"):
        if not value or len(value) > 4096 or not value.isprintable():
            refuse("bad-runtime-value", "this is no text of a runtime key", hint)
        return value
    found = _SHARE.fullmatch(value)
    millionths = int(found[1]) * 10_000 + int((found[2] or "").ljust(4, "0")) if found else None
    if millionths is None or millionths > 1_000_000:
        hint = "write a number from 0 to 100, with up to four decimals"
        refuse("bad-runtime-value", f"{shown(value)} is no percentage", hint)
    return RuntimeShare(millionths)


RuntimeValue = Annotated[
    Any,
    BeforeValidator(parse_runtime_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "boolean"},
                {"type": "number", "minimum": 0, "maximum": _EXACT},
                {"type": "string", "examples": ["5%", "0.05%"], "minLength": 1, "maxLength": 4096},
            ],
            "description": "A switch, a number, a text, or a share such as `5%`.",
        }
    ),
]
"""A value of a runtime key; a text that ends with ``%`` is a ``RuntimeShare``."""
