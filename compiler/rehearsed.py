"""The same plan as it is rehearsed: credentials that one has, short waits, limits never met.

What becomes of a request stays what it is, but for how long it takes. Tests say of what is used up,
and a rehearsal has no counters to fill; so nothing it sends may use a limit up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from compiler.plan import Plan
from compiler.plan_accounts import AccessKey, PlacedLimit, Tenant
from compiler.plan_llm import Group, Model, Target
from xds.edge.limit import Shape, Unit

SHORTEST = timedelta(seconds=1)
"""What a timeout is cut to at the most: a slow machine must not run into it by itself."""
_ENOUGH = {Unit.REQUESTS: 10**6, Unit.CONCURRENT: 10**4}
_ENOUGH_OF_OTHERS = 10**14


def rehearsed(hashes: Mapping[str, bytes], jwks: str) -> Callable[[Plan], Plan]:
    """Return the revision.

    ``hashes`` are the SHA-256 of keys by their ids; ``jwks`` is the key set that stands for that of
    every issuer, as JSON.
    """

    def revise(plan: Plan) -> Plan:
        return replace(
            plan,
            limits=_unmet(plan.limits),
            routes=tuple(replace(one, limits=_unmet(one.limits)) for one in plan.routes),
            models=tuple(map(_quick, plan.models)),
            # A provider that one test has fail must not be left alone in the next.
            providers=tuple(
                replace(one, limits=_unmet(one.limits), cool_down=None) for one in plan.providers
            ),
            issuers=tuple(replace(one, jwks=jwks) for one in plan.issuers),
            tenants=tuple(_tenant(one, hashes) for one in plan.tenants),
        )

    return revise


def key_ids(plan: Plan) -> tuple[str, ...]:
    """Give the ids of all keys, each once."""
    found = [key.id for tenant in plan.tenants for key in tenant.every_key]
    return tuple(dict.fromkeys(found))


def _tenant(tenant: Tenant, hashes: Mapping[str, bytes]) -> Tenant:
    teams = tuple(
        replace(one, limits=_unmet(one.limits), keys=_keys(one.keys, hashes))
        for one in tenant.teams
    )
    keys = _keys(tenant.keys, hashes)
    return replace(tenant, limits=_unmet(tenant.limits), keys=keys, teams=teams)


def _keys(keys: Iterable[AccessKey], hashes: Mapping[str, bytes]) -> tuple[AccessKey, ...]:
    """Give each key its new hash; of one that is being rotated the other is kept as it is."""
    given: set[str] = set()
    made: list[AccessKey] = []
    for key in keys:
        fresh = key.id in hashes and key.id not in given
        given.add(key.id)
        new = replace(key, limits=_unmet(key.limits))
        made.append(replace(new, sha256=hashes[key.id]) if fresh else new)
    return tuple(made)


def _unmet(limits: Iterable[PlacedLimit]) -> tuple[PlacedLimit, ...]:
    return tuple(replace(one, limit=_large(one.limit)) for one in limits)


def _large(limit: Any) -> Any:
    amount = max(limit.amount, _ENOUGH.get(limit.unit, _ENOUGH_OF_OTHERS))
    burst = amount if limit.shape is Shape.BUCKET else limit.burst
    return msgspec.structs.replace(limit, amount=amount, burst=burst)


def _quick(model: Model) -> Model:
    fallback = model.fallback
    return replace(
        model,
        limits=_unmet(model.limits),
        timeout=_cut(model.timeout, 10 * SHORTEST),
        groups=tuple(Group(tuple(map(_quick_target, group.targets))) for group in model.groups),
        fallback=replace(
            fallback,
            attempt_timeout=None
            if fallback.attempt_timeout is None
            else _cut(fallback.attempt_timeout, SHORTEST),
        ),
    )


def _quick_target(target: Target) -> Target:
    if target.timeout is None:
        return target
    return replace(target, timeout=_cut(target.timeout, 2 * SHORTEST))


def _cut(time: timedelta, most: timedelta) -> timedelta:
    return min(time, most)
