"""What a request's reservation comes to in the end, from its line; pure."""

from __future__ import annotations

from collections.abc import Iterator

from ext_authz.counters.counters import Charge, Settlement
from ext_authz.counters.names import counter_name
from ext_authz.ledger.line import Line
from ext_authz.ledger.row import NOTHING, Used, usage
from xds.edge import usage_line
from xds.edge.limit import Limit, Unit
from xds.edge.rules import Rules

_UNANSWERED = frozenset((*usage_line.LEFT, "UAEX"))
"""Flags of requests that may have ended before the edge's answer came: it may have reserved."""

_MARKS = (f'"{usage_line.HELD}"'.encode(), *(mark.encode() for mark in sorted(_UNANSWERED)))


def may_hold(raw: bytes) -> bool:
    """Tell from the bytes of a line whether it has to be parsed: most hold nothing."""
    return any(mark in raw for mark in _MARKS)


def settlement(line: Line, rules: Rules | None) -> Settlement | None:
    """Give what to settle, or None for a request that holds nothing.

    One that ended while the edge was answering does not say that it holds anything: whatever was
    reserved for it is given back.

    A fallback may have led to a provider whose limits were not reserved: those of its limits that
    are known (``rules`` None knows none) are charged on top.
    """
    reservation = line.get(usage_line.ID)
    if not isinstance(reservation, str) or not reservation:
        return None
    if line.get(usage_line.HELD) not in (True, "true"):
        flags = str(line.get(usage_line.FLAGS, "")).split(",")
        return None if _UNANSWERED.isdisjoint(flags) else Settlement(reservation, _amounts(NOTHING))
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
