"""Lowers accounts: who a request is from, whether it may be made, and where it is written down.

Read in the order of a request: ``early_headers`` (what clients may not say), ``oidc`` and ``jwt``
(whose token it is), ``identity`` (which tenant that is) and ``access`` (where tenants may go),
``ext_authz`` with ``edge_cluster`` (what the edge is asked), ``rate_limits`` and ``local_limits``
(limits that Envoy sees to), ``replies`` (refusals in the client's words), ``usage_log`` (what the
ledger is made from); ``rules`` is what the edge decides by, and `compiler.lower.processing` what it
does to requests on their way to providers. A plan without either has none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compiler.guards import (
    Carrier,
    Guard,
    People,
    choose_guards,
    identifies,
    needs_body,
    needs_edge,
    people_of,
)
from compiler.lower.accounts import names
from compiler.lower.accounts.access import access_filter, let_in
from compiler.lower.accounts.early_headers import drop_claimed
from compiler.lower.accounts.edge_cluster import edge_cluster, edge_endpoints
from compiler.lower.accounts.ext_authz import ask_edge, ext_authz_filter
from compiler.lower.accounts.identity import identity_filter, name_tenant
from compiler.lower.accounts.jwt import issuer_clusters, issuers_of, jwt_filter, require
from compiler.lower.accounts.local_limits import (
    has_local_limits,
    local_limits_filter,
    local_metadata,
)
from compiler.lower.accounts.oidc import (
    issuer_secrets,
    log_in,
    login_routes,
    logins_of,
    oidc_filter,
)
from compiler.lower.accounts.parts import NO_ACCOUNTS, AccountParts
from compiler.lower.accounts.rate_limits import (
    ask_limits,
    limits_of,
    rate_limit_filter,
    your_cluster,
)
from compiler.lower.accounts.replies import replies
from compiler.lower.accounts.rules import edge_resources
from compiler.lower.accounts.usage_log import usage_log
from compiler.lower.llm.names import NAMESPACE
from compiler.lower.llm.routes import MODELS, entry_of, is_missing
from compiler.lower.processing import processing_resource, processing_secrets
from compiler.plan import Plan, Route, Serve
from compiler.plan_accounts import Issuer
from compiler.plan_llm import Api, Choice, Model
from compiler.source import Span
from policies.secret import SecretRef
from xds.resource import Resource
from xds.schema import envoy

cluster_v3 = envoy.config.cluster.v3
endpoint_v3 = envoy.config.endpoint.v3
hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
route_v3 = envoy.config.route.v3

__all__ = ["NO_ACCOUNTS", "AccountParts", "Accounts", "accounts_of"]


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the plan says of accounts, worked out once for all of its listeners and routes."""

    plan: Plan
    guards: dict[str, Guard]
    people: People
    edge: bool
    """Whether there is an edge beside each Envoy."""
    logs: bool
    """Whether requests are written down for it."""
    local: bool
    """Whether there are limits that each Envoy counts for itself."""
    models: dict[str, Model]

    def of(self, routes: Iterable[Route]) -> AccountParts:
        """Give what a listener with these routes needs."""
        here = list(routes)
        identity = any(identifies(route) for route in here)
        serves = any(isinstance(route.action, Serve) for route in here)
        carriers = {self.guards[route.name].carrier for route in here}
        logs = self.logs and (identity or serves or Carrier.EDGE in carriers)
        filters = tuple(self._filters(here))
        if not (identity or logs or filters):
            return NO_ACCOUNTS
        return AccountParts(
            http_filters=filters,
            early=(drop_claimed(request_id=self.edge),),
            access_log=(usage_log(self.plan.edge),) if logs else (),
            replies=tuple(
                replies(
                    frozenset(Api) if serves else frozenset(),
                    rest=any(not isinstance(route.action, Serve) for route in here),
                )
            ),
            identity=identity,
        )

    def _filters(self, routes: list[Route]) -> Iterator[hcm_v3.HttpFilter]:
        """Yield the filters that these routes switch on; `compiler.order` says where they stand."""
        plan = self.plan
        asked = issuers_of(routes)
        issuers = [issuer for issuer in plan.issuers if issuer.name in asked]
        logins = {name for route in routes for name in logins_of(route)}
        for issuer in issuers:
            if issuer.client is not None and issuer.name in logins:
                yield oidc_filter(issuer, issuer.client)
        if issuers:
            yield jwt_filter(issuers, routes)
        carriers = {self.guards[route.name].carrier for route in routes}
        if any(self._named_by_envoy(route) for route in routes):
            yield identity_filter(plan)
            yield access_filter()
        if Carrier.EDGE in carriers:
            chooses = any(model.choice is Choice.LATENCY for model in self.models.values())
            yield ext_authz_filter(chooses=chooses)
        if Carrier.RATELIMIT in carriers:
            yield rate_limit_filter(plan, routes)
        if self.local:
            yield local_limits_filter(plan)

    def guard(self, route: Route, made: Iterable[route_v3.Route]) -> tuple[route_v3.Route, ...]:
        """Have the Envoy routes of a policy's route do what its guard asks for; give them all."""
        for one in made:
            self._guard(route, one)
        return (*login_routes(route, self.plan.issuers), *made)

    def _guard(self, route: Route, made: route_v3.Route) -> None:
        carrier = self.guards[route.name].carrier
        about = extensions(route, made)
        model = self.models.get(about.get("model", ""))
        told = {names.ROUTE: route.name} if self.logs else {}
        if self.local:
            told |= local_metadata(route, model)
        if carrier is Carrier.RATELIMIT:
            providers = {provider.name: provider for provider in self.plan.providers}
            told |= ask_limits(route, made, () if model is None else limits_of(model, providers))
        if told:
            made.metadata.filter_metadata[names.NAMESPACE].update(told)
        log_in(route, made)
        if issuers_of((route,)):
            require(route, made)
        if self._named_by_envoy(route):
            name_tenant(route, made)
            let_in(self.plan, route, made)
        if carrier is Carrier.EDGE:
            body = model is not None and needs_body(self.plan, route, model.name, self.people)
            ask_edge(made, about, body=body)

    def _named_by_envoy(self, route: Route) -> bool:
        """Tell whether Envoy itself has to find out whose a route's requests are."""
        return identifies(route) and self.guards[route.name].carrier is not Carrier.EDGE

    def clusters(
        self,
    ) -> Iterator[tuple[cluster_v3.Cluster | endpoint_v3.ClusterLoadAssignment, Span]]:
        """Yield the clusters that filters ask questions at, and endpoints; with who made it so."""
        if self.edge:
            yield edge_cluster(), self._at()
            yield edge_endpoints(self.plan.edge), self._at()
        if self.plan.edge.ratelimit and any(
            guard.carrier is Carrier.RATELIMIT for guard in self.guards.values()
        ):
            yield your_cluster(self.plan.edge.ratelimit), self._at()
        for issuer in self._issuers():
            for cluster in issuer_clusters(issuer):
                yield cluster, issuer.at

    def resources(self) -> Iterator[tuple[Resource, Span]]:
        """Yield what the edge itself is served."""
        if self.edge:
            at = self._at()
            for one in edge_resources(self.plan, self.guards.values()):
                yield one, at
            processing = processing_resource(self.plan)
            if processing is not None:
                yield processing, at

    def secrets(self) -> Iterator[SecretRef]:
        """Yield what Envoy or its edge has to know that is not for everybody's eyes."""
        yield from issuer_secrets(self._issuers())
        if self.edge:
            for store in (self.plan.counting.store, self.plan.ledger.store):
                if store.secret is not None:
                    yield store.secret
            yield from processing_secrets(self.plan)

    def _issuers(self) -> tuple[Issuer, ...]:
        """The issuers that any route asks for."""
        asked = issuers_of(self.plan.routes)
        return tuple(issuer for issuer in self.plan.issuers if issuer.name in asked)

    def _at(self) -> Span:
        """The place of the first route that brought the edge, or else of the first."""
        for route in self.plan.routes:
            if self.guards[route.name].carrier is not Carrier.NATIVE:
                return route.at
        for route in self.plan.routes:
            if isinstance(route.action, Serve):
                return route.at
        return self.plan.routes[0].at


def accounts_of(plan: Plan) -> Accounts | None:
    """Work out what a plan says of accounts; None where it says nothing."""
    guards = {guard.route: guard for guard in choose_guards(plan)}
    edge = needs_edge(plan)
    asked = any(identifies(route) for route in plan.routes)
    carriers = {guard.carrier for guard in guards.values()}
    native = carriers <= {Carrier.NATIVE}
    if (native and not (edge or asked or has_local_limits(plan))) or not plan.routes:
        return None
    logs = plan.ledger.store.kind != "none" or Carrier.EDGE in carriers
    models = {model.name: model for model in plan.models}
    local = has_local_limits(plan)
    return Accounts(plan, guards, people_of(plan), edge, logs, local, models)


def extensions(route: Route, made: route_v3.Route) -> dict[str, str]:
    """Give what an edge is told of a request that met this Envoy route.

    ``route`` always; on LLM routes ``endpoint`` and ``api``, ``model`` where the route is a
    model's, ``list`` where it lists them, and ``entry`` where it tells of one by that name
    (which is left out where there is none).
    """
    about = {"route": route.name}
    if not isinstance(route.action, Serve):
        return about
    told = made.metadata.filter_metadata[NAMESPACE]
    about["api"] = told["api"]
    entry = entry_of(route, made)
    if entry is not None:
        about["endpoint"] = MODELS
        about["entry" if entry else "list"] = entry or "models"
    elif is_missing(route, made):
        about["endpoint"] = MODELS
    elif "endpoint" in told:
        about["endpoint"] = told["endpoint"]
        if made.HasField("route"):
            about["model"] = told["model"]
    return about
