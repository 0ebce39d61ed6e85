"""Who may come to a route where Envoy alone decides: RBAC by the tenant that was found.

The policies of a route are few and stand in the order of their names, whatever the order of the
text: one for all tenants that may come from anywhere, one for each that has addresses of its own,
and one for those who are nobody, where that is allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from compiler.plan import Plan, Route
from compiler.plan_accounts import AuthKind, Tenant
from xds.edge.usage_line import AUTHZ, TENANT
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
matcher_v3 = envoy.type.matcher.v3
rbac_v3 = envoy.extensions.filters.http.rbac.v3
rules_v3 = envoy.config.rbac.v3
route_v3 = envoy.config.route.v3

FILTER = "envoy.filters.http.rbac"


def access_filter() -> hcm_v3.HttpFilter:
    """The filter, switched off; a route brings its own rules."""
    return hcm_v3.HttpFilter(name=FILTER, typed_config=pack(rbac_v3.RBAC()), disabled=True)


def let_in(plan: Plan, route: Route, made: route_v3.Route) -> None:
    """Have a route let in those who may come, and nobody else."""
    config = rbac_v3.RBACPerRoute()
    rules = config.rbac.rules
    rules.action = rules_v3.RBAC.ALLOW
    allowed = [tenant for tenant in plan.tenants if may_come(tenant, route)]
    anywhere = [tenant.name for tenant in allowed if not tenant.addresses]
    if anywhere:
        everybody = len(anywhere) == len(plan.tenants)
        _policy(rules, "tenants").sourced_metadata.metadata_matcher.CopyFrom(
            _tenant_is(() if everybody else anywhere)
        )
    for tenant in allowed:
        if tenant.addresses:
            both = _policy(rules, f"tenant/{tenant.name}").and_ids.ids
            both.add().sourced_metadata.metadata_matcher.CopyFrom(_tenant_is((tenant.name,)))
            ranges = both.add().or_ids.ids
            for network in tenant.addresses:
                _range(ranges.add(), network)
    for_anybody = route.allow is None and not route.on_request
    if for_anybody and any(method.kind is AuthKind.NONE for method in route.auth):
        nobody = _policy(rules, "nobody").not_id
        nobody.sourced_metadata.metadata_matcher.CopyFrom(_tenant_is(()))
    made.typed_per_filter_config[FILTER].CopyFrom(pack(config))


def may_come(tenant: Tenant, route: Route) -> bool:
    """Tell whether a route is for a tenant, wherever its clients are."""
    if route.allow is not None and tenant.name not in route.allow:
        return False
    if any(grant.route == route.name and grant.approved_by is not None for grant in tenant.grants):
        return True  # whatever else the tenant has, as the edge sees it too
    return not route.on_request and (tenant.routes is None or route.name in tenant.routes)


def _policy(rules: rules_v3.RBAC, name: str) -> rules_v3.Principal:
    policy = rules.policies[name]
    policy.permissions.add(any=True)
    return policy.principals.add()


def _tenant_is(names: Iterable[str]) -> matcher_v3.MetadataMatcher:
    """One of these tenants; any of them all where there is no name."""
    found = matcher_v3.MetadataMatcher(filter=AUTHZ)
    found.path.add().key = TENANT
    texts = [
        matcher_v3.ValueMatcher(string_match=matcher_v3.StringMatcher(exact=name))
        for name in sorted(names)
    ]
    if not texts:
        found.value.present_match = True
    elif len(texts) == 1:
        found.value.CopyFrom(texts[0])
    else:
        found.value.or_match.value_matchers.extend(texts)
    return found


def _range(principal: rules_v3.Principal, network: str) -> None:
    """The client's address as the listener knows it (`trusted_hops`)."""
    parsed = ipaddress.ip_network(network)
    principal.remote_ip.address_prefix = str(parsed.network_address)
    principal.remote_ip.prefix_len.value = parsed.prefixlen
