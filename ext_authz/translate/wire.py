"""JSON as it crosses the wire: decoded strictly from clients, leniently from providers.

A client's body that is no JSON is refused. A provider's is repaired where that is harmless: some
servers cut a pair of surrogates, or a character's bytes, between two chunks of a stream.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

MAX_DEPTH: Final = 128
"""How deep a client's JSON may nest; tool schemas of real applications stay below forty."""

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)

encode = msgspec.json.Encoder().encode
"""Compact JSON; raises UnicodeEncodeError for a lone surrogate, which no decoder here lets in."""

decode_any = msgspec.json.Decoder().decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class NotJsonError(ValueError):
    """Bytes that are not the JSON that was expected; the text says what is wrong with them."""


def decode(data: bytes | bytearray | str) -> Any:
    """Decode JSON, or raise `NotJsonError`."""
    try:
        return decode_any(data)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(_reason(error)) from None


def decode_object(data: bytes | bytearray) -> dict[str, Any]:
    """Decode a client's JSON object that nests no deeper than `MAX_DEPTH`, or raise."""
    value = decode(data)
    if not isinstance(value, dict):
        raise NotJsonError("expected a JSON object")
    if may_be_deep(data) and not _is_shallow(value):
        raise NotJsonError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def decode_members(data: bytes | bytearray) -> dict[str, msgspec.Raw]:
    """Decode an object one level deep: each member stays as the very bytes that came.

    Of a name that is given twice the last one counts, and only that one goes on: two readers of
    the same body cannot see two different requests.
    """
    try:
        data.decode()
        members = _members.decode(data)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(_reason(error)) from None
    if may_be_deep(data):
        decode_object(data)
    return members


def decode_lenient(data: bytes | bytearray) -> Any:
    """Decode a provider's JSON; lone surrogates and broken UTF-8 become U+FFFD."""
    try:
        return decode_any(data)
    except (ValueError, RecursionError):
        pass
    text = bytes(data).decode("utf-8", "replace").encode()
    return decode(_ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], text))


def may_be_deep(data: bytes | bytearray) -> bool:
    """Whether it has to be looked at closely: it has more brackets than it may have levels."""
    # To take them out is several times faster than to count them.
    rest = len(data.replace(b"{", b"")) + len(data.replace(b"[", b""))
    return 2 * len(data) - rest > MAX_DEPTH


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            inner = item.values() if isinstance(item, dict) else item
            below += [one for one in inner if isinstance(one, (dict, list))]
        if not below:
            return True
        level = below
    return False


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error)
