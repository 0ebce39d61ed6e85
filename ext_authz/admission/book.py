"""The rules laid out for looking up: made once when rules come, and never changed.

What is worked out on the way (which limits an identity is under) is kept in caches that end with
the book, so that nothing of old rules is left when new ones are there.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from xds.edge.limit import Limit
from xds.edge.rules import Model, Route, Rules, Tenant
from xds.identity import stands_for

_CACHED: Final = 8_192

Networks = tuple[IPv4Network | IPv6Network, ...]


class Book:
    """What is looked up while a request waits.

    ``names`` leads from each name of a model, aliases too, to the policy's own. ``placed`` are the
    tenants whose clients may come from some networks only. ``beyond`` are the limits of a model's
    fallbacks, which are charged when it is known that one of them has served.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.routes: dict[str, Route] = rules.routes
        self.models: dict[str, Model] = rules.models
        self.tenants: dict[str, Tenant] = rules.tenants
        self.names = {name: key for key, model in rules.models.items() for name in model.names}
        self.beyond: dict[str, tuple[Limit, ...]] = {
            name: limits
            for name, model in rules.models.items()
            if (limits := _of_providers(rules, model.fallbacks))
        }
        self._claims = {
            claim: name for name, tenant in rules.tenants.items() for claim in tenant.claims
        }
        self._certificates = [
            (glob, name) for name, tenant in rules.tenants.items() for glob in tenant.certificates
        ]
        self.placed: dict[str, Networks] = {
            name: tuple(ip_network(one, strict=False) for one in tenant.addresses)
            for name, tenant in rules.tenants.items()
            if tenant.addresses
        }
        self._grants = {
            (name, kind, what): _latest(one.until)
            for name, tenant in rules.tenants.items()
            for one in sorted(tenant.grants, key=lambda grant: _latest(grant.until))
            for kind, what in (("model", one.model), ("route", one.route))
            if what
        }
        self._limits: dict[tuple[str, ...], tuple[tuple[Limit, ...], tuple[Limit, ...]]] = {}
        self._bearers: dict[str, str] = {}

    def tenant_of_claim(self, value: str) -> str:
        """Give the tenant that a claim's value is for, or an empty text."""
        return self._claims.get(value, "")

    def tenant_of_certificate(self, name: str) -> str:
        """Give the tenant whose certificates bear a name, or an empty text; the first that fits."""
        found = self._bearers.get(name)
        if found is None:
            found = next(
                (tenant for glob, tenant in self._certificates if stands_for(glob, name)), ""
            )
            if len(self._bearers) < _CACHED:
                self._bearers[name] = found
        return found

    def from_here(self, tenant: str, client: str) -> bool:
        """Tell whether a tenant's clients may come from an address."""
        networks = self.placed.get(tenant)
        if networks is None:
            return True
        try:
            address = ip_address(client)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        return any(address.version == one.version and address in one for one in networks)

    def granted(self, tenant: str, kind: str, what: str, now: float) -> bool:
        """Tell whether a tenant has a grant for a ``model`` or ``route`` that has not ended."""
        until = self._grants.get((tenant, kind, what))
        return until is not None and now < until

    def limits(
        self, route: str, tenant: str, team: str, key_id: str, own: tuple[Limit, ...], model: str
    ) -> tuple[Limit, ...]:
        """Give all limits that a request is under, widest first; ``own`` are those of its key."""
        about = (route, tenant, team, key_id, model)
        known, found = self._limits.get(about, ((), None))
        # Keys come in shards of their own: those of one may change while the rules stay.
        if found is None or (known is not own and known != own):
            found = tuple(self._applying(route, tenant, team, own, model))
            self._limits.pop(about, None)
            if len(self._limits) >= _CACHED:
                del self._limits[next(iter(self._limits))]
            self._limits[about] = (own, found)
        return found

    def _applying(
        self, route: str, tenant: str, team: str, own: tuple[Limit, ...], model: str
    ) -> list[Limit]:
        found = [*self.rules.limits, *self.routes[route].limits]
        if tenant:
            told = self.tenants[tenant]
            found += told.limits
            if team:
                found += told.teams[team].limits
            found += own
        if model:
            asked = self.models[model]
            found += asked.limits
            # Where a request may go at first: of a group, any of them; who served it is settled.
            found += _of_providers(self.rules, asked.providers)
        return found


def _of_providers(rules: Rules, names: Iterable[str]) -> tuple[Limit, ...]:
    return tuple(limit for name in names for limit in rules.providers.get(name, ()))


def _latest(until: int | None) -> float:
    return float("inf") if until is None else until
