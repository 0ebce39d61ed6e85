"""The policies of a listener, route, service or provider with their kinds, in patching order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compiler.plan_policies import Applied
from policies.base import Place, PolicyKind
from policies.registry import kinds_at


def attached(
    place: Place, policies: tuple[Applied, ...]
) -> Iterator[tuple[PolicyKind[Any], Applied]]:
    """Give each policy with its kind, in the registry's order whatever their own.

    Example:
        ``for kind, applied in attached(Place.SERVICE, service.policies):``
        ``    if kind.patch_cluster: kind.patch_cluster(applied.plan, cluster)``
    """
    kinds = kinds_at(place)
    if len(policies) < 2:
        for applied in policies:
            yield kinds[applied.kind], applied
        return
    by_name = {applied.kind: applied for applied in policies}
    for name, kind in kinds.items():
        if name in by_name:
            yield kind, by_name[name]
