"""Limits and amounts as policies write them: `20 requests/minute`, `8 concurrent`, `2k tokens`.

Amounts are whole numbers of what the unit counts; money is counted in nano-USD.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, WithJsonSchema

from policies.refusal import refuse, shown
from xds.edge.limit import Period, Unit

NANO = 10**9
"""Nano-USD in 1 USD."""
MOST = 9 * 10**15
"""The largest amount: counters keep numbers as doubles. Of money it is 9,000,000 USD."""

_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?[kM]?"
_WORDS = {
    "request": Unit.REQUESTS,
    "requests": Unit.REQUESTS,
    "tokens": Unit.TOKENS,
    "input tokens": Unit.INPUT_TOKENS,
    "output tokens": Unit.OUTPUT_TOKENS,
    "USD": Unit.COST,
}
_PERIODS = "second|minute|hour|day|month"
_LIMIT = re.compile(rf"({_NUMBER}) ({'|'.join(_WORDS)})/({_PERIODS})")
_CONCURRENT = re.compile(rf"({_NUMBER}) concurrent")
_BUDGET = re.compile(rf"({_NUMBER}) USD/({_PERIODS})")
_TOKENS = re.compile(rf"({_NUMBER}) tokens")
_BURST = re.compile(_NUMBER)
_FACTORS = {"k": 1_000, "M": 1_000_000}

_HINT = (
    "write a number, what is counted, and the time: `20 requests/minute`, `50k tokens/day`, "
    "`500 USD/month`; or `8 concurrent`"
)
_BUDGET_HINT = "write `500 USD/month`"


@dataclass(frozen=True, slots=True)
class LimitText:
    """What a limit's text says; ``amount`` is in the unit's own whole numbers."""

    text: str
    unit: Unit
    amount: int
    period: Period


def parse_limit(value: Any) -> LimitText:
    """Read a limit.

    Raises:
        PydanticCustomError: ``bad-limit``.
    """
    if isinstance(value, LimitText):
        return value
    if not isinstance(value, str):
        return refuse("bad-limit", f"{shown(value)} is no limit: it has no unit", _HINT)
    if found := _CONCURRENT.fullmatch(value):
        return LimitText(value, Unit.CONCURRENT, _amount(found[1], 1, value), Period.NONE)
    found = _LIMIT.fullmatch(value)
    if found is None:
        return refuse("bad-limit", f"{shown(value)} is no limit", _HINT)
    unit = _WORDS[found[2]]
    factor = NANO if unit is Unit.COST else 1
    return LimitText(value, unit, _amount(found[1], factor, value), Period(found[3]))


def parse_budget(value: Any) -> LimitText:
    """Read a budget: money in a time.

    Raises:
        PydanticCustomError: ``bad-limit``.
    """
    if isinstance(value, LimitText):
        return value
    if not isinstance(value, str):
        return refuse("bad-limit", f"{shown(value)} is no budget: it has no unit", _BUDGET_HINT)
    found = _BUDGET.fullmatch(value)
    if found is None:
        return refuse("bad-limit", f"{shown(value)} is no budget", _BUDGET_HINT)
    return LimitText(value, Unit.COST, _amount(found[1], NANO, value), Period(found[2]))


def parse_tokens(value: Any) -> int:
    """Read a number of tokens: `2k tokens`.

    Raises:
        PydanticCustomError: ``bad-limit``.
    """
    hint = "write a number and its unit: `500 tokens` or `2k tokens`"
    if not isinstance(value, str):
        return refuse("bad-limit", f"{shown(value)} is no number of tokens", hint)
    found = _TOKENS.fullmatch(value)
    if found is None:
        return refuse("bad-limit", f"{shown(value)} is no number of tokens", hint)
    return _amount(found[1], 1, value)


def parse_burst(value: Any) -> int | Decimal:
    """Read a number, such as `20` or `1.5k`; its unit is that of the limit beside it.

    Raises:
        PydanticCustomError: ``bad-limit``.
    """
    hint = "write a number such as `20` or `5k`; its unit is the limit's"
    if type(value) is int and 0 < value <= MOST:
        return value
    if isinstance(value, str) and _BURST.fullmatch(value) and (number := _decimal(value)) > 0:
        return number
    return refuse("bad-limit", f"{shown(value)} is no burst", hint)


def amount_of(number: int | Decimal, unit: Unit) -> int | None:
    """Give a burst in its limit's own numbers; None where it is no whole one, or too large."""
    exact = Decimal(number) * (NANO if unit is Unit.COST else 1)
    return int(exact) if exact == int(exact) and 1 <= exact <= MOST else None


def amount_text(amount: int, unit: Unit) -> str:
    """Write an amount as people do: `2M tokens`, `499.99 USD`, `1 request`; nothing is rounded."""
    if unit is Unit.COST:
        return usd_text(amount, NANO)
    if unit is Unit.CONCURRENT:
        return f"{amount} concurrent"
    if unit is Unit.REQUESTS:
        return f"{amount} request{'' if amount == 1 else 's'}"
    word = next(word for word, known in _WORDS.items() if known is unit)
    for sign, factor in reversed(_FACTORS.items()):
        if amount and not amount % factor:
            return f"{amount // factor}{sign} {word}"
    return f"{amount} {word}"


def usd_text(amount: int, parts: int) -> str:
    """Write money that is counted in ``parts`` of 1 USD, a power of ten: `0.05 USD`."""
    whole, rest = divmod(amount, parts)
    fraction = f"{rest:0{len(str(parts)) - 1}}".rstrip("0")
    return f"{whole}.{fraction} USD" if fraction else f"{whole} USD"


def _decimal(text: str) -> Decimal:
    factor = _FACTORS.get(text[-1:], 1)
    return Decimal(text.rstrip("kM")) * factor


def _amount(number: str, factor: int, written: str) -> int:
    exact = _decimal(number) * factor
    if exact != int(exact):
        hint = "requests and tokens are whole, and money is counted to 0.000000001 USD"
        refuse("bad-limit", f"{shown(written)} is no whole amount", hint)
    if exact < 1:
        hint = "write at least 1; what is for nobody is left out of `models`, `routes` or `allow`"
        refuse("bad-limit", f"{shown(written)} admits nothing", hint)
    if exact > MOST:
        hint = f"an amount is at most {MOST:,}, and money at most {MOST // NANO:,} USD"
        refuse("bad-limit", f"{shown(written)} is too much", hint)
    return int(exact)


LIMIT_SCHEMA = {
    "type": "string",
    "pattern": rf"^{_NUMBER} (({'|'.join(_WORDS)})/({_PERIODS})|concurrent)$",
    "description": "How much of what in which time.",
    "examples": ["20 requests/minute", "50k tokens/day"],
}
"""The JSON Schema of a limit's text."""

BUDGET_SCHEMA = {
    "type": "string",
    "pattern": rf"^{_NUMBER} USD/({_PERIODS})$",
    "description": "How much money in which time.",
    "examples": ["500 USD/month"],
}
"""The JSON Schema of a budget's text."""

Limited = Annotated[
    InstanceOf[LimitText], BeforeValidator(parse_limit), WithJsonSchema(LIMIT_SCHEMA)
]
"""``20 requests/minute``, as ``LimitText``."""

Money = Annotated[
    InstanceOf[LimitText], BeforeValidator(parse_budget), WithJsonSchema(BUDGET_SCHEMA)
]
"""``500 USD/month``, as ``LimitText``."""

Tokens = Annotated[
    int,
    BeforeValidator(parse_tokens),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^{_NUMBER} tokens$",
            "description": "A number of tokens.",
            "examples": ["2k tokens"],
        }
    ),
]
"""``2k tokens``, as 2000."""

Burst = Annotated[
    Any,
    BeforeValidator(parse_burst),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": rf"^{_NUMBER}$", "examples": ["5k"]},
            ],
            "description": "A number in the unit of its limit.",
        }
    ),
]
"""``20`` or ``5k``."""
