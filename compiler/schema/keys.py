"""The keys of tenants and teams: the policy holds their SHA-256, and never a key itself."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, WithJsonSchema

from compiler.schema.choices import ModelChoice
from compiler.schema.limits import Budgets, Limits
from policies.document import Document, Maybe, OneOrMore, keyed
from policies.values import Timestamp, refuse

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_KEY = "gw_"
_HINT = "`gatewright keys create` makes a key and writes the line for the policy"


def parse_sha256(value: Any) -> bytes:
    """Read a key's SHA-256, 64 hexadecimal digits. What else is written is not echoed.

    Raises:
        PydanticCustomError: ``inline-secret`` for what looks like a key itself; else
            ``bad-sha256``.
    """
    if isinstance(value, str) and _SHA256.fullmatch(value):
        return bytes.fromhex(value)
    if isinstance(value, str) and value.strip().startswith(_KEY):
        hint = f"write its SHA-256; {_HINT}. If this one was committed, revoke it"
        refuse("inline-secret", "a policy holds no keys, only what they hash to", hint)
    return refuse("bad-sha256", "this is no SHA-256 of a key: 64 hexadecimal digits", _HINT)


Sha256 = Annotated[
    InstanceOf[bytes],
    BeforeValidator(parse_sha256),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[0-9a-fA-F]{64}$",
            "description": "The SHA-256 of a key, in hexadecimal digits.",
            "examples": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
        }
    ),
]
"""64 hexadecimal digits, as 32 bytes."""


class PreviousDocument(Document):
    """The key that this one takes the place of, for as long as both are good."""

    sha256: Sha256
    """The SHA-256 of the old key."""
    until: Timestamp
    """From when on only the new one is good."""


class KeyDocument(Document):
    """A key, by its SHA-256. A text is its `sha256`. `gatewright keys` writes these lines."""

    sha256: Sha256
    """The SHA-256 of the key, in hexadecimal digits; never the key."""
    starts: Maybe[Timestamp] = None
    """From when on it is good; at once unless written."""
    expires: Maybe[Timestamp] = None
    """From when on it is refused; never unless written."""
    revoked: Maybe[Timestamp] = None
    """When it was revoked. A revoked key is refused, whatever the time; the line tells that it was
    there."""
    previous: Maybe[PreviousDocument] = None
    """The key that this one takes the place of, while both are good."""
    models: Maybe[OneOrMore[ModelChoice]] = None
    """The models that it is for, of those of its team or tenant; all of them unless written."""
    limits: Limits = ()
    """How much it may be used, beside what its team and tenant may."""
    budget: Budgets = ()
    """How much it may spend, of what its team and tenant may."""


_SHORT = {
    "type": "string",
    "pattern": "^[0-9a-fA-F]{64}$",
    "description": "The SHA-256 of a key.",
    "examples": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
}
Key = Annotated[KeyDocument, keyed("sha256", _SHORT, str)]
