"""What no group of nodes gets: allowed, but then nobody ever serves it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedGroup, LinkedRoute
from compiler.schema import GatewayDocument


def check_ungrouped(
    document: GatewayDocument,
    routes: Iterable[LinkedRoute],
    groups: Sequence[LinkedGroup],
    findings: Findings,
) -> None:
    """Warn of listeners and routes that are in no group, where there are groups."""
    if not groups:
        return
    listeners = {name for group in groups for name in group.listeners}
    for name in document.listeners:
        if name not in listeners:
            findings.warning(
                "listener-without-group",
                f"no node has listener `{name}`: it is in no group",
                ("listeners", name),
                hint="add it to the `listeners` of a group, or remove it",
            )
    given = {name for group in groups for name in group.routes}
    for route in routes:
        # One whose listeners are in no group was told of already.
        if route.name not in given and not listeners.isdisjoint(route.listeners):
            findings.warning(
                "route-without-group",
                f"no node has route `{route.name}`: it is in no group",
                route.path,
                hint="add it to the `routes` of a group, or remove it",
            )
