"""The ``prices`` section: what tokens cost, where the shipped data does not know or is wrong."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from policies.document import Document, Maybe
from policies.values import refuse, shown

_PRICE = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,9})?) USD/1(M|k) tokens")
_HINT = "write `0.15 USD/1M tokens`"
_PICO_USD = {"M": 1_000_000, "k": 1_000_000_000}


def parse_token_price(value: Any) -> int:
    """Read a price in pico-USD a token: 1 USD/1M tokens is 1,000,000.

    Raises:
        PydanticCustomError: ``bad-price``, also for prices finer than 0.000001 USD/1M tokens.
    """
    if not isinstance(value, str):
        return refuse("bad-price", f"{shown(value)} is no price: it has no unit", _HINT)
    found = _PRICE.fullmatch(value)
    if found is None:
        return refuse("bad-price", f"{shown(value)} is no price", _HINT)
    price = Decimal(found[1]) * _PICO_USD[found[2]]
    if price != int(price):
        hint = "prices are kept to 0.000001 USD/1M tokens: round it"
        refuse("bad-price", f"{shown(value)} is too fine", hint)
    return int(price)


TokenPrice = Annotated[
    int,
    BeforeValidator(parse_token_price),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{1,7}(\.[0-9]{1,9})? USD/1(M|k) tokens$",
            "description": "What tokens cost.",
            "examples": ["0.15 USD/1M tokens", "0.002 USD/1k tokens"],
        }
    ),
]


class PriceDocument(Document):
    """What one provider's model costs; it takes the place of the shipped price as a whole."""

    input: TokenPrice
    """The price of the prompt's tokens."""
    output: Annotated[TokenPrice, Field()]
    """The price of the answer's tokens."""
    cached_input: Maybe[TokenPrice] = None
    """The price of prompt tokens that the provider had cached; that of `input` unless written."""
