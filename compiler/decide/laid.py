"""A plan laid out for looking up, so that many requests are decided quickly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from compiler.decide.tables import Table, table
from compiler.guards import Guard, choose_guards
from compiler.needs import Needs, needs_of
from compiler.plan import LaneChoice, Listener, Plan
from compiler.plan_accounts import AccessKey, Issuer, Tenant
from compiler.plan_llm import Endpoint, Model, Provider, Redaction, Target
from compiler.route_order import routes_by_host


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key, and whose it is; ``team`` is empty where it is the tenant's own."""

    key: AccessKey
    tenant: str
    team: str


@dataclass(frozen=True, slots=True)
class Laid:
    """Everything of a plan by its name; `laid` makes it."""

    plan: Plan
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    tenants: Mapping[str, Tenant]
    issuers: Mapping[str, Issuer]
    redactions: Mapping[str, Redaction]
    guards: Mapping[str, Guard]
    keys: Mapping[str | bytes, tuple[HeldKey, ...]]
    """By their ids and by their SHA-256; one that is being rotated is twice under its id."""
    needs: Needs
    names: Mapping[str, str]
    """From each name of a model, aliases too, to the policy's own."""
    _lanes: dict[tuple[str, Endpoint, str, str], LaneChoice] = field(default_factory=dict)
    _hosts: dict[str, Mapping[str, Table]] = field(default_factory=dict)

    def hosts(self, listener: Listener) -> Mapping[str, Table]:
        """Give the routes that are tried for each of a listener's hosts."""
        found = self._hosts.get(listener.name)
        if found is None:
            here = [route for route in self.plan.routes if listener.name in route.listeners]
            tried = routes_by_host(here)
            found = {host: table(routes) for host, routes in tried.items()}
            self._hosts[listener.name] = found
        return found

    def lane(self, route: str, endpoint: Endpoint, model: str, target: Target) -> LaneChoice | None:
        """Give the lane of a target; None where the plan has none."""
        if not self._lanes:
            for one in self.plan.lanes:
                self._lanes[one.route, one.endpoint, one.model, one.target] = one
        return self._lanes.get((route, endpoint, model, f"{target.provider}/{target.model}"))


_KEPT: Final = 4
_lately: list[Laid] = []


def laid(plan: Plan) -> Laid:
    """Lay a plan out; the last few are kept."""
    for one in _lately:
        if one.plan is plan:
            return one
    made = Laid(
        plan,
        {one.name: one for one in plan.providers},
        {one.name: one for one in plan.models},
        {one.name: one for one in plan.tenants},
        {one.name: one for one in plan.issuers},
        {one.name: one for one in plan.redactions},
        {one.route: one for one in choose_guards(plan)},
        _by_name(_keys(plan)),
        needs_of(plan),
        {name: model.name for model in plan.models for name in (model.name, *model.aliases)},
    )
    _lately.append(made)
    del _lately[:-_KEPT]
    return made


def _by_name(keys: Iterable[HeldKey]) -> dict[str | bytes, tuple[HeldKey, ...]]:
    found: dict[str | bytes, tuple[HeldKey, ...]] = {}
    for one in keys:
        for name in (one.key.id, one.key.sha256):
            found[name] = (*found.get(name, ()), one)
    return found


def _keys(plan: Plan) -> Iterator[HeldKey]:
    for tenant in plan.tenants:
        for key in tenant.keys:
            yield HeldKey(key, tenant.name, "")
        for team in tenant.teams:
            for key in team.keys:
                yield HeldKey(key, tenant.name, team.name)
