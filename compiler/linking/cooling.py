"""Cool-downs: while a target is passed by, somebody else answers."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedModel
from compiler.schema import GatewayDocument


def check_cool_downs(
    document: GatewayDocument, models: Iterable[LinkedModel], findings: Findings
) -> None:
    """Warn of providers that cool down, and from which no chain goes on meanwhile."""
    used: set[str] = set()
    left: set[str] = set()
    for model in models:
        for place, group in enumerate(model.groups):
            names = {target.provider for target in group}
            used |= names
            if place + 1 < len(model.groups):
                left |= names
    for name in sorted(used - left):
        if document.providers[name].cool_down is not None:
            findings.warning(
                "idle-cool-down",
                f"no chain goes on from provider `{name}`: while it cools down, its requests fail",
                ("providers", name, "cool_down"),
                hint="give its models a second target, or remove `cool_down`",
            )
