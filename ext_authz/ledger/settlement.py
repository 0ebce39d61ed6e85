"""What a request's reservation comes to in the end, from its line; pure."""

from __future__ import annotations

from collections.abc import Iterator

from ext_authz.counters.counters import Charge, Settlement
from ext_authz.counters.names import counter_name
from ext_authz.ledger.line import Line
from ext_authz.ledger.row import Used, usage
from xds.edge import usage_line
from xds.edge.limit import Limit, Unit
from xds.edge.rules import Rules

HELD_MARK = b'"held"'
"""What every line with a reservation has in it, so that others need not be parsed."""


def settlement(line: Line, rules: Rules | None) -> Settlement | None:
    """Give what to settle, or None for a request that holds nothing.

    A fallback may have led to a provider whose limits were not reserved: those of its limits that
    are known (``rules`` None knows none) are charged on top.
    """
    if line.get(usage_line.HELD) not in (True, "true"):
        return None
    reservation = line.get(usage_line.ID)
    if not isinstance(reservation, str) or not reservation:
        return None
    used = usage(line)
    provider = line.get(usage_line.PROVIDER) or "" if used.told or used.estimated else ""
    amounts = _amounts(used)
    more = tuple(_more(line, str(provider), amounts, rules)) if provider and rules else ()
    return Settlement(reservation, amounts, str(provider), more)


def _amounts(used: Used) -> dict[Unit, int]:
    """All that is only estimated at admission; requests were charged then, and stay."""
    return {
        Unit.TOKENS: used.input + used.output,
        Unit.INPUT_TOKENS: used.input,
        Unit.OUTPUT_TOKENS: used.output,
        Unit.COST: used.cost,
        Unit.CONCURRENT: 0,
    }


def _more(line: Line, provider: str, amounts: dict[Unit, int], rules: Rules) -> Iterator[Charge]:
    limits = rules.providers.get(provider, ())
    model = rules.models.get(str(line.get(usage_line.MODEL, "")))
    if not limits or model is None or provider in model.providers:
        return
    for limit in limits:
        amount = 1 if limit.unit is Unit.REQUESTS else amounts[limit.unit]
        if amount:
            yield Charge(limit, _counter(line, limit), amount)


def _counter(line: Line, limit: Limit) -> str:
    tenant, team, key, user = (
        str(line.get(name, ""))
        for name in (usage_line.TENANT, usage_line.TEAM, usage_line.KEY, usage_line.USER)
    )
    return counter_name(limit, tenant, team, key, user, "")
