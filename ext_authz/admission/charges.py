"""What a request takes of the limits that it is under."""

from __future__ import annotations

from collections.abc import Iterable

from ext_authz.admission.estimate import Estimate
from ext_authz.admission.identity import Identity
from ext_authz.counters.counters import Charge
from ext_authz.counters.names import counter_name
from xds.edge.limit import Limit, Unit
from xds.edge.rules import Model

_PICO: int = 1_000  # pico-USD in a nano-USD

METERED = frozenset({Unit.TOKENS, Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.COST})
"""Units of which a request takes what it is estimated to use."""


def charges_of(
    limits: Iterable[Limit], who: Identity, client: str, model: Model | None, use: Estimate | None
) -> tuple[Charge, ...]:
    """Give a charge for each limit that holds for such a request.

    Without a model nothing is used but the request itself: it takes no tokens, and is over at once
    where the gateway answers it.
    """
    return tuple(
        Charge(
            limit,
            counter_name(limit, who.tenant, who.team, who.key_id, who.user, client),
            amount,
        )
        for limit in limits
        if (amount := _amount(limit.unit, model, use))
    )


def _amount(unit: Unit, model: Model | None, use: Estimate | None) -> int:
    if unit in (Unit.REQUESTS, Unit.CONCURRENT):
        return 1
    if model is None or use is None:
        return 0
    # At least one: a budget that is used up refuses what seems to cost nothing, too.
    match unit:
        case Unit.INPUT_TOKENS:
            return max(use.input, 1)
        case Unit.OUTPUT_TOKENS:
            return max(use.output, 1)
        case Unit.TOKENS:
            return max(use.input + use.output, 1)
        case _:
            return max(cost(model, use), 1)


def cost(model: Model, use: Estimate) -> int:
    """Give what it would cost at the model's dearest target, in nano-USD, rounded up."""
    pico = use.input * model.input_price + use.output * model.output_price
    return -(-pico // _PICO)
