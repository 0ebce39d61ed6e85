"""What is given in a test: the world around the gateway, and what its upstreams do."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from policies.document import Document, Maybe, OneOrMore, Unfold
from policies.limit_text import MOST
from policies.refusal import refuse, shown
from policies.values import Duration

Word = Annotated[str, Field(min_length=1, max_length=512)]

NONE = "none"
"""Says that there is to be nobody, or nothing."""


class AnswerDocument(Document):
    """What an upstream does with a request. A number is its `status`, a word its `fault`."""

    status: Annotated[int, Field(ge=200, le=599)] = 200
    """The status of its answer."""
    fault: Maybe[
        Literal[
            "connect_failure",
            "timeout",
            "stall",
            "cut",
            "cut_later",
            "in_band",
            "context_exceeded",
            "content_filter",
        ]
    ] = None
    """What it does instead: `connect_failure`, `timeout` (nothing comes), `stall` (a stream begins
    and says nothing), `cut` (a stream ends before its first content), `cut_later` (and after it),
    `in_band` (an error inside a stream), `context_exceeded`, `content_filter`."""
    retry_after: Maybe[Annotated[int, Field(ge=0, le=86_400)]] = Field(default=None, examples=[30])
    """The seconds of its Retry-After."""
    input_tokens: Annotated[int, Field(ge=0, le=10**9)] = 0
    """The tokens of the prompt, as it bills them."""
    output_tokens: Annotated[int, Field(ge=0, le=10**9)] = 0
    """The tokens of its answer."""


def _unfolded(value: Any) -> Any:
    if type(value) is int:
        return {"status": value}
    if value == "ok":
        return {}
    return {"fault": value} if isinstance(value, str) else value


AnswerOf = Annotated[
    AnswerDocument,
    Unfold(
        _unfolded,
        {"type": ["integer", "string"], "examples": [429, "timeout", "ok"]},
    ),
]
"""``429``, ``timeout``, ``ok`` or the mapping."""

ALL = "all"
_USED = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([kM]?)(?: USD)?")
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}


def parse_used(value: Any) -> Decimal | str:
    """Read how much of a limit is used: a number in its unit (of money: USD), or ``all``.

    Raises:
        PydanticCustomError: ``bad-amount``.
    """
    if value == ALL:
        return ALL
    if type(value) in (int, float) and 0 <= value <= MOST:
        return Decimal(str(value))
    found = _USED.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        hint = "write a number in the limit's unit (`50k`, `499.99 USD`), or `all`"
        return refuse("bad-amount", f"{shown(value)} is no amount", hint)
    return Decimal(found[1]) * _FACTORS[found[2]]


UsedAmount = Annotated[
    Any,
    BeforeValidator(parse_used),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": rf"^(all|{_USED.pattern})$", "examples": ["all"]},
            ],
            "description": "How much of a limit is used up.",
        }
    ),
]
"""``all``, or a number in the limit's own unit (of money: USD), as a Decimal."""


def _by_whom(value: Any) -> Any:
    return value if isinstance(value, dict) else {NONE: value}


Used = Annotated[
    dict[Word, UsedAmount],
    Unfold(_by_whom, {"type": ["number", "string"], "examples": ["all", 600]}),
]
"""How much is used by whom; by everybody alike (under ``none``) where it is one amount."""


class GivenDocument(Document):
    """What holds around the gateway, and what its upstreams do.

    Every key but those below is a service, a provider or a target (`provider/model`), and its value
    is what that does: a status, a word, or a list of them of which each request gets the next and
    the last one stays.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OneOrMore[AnswerOf]] = Field(init=False)

    used: dict[Word, Used] = Field(
        default_factory=dict,
        examples=[{"600 requests/minute": "all", "tenant/acme/cost/month/budget": "499.99"}],
    )
    """What is counted already, by a limit's text or its whole name; and below it by whom it is
    counted for, where each has a counter."""
    cooling: OneOrMore[Word] = Field(default=(), examples=["openai"])
    """The providers that are passed by, because they failed lately."""
    counters: Maybe[Literal["away"]] = None
    """`away`: the store of the counters cannot be reached."""
    edge: Maybe[Literal["away"]] = None
    """`away`: the services beside Envoy cannot be reached."""
    draws: OneOrMore[Annotated[float, Field(ge=0, lt=1)]] = Field(default=(), examples=[[0.95]])
    """Where draws among shares fall, from 0 to below 1, in turn; at 0 unless written."""
    latencies: dict[Word, Duration] = Field(
        default_factory=dict, examples=[{"openai/gpt-4o-mini": "800ms"}]
    )
    """What targets (`provider/model`) take until their first byte."""
