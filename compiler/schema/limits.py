"""Limits and budgets, wherever they may stand."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Strict

from policies.document import Document, Maybe, OneOrMore, keyed
from policies.limit_text import BUDGET_SCHEMA, LIMIT_SCHEMA
from policies.values import Burst, Limited, Money
from xds.edge.limit import Away, Each


class LimitDocument(Document):
    """How much of what in which time, and of whom. A text is its `limit`.

    In `second`, `minute` and `hour` the amount may be used in any stretch of that length; `day`
    and `month` are those of the calendar, in UTC. All limits that apply to a request must admit
    it. Tokens and money are reserved before a request, and settled by what it has used.
    """

    limit: Limited
    """How much of what in which time: `20 requests/minute`, `50k tokens/day`, `1M input
    tokens/day`, `5 USD/hour`; or `8 concurrent`, requests under way at the same time."""
    burst: Maybe[Burst] = None
    """How much may be used at once: the limit is then a bucket that is refilled evenly."""
    per: Literal["fleet", "edge"] = "fleet"
    """Who counts: all Envoys together, exactly, or `edge`: each for itself, without asking anybody;
    then the whole fleet lets that much pass times the number of Envoys. `edge` is for requests in a
    second, minute, hour or day."""
    each: Annotated[Each, Strict(strict=False)] = Each.ALL
    """Of whom there is a counter each: everybody under the limit together (`all`), or each
    `tenant`, `team`, `key`, `user` (of a token) or `client` (address)."""
    window: Maybe[Literal["sliding", "calendar"]] = None
    """How time is cut, where it is not to be as said above."""
    when_away: Maybe[Annotated[Away, Strict(strict=False)]] = None
    """What holds while the counters cannot be reached: `closed` answers 503, `open` lets pass;
    `counters.when_away` unless written."""


class BudgetDocument(Document):
    """How much money may be spent in a time of the calendar (UTC). A text is its `limit`."""

    limit: Money
    """How much: `500 USD/month`."""
    each: Annotated[Each, Strict(strict=False)] = Each.ALL
    """Of whom there is a counter each, as of `limits`."""
    when_away: Maybe[Annotated[Away, Strict(strict=False)]] = None
    """What holds while the counters cannot be reached; `counters.when_away` unless written."""


Limits = OneOrMore[Annotated[LimitDocument, keyed("limit", LIMIT_SCHEMA, str)]]
"""One limit, or a list of them."""

Budgets = OneOrMore[Annotated[BudgetDocument, keyed("limit", BUDGET_SCHEMA, str)]]
"""One budget, or a list of them."""
