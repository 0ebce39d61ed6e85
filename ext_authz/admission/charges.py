"""What a request takes of the limits that it is under."""

from __future__ import annotations

from collections.abc import Iterable

from ext_authz.admission.estimate import Estimate
from ext_authz.admission.identity import Identity
from ext_authz.counters.counters import Charge
from ext_authz.counters.names import counter_name
from xds.edge.counted import taken
from xds.edge.limit import Limit, Unit
from xds.edge.rules import Model


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
    # At the model's dearest target.
    pico = use.input * model.input_price + use.output * model.output_price
    return taken(unit, use.input, use.output, pico)
