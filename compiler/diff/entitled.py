"""Who may ask for which model and come to which route, worked out once for all who are alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from compiler.guards import identifies
from compiler.plan import Plan, Route, Serve
from compiler.plan_accounts import AuthKind, Tenant

Names = frozenset[str]


class Entitlements:
    """What the tenants of a plan may do; grants count as long as they are written.

    Tenants with the same lists, grants and places in the routes' `allow` share one answer.
    """

    def __init__(self, plan: Plan) -> None:
        self.tenants = {tenant.name: tenant for tenant in plan.tenants}
        self._free_models = frozenset(one.name for one in plan.models if not one.on_request)
        self._models = frozenset(one.name for one in plan.models)
        self._served: dict[str, Names] = {
            route.name: frozenset(route.action.models)
            for route in plan.routes
            if isinstance(route.action, Serve)
        }
        asked = [route for route in plan.routes if identifies(route)]
        self._unasked = frozenset(r.name for r in plan.routes if not identifies(r))
        # Of a route that is for all tenants, a grant is all that is needed.
        self._for_all = frozenset(route.name for route in asked if route.allow is None)
        self._free_routes = frozenset(r.name for r in asked if not r.on_request and r.allow is None)
        # Routes for some tenants only, by those tenants: a few lists, however many routes.
        self._allowed: dict[tuple[str, ...], list[Route]] = {}
        for route in asked:
            if route.allow is not None:
                self._allowed.setdefault(tuple(sorted(route.allow)), []).append(route)
        self._allow_sets = {allow: frozenset(allow) for allow in self._allowed}
        self.open = frozenset(r.name for r in plan.routes if is_open(r))
        self.public = self._together(self.open) & self._models
        self._known: dict[object, Names] = {}
        # Tenants by what they may, so that a question is asked once of all who are alike.
        self._by_routes: dict[Names, set[str]] = {}
        self._by_reach: dict[Names, set[str]] = {}
        for name, tenant in self.tenants.items():
            self._by_routes.setdefault(self.routes_of(tenant), set()).add(name)
            self._by_reach.setdefault(self.reaches(tenant), set()).add(name)

    def models_of(self, tenant: Tenant) -> Names:
        """The models that a tenant has, whether or not a route serves them."""
        granted = frozenset(g.model for g in tenant.grants if g.model and g.approved_by is not None)
        key = ("models", tenant.models, granted)
        found = self._known.get(key)
        if found is None:
            has = self._free_models
            if tenant.models is not None:
                has = has & frozenset(tenant.models)
            found = self._known[key] = (has | granted) & self._models
        return found

    def routes_of(self, tenant: Tenant) -> Names:
        """The routes that ask who one is and let the tenant in."""
        granted = frozenset(g.route for g in tenant.grants if g.route and g.approved_by is not None)
        member = tuple(tenant.name in allow for allow in self._allow_sets.values())
        key = ("routes", tenant.routes, granted, member)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._routes(tenant.routes, granted, member)
        return found

    def reaches(self, tenant: Tenant) -> Names:
        """The models that the tenant has and that some route serves to it."""
        routes, models = self.routes_of(tenant), self.models_of(tenant)
        key = ("reach", routes, models)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = (self._together(routes) & models) | self.public
        return found

    def who_reaches(self, models: Names) -> Names:
        """The tenants that can be answered by one of these models."""
        return _all_of(self._by_reach, models)

    def who_comes(self, routes: Names) -> Names:
        """The tenants that are let in to one of these routes; all of them where nobody is asked."""
        if not self._unasked.isdisjoint(routes):
            return frozenset(self.tenants)
        return _all_of(self._by_routes, routes)

    def serving(self, models: Names) -> Names:
        """The routes that serve one of these models."""
        return frozenset(n for n, served in self._served.items() if not models.isdisjoint(served))

    def served(self, routes: Names) -> Names:
        """The models that these routes serve."""
        return self._together(routes) & self._models

    def _together(self, routes: Iterable[str]) -> Names:
        found: set[str] = set()
        for name in routes:
            found |= self._served.get(name, frozenset())
        return frozenset(found)

    def _routes(
        self, listed: tuple[str, ...] | None, granted: Names, member: tuple[bool, ...]
    ) -> Names:
        has = set(self._free_routes)
        named = set(self._for_all)
        for inside, routes in zip(member, self._allowed.values(), strict=True):
            if inside:
                has.update(route.name for route in routes if not route.on_request)
                named.update(route.name for route in routes)
        if listed is not None:
            has &= set(listed)
        return frozenset(has | (granted & named))


def _all_of(by_names: Mapping[Names, set[str]], wanted: Names) -> Names:
    found: set[str] = set()
    for names, tenants in by_names.items():
        if not wanted.isdisjoint(names):
            found |= tenants
    return frozenset(found)


def is_open(route: Route) -> bool:
    """Whether nobody has to say who they are."""
    return not route.auth or (
        route.allow is None and any(method.kind is AuthKind.NONE for method in route.auth)
    )
