"""What is expected in a test: what is to become of the request."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from compiler.schema.given import NONE, Word
from policies.document import Document, Maybe, OneOrMore, Unfold
from policies.refusal import refuse, shown
from policies.values import Duration

Text = Annotated[str, Field(max_length=8192)]

_MONEY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) USD")
PICO = 10**12
"""Pico-USD in 1 USD."""


def parse_money(value: Any) -> int:
    """Read an amount of money in pico-USD: ``0.01 USD``.

    Raises:
        PydanticCustomError: ``bad-money``.
    """
    found = _MONEY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return refuse("bad-money", f"{shown(value)} is no amount of money", "write `0.01 USD`")
    return int(Decimal(found[1]) * PICO)


PicoUsd = Annotated[
    int,
    BeforeValidator(parse_money),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^{_MONEY.pattern}$",
            "description": "An amount of money.",
            "examples": ["0.01 USD"],
        }
    ),
]
"""``0.01 USD``, in pico-USD."""


class IdentityDocument(Document):
    """Whom the gateway takes the client for. A text is a key's id, a tenant, or `none`."""

    tenant: Maybe[Text] = Field(default=None, examples=["acme"])
    """The tenant."""
    team: Maybe[Text] = Field(default=None, examples=["search"])
    """The team."""
    key: Maybe[Text] = Field(default=None, examples=["acme/ci"])
    """The key, by its id."""
    user: Maybe[Text] = Field(default=None, examples=["ana@acme.example"])
    """The subject of the token."""
    by: Maybe[Literal["keys", "jwt", "oidc", "mtls", "none"]] = None
    """By which way it was told."""


def _told(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value == NONE:
        return {"tenant": ""}
    return {"key": value} if "/" in value else {"tenant": value}


_IDENTITY = Unfold(_told, {"type": "string", "examples": ["acme/ci", "acme", "none"]})


def _status(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch("[1-5]xx", value):
        return value
    if type(value) is int and 100 <= value <= 599:
        return value
    return refuse("bad-status", f"{shown(value)} is no status", "write `429`, or `4xx` for any")


Status = Annotated[
    int | str,
    BeforeValidator(_status),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^[1-5]xx$"},
            ]
        }
    ),
]


class ExpectDocument(Document):
    """What is to become of the request. What is not written may be anything."""

    route: Maybe[Word] = Field(default=None, examples=["orders"])
    """The route that takes it; `none` where none is to."""
    status: Maybe[Status] = Field(default=None, examples=[200, "4xx"])
    """The status of the answer; `4xx` is any of these."""
    code: Maybe[Word] = Field(default=None, examples=["rate_limit_exceeded"])
    """The word for a refusal in its body, such as `rate_limit_exceeded`."""
    identity: Maybe[Annotated[IdentityDocument, _IDENTITY]] = None
    """Whom the gateway takes the client for: a key's id, a tenant, `none`, or a mapping."""
    served_by: Maybe[Word] = Field(default=None, examples=["claude/claude-haiku-4-5", "none"])
    """The target whose answer the client has (`provider/model`); `none` where nobody's."""
    attempts: Maybe[Annotated[int, Field(ge=0, le=100)]] = Field(default=None, examples=[2])
    """How many attempts are made; targets that are passed by are none."""
    targets: Maybe[OneOrMore[Word]] = Field(
        default=None, examples=[["openai/gpt-4o-mini", "claude/claude-haiku-4-5"]]
    )
    """The targets that are tried, in order."""
    redacted: Maybe[OneOrMore[Word] | dict[Word, OneOrMore[Word]]] = Field(
        default=None, examples=[["personal"], {"openai": ["personal"]}]
    )
    """The redactions of what is sent: to the target that is tried last, or by provider or target.
    An empty list is none."""
    limits: dict[Word, Literal["allowed", "refused"]] = Field(
        default_factory=dict, examples=[{"600 requests/minute": "refused"}]
    )
    """What limits and budgets say, by their text or their whole name."""
    location: Maybe[Text] = Field(default=None, examples=["https://www.example.com/"])
    """Where the client is sent."""
    path: Maybe[Text] = Field(default=None, examples=["/v2/orders/7"])
    """The path that the upstream sees."""
    headers: dict[Word, Text] = Field(default_factory=dict, examples=[{"x-team": "none"}])
    """Headers that the policy sets for the upstream; `none` is one that it removes."""
    cost_below: Maybe[PicoUsd] = None
    """The answer costs less, by the tokens that `given` says."""
    latency_below: Maybe[Duration] = None
    """It takes less until the first byte: attempts that time out take their timeout, others what
    `given.latencies` says."""
    lane: Maybe[Literal["native", "preview", "service"]] = None
    """The lane by which the target that is tried last is reached."""
