"""Where whoever asks may go, and which models are there for it; nothing here counts."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address, ip_network

from compiler.decide.identity import Known
from compiler.decide.laid import Laid
from compiler.decide.refusing import NOT_FROM_HERE, NOT_HERE, NOT_LET_IN, Refused
from compiler.plan import Route
from compiler.plan_accounts import AuthKind, Tenant


def entered(
    laid: Laid, route: Route, who: Known, client: str, now: datetime, *, edge: bool
) -> Refused | None:
    """Tell why whoever asks may not use a route; None where it may."""
    name = who.identity.tenant
    if not edge:
        return None if _let_in(laid, route, name, client) else NOT_LET_IN
    if not name:
        return NOT_HERE if route.on_request or route.allow is not None else None
    tenant = laid.tenants[name]
    if not _from_here(tenant, client):
        return NOT_FROM_HERE
    if route.allow is not None and name not in route.allow:
        return NOT_HERE
    granted = _granted(tenant, now, route=route.name)
    if route.on_request:
        return None if granted else NOT_HERE
    if tenant.routes is not None and route.name not in tenant.routes and not granted:
        return NOT_HERE
    return None


def _let_in(laid: Laid, route: Route, name: str, client: str) -> bool:
    """Envoy's own rules: whoever is found, and from where."""
    if not name:
        for_anybody = route.allow is None and not route.on_request
        return for_anybody and any(one.kind is AuthKind.NONE for one in route.auth)
    tenant = laid.tenants[name]
    if route.allow is not None and name not in route.allow:
        return False
    granted = any(one.route == route.name and one.approved_by for one in tenant.grants)
    here = not route.on_request and (tenant.routes is None or route.name in tenant.routes)
    return (granted or here) and _from_here(tenant, client)


def may_ask(laid: Laid, who: Known, model: str, now: datetime) -> bool:
    """Tell whether a model is there for whoever asks, by the policy's own name of it."""
    asked = laid.models.get(model)
    if asked is None:
        return False
    if not who.identity.tenant:
        return not asked.on_request
    tenant = laid.tenants[who.identity.tenant]
    if not _granted(tenant, now, model=model) and (
        asked.on_request or (tenant.models is not None and model not in tenant.models)
    ):
        return False
    for team in tenant.teams:
        if team.name == who.identity.team and team.models is not None and model not in team.models:
            return False
    return who.key is None or who.key.key.models is None or model in who.key.key.models


def _granted(tenant: Tenant, now: datetime, *, route: str = "", model: str = "") -> bool:
    return any(
        (one.route == route if route else one.model == model)
        and one.approved_by is not None
        and (one.until is None or now < one.until)
        for one in tenant.grants
    )


def _from_here(tenant: Tenant, client: str) -> bool:
    if not tenant.addresses:
        return True
    try:
        address = ip_address(client)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    networks = [ip_network(one, strict=False) for one in tenant.addresses]
    return any(address.version == one.version and address in one for one in networks)
