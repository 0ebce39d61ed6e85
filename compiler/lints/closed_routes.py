"""Routes that ask who calls, and that nobody who is known may use."""

from __future__ import annotations

from compiler.linking.findings import Findings
from compiler.linking.linked import Linked, LinkedRoute
from compiler.plan_accounts import AuthKind


def check_closed_routes(linked: Linked, findings: Findings) -> None:
    """Warn of each route that all of its tenants leave out of their own ``routes``."""
    if not linked.tenants:
        return
    having = {tenant.name: tenant.routes for tenant in linked.tenants}
    for route in linked.routes:
        if not _is_for_tenants(route):
            continue
        names = having if route.allow is None else route.allow
        if any(_has(having.get(name, ()), route.name) for name in names):
            continue
        findings.warning(
            "closed-route",
            f"route `{route.name}` refuses everybody: no tenant that it is for may use it",
            (*route.path, "auth" if route.allow is None else "allow"),
            "nobody gets in",
            hint="add it to the `routes` of a tenant or its tier, or remove it",
        )


def _is_for_tenants(route: LinkedRoute) -> bool:
    """Tell whether only known tenants come in; a token's tenant may be nobody that is written."""
    if not route.auth or any(one.kind is AuthKind.NONE for one in route.auth):
        return False
    return route.allow is not None or all(one.kind is AuthKind.KEYS for one in route.auth)


def _has(routes: tuple[str, ...] | None, name: str) -> bool:
    return routes is None or name in routes
