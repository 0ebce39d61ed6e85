"""Tenants called together: `12 tenants of tier free` in the place of twelve names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from compiler.diff.values import FEW, names
from compiler.plan import Plan


class Crowd:
    """Knows the tenants of two plans by tier; those of the later plan count where both know one."""

    def __init__(self, before: Plan, after: Plan) -> None:
        tiers = {tenant.name: tenant.tier for plan in (before, after) for tenant in plan.tenants}
        self.everybody = frozenset(tiers)
        self._before: dict[str | None, set[str]] = defaultdict(set)
        self._tiers: dict[str | None, set[str]] = defaultdict(set)
        for name, tier in tiers.items():
            self._tiers[tier].add(name)
        for tenant in before.tenants:
            self._before[tenant.tier].add(tenant.name)

    def called(self, tenants: Collection[str]) -> str:
        """Call some tenants as shortly as can be understood."""
        found = frozenset(tenants)
        if len(found) == 1:
            return f"tenant {names(found)}"
        if found == self.everybody:
            return f"all {len(found)} tenants"
        for tier in self._tiers:
            if tier is not None and found == self._tiers[tier]:
                return f"{len(found)} tenants of tier `{tier}`"
        for tier in self._before:
            if tier is not None and found == self._before[tier]:
                return f"{len(found)} tenants that were in tier `{tier}`"
        if len(found) <= FEW:
            return f"tenants {names(found)}"
        return f"{len(found)} tenants{self._share(found)} ({names(found)})"

    def _share(self, found: frozenset[str]) -> str:
        within = [tier for tier, members in self._tiers.items() if found <= members]
        if within and within[0] is not None:
            return f" of the {len(self._tiers[within[0]])} of tier `{within[0]}`"
        return f" of {len(self.everybody)}"
