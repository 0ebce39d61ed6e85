"""The Lua that tells which tenant a verified token or certificate is, with the policy's tables.

It is on where Envoy alone admits requests; where an edge is asked, the edge tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compiler.lower.accounts.names import IDENTITY_HEADERS, JWT, NAMESPACE
from compiler.lower.accounts.slots import filled
from compiler.lower.llm.lua import literal, lua_source
from compiler.plan import Plan, Route, Serve
from compiler.plan_accounts import Issuer, Tenant
from xds.edge.usage_line import AUTHZ
from xds.glob import ANY
from xds.schema import envoy
from xds.wire import pack

hcm_v3 = envoy.extensions.filters.network.http_connection_manager.v3
lua_v3 = envoy.extensions.filters.http.lua.v3
route_v3 = envoy.config.route.v3

FILTER = "gatewright.identity"
SOURCE = Path(__file__).with_name("identity.lua")

_PUNCTUATION = frozenset("^$()%.[]*+-?")
_RUNS = re.compile(r"\*+|[^*]+")


def identity_filter(plan: Plan) -> hcm_v3.HttpFilter:
    """The filter with the tables of a plan, switched off."""
    config = lua_v3.Lua()
    source = config.source_codes[FILTER]
    source.inline_string = identity_source(plan)
    config.clear_route_cache.value = False
    return hcm_v3.HttpFilter(name=FILTER, typed_config=pack(config), disabled=True)


def identity_source(plan: Plan) -> str:
    """The whole program."""
    who = {
        "jwt": JWT,
        "account": AUTHZ,
        "namespace": NAMESPACE,
        "headers": dict(IDENTITY_HEADERS),
        "issuers": {issuer.name: _claims(issuer) for issuer in plan.issuers},
        "claims": {claim: tenant.name for tenant in plan.tenants for claim in tenant.claims},
        "certificates": [
            {"pattern": pattern(glob), "kind": kind_of(glob), "tenant": tenant.name}
            for tenant in plan.tenants
            for glob in tenant.certificates
        ],
        "tenants": {tenant.name: _tenant(tenant) for tenant in plan.tenants},
    }
    return f"local WHO = {table(who)}\n\n{lua_source(SOURCE)}"


def name_tenant(route: Route, made: route_v3.Route) -> None:
    """Switch the filter on for a route, with the ways that it takes.

    Services are told who asks, providers of models are not.
    """
    config = lua_v3.LuaPerRoute(name=FILTER)
    config.filter_context.update(
        {
            "ways": [
                # A login's token is verified like any other.
                {"kind": method.kind.value, "issuer": method.issuer}
                if method.issuer
                else {"kind": method.kind.value}
                for method in route.auth
            ],
            "tells": not isinstance(route.action, Serve),
        }
    )
    made.typed_per_filter_config[FILTER].CopyFrom(pack(config))


def kind_of(glob: str) -> str:
    """Tell of which names a glob speaks: ``uri`` or ``dns``."""
    return "uri" if "://" in glob else "dns"


def pattern(glob: str) -> str:
    """Write a glob of certificates (`xds.identity.stands_for`) as a pattern of Lua's.

    A star stays within one segment of a URI's path, or one label of a DNS name; two cross them.
    """
    one = "[^/]*" if kind_of(glob) == "uri" else "[^.]*"
    text = glob if kind_of(glob) == "uri" else glob.lower().rstrip(".")
    parts = (
        ".*"
        if len(part) > 1 and part[0] == ANY
        else one
        if part == ANY
        else "".join(f"%{c}" if c in _PUNCTUATION else c for c in part)
        for part in _RUNS.findall(text)
    )
    return f"^{''.join(parts)}$"


def table(value: Any) -> str:
    """Write tables and texts as Lua."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"[{literal(str(k))}]={table(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ",".join(table(item) for item in value) + "}"
    return literal(value)


def _claims(issuer: Issuer) -> dict[str, Any]:
    """The paths of its claims: a claim may also be called by a name with dots in it."""
    named = (
        ("tenant", issuer.tenant_claim),
        ("team", issuer.team_claim),
        ("user", issuer.user_claim),
    )
    return {name: {"whole": claim, "path": claim.split(".")} for name, claim in named if claim}


def _tenant(tenant: Tenant) -> dict[str, Any]:
    """Its limits, and its teams with theirs."""
    return {
        "limits": filled("tenant", tenant.limits),
        "teams": {team.name: filled("team", team.limits) for team in tenant.teams},
    }
