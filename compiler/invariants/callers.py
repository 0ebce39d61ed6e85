"""Callers: everybody whom a gateway can know, in each way that he can be known, and nobody.

What a caller may use is said in bits: one for each route of the plan, in its order, and one for
each model. Time plays no part: a key or a grant that holds at any time is held to hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from compiler.invariants.doors import limits_in, redactions_in
from compiler.invariants.invariant import Word
from compiler.invariants.slots import Part
from compiler.plan import Plan, Route
from compiler.plan_accounts import AccessKey, AuthKind, Issuer, Team, Tenant

_WAYS = {way: place for place, way in enumerate(AuthKind)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and by which way it is known; ``tenant`` is None for nobody.

    ``routes`` and ``models`` have a bit for each that it may use. ``rank`` orders callers by how
    much there is to say of them.
    """

    way: AuthKind
    tenant: Tenant | None
    team: Team | None
    key: AccessKey | None
    issuer: Issuer | None
    routes: int
    models: int
    part: Part = field(compare=False)

    @property
    def rank(self) -> tuple[object, ...]:
        """Nobody first, then by key, token and certificate, by name."""
        name = "" if self.tenant is None else self.tenant.name
        team = "" if self.team is None else self.team.name
        key = "" if self.key is None else self.key.id
        return (self.tenant is not None, bool(team), _WAYS[self.way], name, team, key)


def callers_of(plan: Plan, numbers: Mapping[str, int]) -> tuple[Caller, ...]:
    """Give all callers that may use some route; ``numbers`` are the bits of models."""
    return tuple(caller for caller in _callers(plan, _Access(plan, numbers)) if caller.routes)


def _callers(plan: Plan, access: _Access) -> Iterator[Caller]:
    yield Caller(
        AuthKind.NONE, None, None, None, None, access.nobodys_routes, access.nobodys_models,
        {Word.AUTH: frozenset({"none"}), Word.TENANTS: frozenset(), Word.TIERS: frozenset()},
    )  # fmt: skip
    issuers = {issuer.name: issuer for issuer in plan.issuers}
    redactions = {one.name: one for one in plan.redactions}
    for tenant in plan.tenants:
        enters = access.routes_of(tenant)
        redacted = redactions_in(tenant.redact, redactions)

        def caller(
            way: AuthKind,
            team: Team | None = None,
            key: AccessKey | None = None,
            issuer: Issuer | None = None,
            *,
            tenant: Tenant = tenant,
            enters: int = enters,
            redacted: Part = redacted,
        ) -> Caller:
            return Caller(
                way,
                tenant,
                team,
                key,
                issuer,
                enters & access.asking(way, "" if issuer is None else issuer.name),
                access.models_of(tenant, team, key),
                {**redacted, **_who(way, tenant, team, key)},
            )

        for key in tenant.keys:
            yield caller(AuthKind.KEYS, key=key)
        for team in tenant.teams:
            for key in team.keys:
                yield caller(AuthKind.KEYS, team, key)
        if tenant.claims:
            for way, name in access.tokens:
                issuer = issuers[name]
                yield caller(way, issuer=issuer)
                for team in tenant.teams if issuer.team_claim else ():
                    yield caller(way, team, issuer=issuer)
        if tenant.certificates:
            yield caller(AuthKind.MTLS)


def _who(way: AuthKind, tenant: Tenant, team: Team | None, key: AccessKey | None) -> Part:
    limits = [*tenant.limits, *(() if team is None else team.limits)]
    limits += () if key is None else key.limits
    return {
        **limits_in(limits, own=True),
        Word.AUTH: frozenset({way.value}),
        Word.TENANTS: frozenset({tenant.name}),
        Word.TIERS: frozenset() if tenant.tier is None else frozenset({tenant.tier}),
        Word.TAGS: frozenset((*tenant.tags, *(() if team is None else team.tags))),
    }


class _Access:
    """Who may use what: the rules of the edge's `may_enter` and `may_ask`, for all at once."""

    def __init__(self, plan: Plan, numbers: Mapping[str, int]) -> None:
        self._models = numbers
        self._routes = {route.name: place for place, route in enumerate(plan.routes)}
        self._all_models = (1 << len(plan.models)) - 1
        self._asked_models = _bits(numbers[one.name] for one in plan.models if one.on_request)
        self._asked_routes = _which(plan.routes, lambda route: route.on_request)
        self._for_all = _which(plan.routes, lambda route: route.allow is None)
        allowed: defaultdict[str, int] = defaultdict(int)
        asking: defaultdict[tuple[AuthKind, str], int] = defaultdict(int)
        for place, route in enumerate(plan.routes):
            for name in route.allow or ():
                allowed[name] |= 1 << place
            for method in route.auth:
                asking[method.kind, method.issuer] |= 1 << place
        self._allowed = allowed
        self._asking = asking
        self.tokens = tuple(
            sorted(way for way in asking if way[0] in (AuthKind.JWT, AuthKind.OIDC))
        )
        open_to_all = asking[AuthKind.NONE, ""] | _which(plan.routes, lambda route: not route.auth)
        self.nobodys_routes = open_to_all & self._for_all & ~self._asked_routes
        self.nobodys_models = self._all_models & ~self._asked_models

    def asking(self, way: AuthKind, issuer: str) -> int:
        """The routes that ask in a way."""
        return self._asking.get((way, issuer), 0)

    def routes_of(self, tenant: Tenant) -> int:
        """The routes that a tenant may use."""
        granted = _bits(
            self._routes[one.route]
            for one in tenant.grants
            if one.approved_by is not None and one.route in self._routes
        )
        given = (
            -1
            if tenant.routes is None
            else _bits(self._routes[name] for name in tenant.routes if name in self._routes)
        )
        allowed = self._for_all | self._allowed.get(tenant.name, 0)
        return allowed & (granted | (given & ~self._asked_routes))

    def models_of(self, tenant: Tenant, team: Team | None, key: AccessKey | None) -> int:
        """The models that a caller may use."""
        granted = _bits(
            self._models[one.model]
            for one in tenant.grants
            if one.approved_by is not None and one.model and one.model in self._models
        )
        found = granted | (self._named(tenant.models) & ~self._asked_models)
        if team is not None:
            found &= self._named(team.models)
        return found if key is None else found & self._named(key.models)

    def _named(self, names: Iterable[str] | None) -> int:
        if names is None:
            return self._all_models
        return _bits(self._models[name] for name in names if name in self._models)


def _bits(places: Iterable[int]) -> int:
    found = 0
    for place in places:
        found |= 1 << place
    return found


def _which(routes: Iterable[Route], wanted: Callable[[Route], bool]) -> int:
    return _bits(place for place, route in enumerate(routes) if wanted(route))
