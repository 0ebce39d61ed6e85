"""The core schema of YAML 1.2: what a scalar without quotes means.

Unlike YAML 1.1, ``no``, ``on``, ``yes``, ``12:30`` and dates are texts. Source: YAML 1.2.2,
section 10.3.2, "Tag Resolution".
"""

from __future__ import annotations

import math
import re

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_SPECIAL = frozenset("-+.0123456789~nNtTfF")
_LONGEST = 40  # digits; what fits 64 bits is far shorter


class OutOfRangeError(ValueError):
    """A number that is not finite, or does not fit 64 bits."""


def resolve(text: str) -> str | int | float | bool | None:
    """Give the value of a plain scalar.

    Raises:
        OutOfRangeError: infinity, not-a-number, and integers beyond 64 bits, none of which any
            setting of a gateway can be.
    """
    if text and text[0] not in _SPECIAL:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _DECIMAL.fullmatch(text):
        return _integer(text, 10)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEX.fullmatch(text):
        return _integer(text[2:], 16)
    if _NOT_FINITE.fullmatch(text):
        raise OutOfRangeError(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            raise OutOfRangeError(text)
        return value
    return text


def _integer(digits: str, base: int) -> int:
    # int() of thousands of digits is slow, and Python refuses it with an error of its own.
    if len(digits) > _LONGEST:
        raise OutOfRangeError(digits)
    value = int(digits, base)
    if not -(2**63) <= value < 2**63:
        raise OutOfRangeError(digits)
    return value
