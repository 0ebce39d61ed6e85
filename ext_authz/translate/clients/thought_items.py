"""Reasoning of other providers inside a Responses item, and back.

OpenAI gives reasoning back to the client as `encrypted_content`, which only OpenAI reads. The same
member carries the signature and the redacted data of other providers, marked as theirs, so that a
client which keeps its items hands them back unchanged.
"""

from __future__ import annotations

from typing import Any, Final

from ext_authz.translate.conversation import Reasoning, Redacted

_SIGNED: Final = "gw1.signature."
_REDACTED: Final = "gw1.redacted."


def signed(signature: str) -> str:
    """The `encrypted_content` that carries a signature."""
    return _SIGNED + signature


def redacted(data: str) -> str:
    """The `encrypted_content` that carries redacted reasoning."""
    return _REDACTED + data


def read_thought(given: dict[str, Any]) -> list[Reasoning | Redacted]:
    """Read a reasoning item; what OpenAI itself encrypted means nothing to others."""
    carried = given.get("encrypted_content")
    if not isinstance(carried, str):
        return []
    if carried.startswith(_REDACTED):
        return [Redacted(carried.removeprefix(_REDACTED))]
    if not carried.startswith(_SIGNED):
        return []
    given_parts = [
        one
        for name in ("summary", "content")
        if isinstance(inner := given.get(name), list)
        for one in inner
        if isinstance(one, dict)
    ]
    shown = [one["text"] for one in given_parts if isinstance(one.get("text"), str)]
    return [Reasoning("".join(shown), carried.removeprefix(_SIGNED))]
