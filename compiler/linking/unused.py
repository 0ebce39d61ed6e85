"""What is declared and leads nowhere: allowed, but probably not meant."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedModel, LinkedRoute
from compiler.schema import GatewayDocument


def check_unused(
    document: GatewayDocument,
    models: Iterable[LinkedModel],
    routes: Iterable[LinkedRoute],
    findings: Findings,
) -> None:
    """Warn of services without routes, providers without models and models without routes."""
    routed: set[str] = set()
    served: set[str] = set()
    for route in routes:
        written = route.document
        routed.update(branch.to for branch in written.split or ())
        if written.service is not None:
            routed.add(written.service)
        served.update(route.models)
    tried = {target.provider for model in models for group in model.groups for target in group}
    for section, names, used, what in (
        ("services", document.services, routed, "no route goes to it"),
        ("providers", document.providers, tried, "no model has a target there"),
        ("models", {model.name: model for model in models}, served, "no route serves it"),
    ):
        for name in names:
            if name not in used:
                findings.warning(
                    f"unused-{section[:-1]}",
                    f"{section[:-1]} `{name}` is never used: {what}",
                    (section, name),
                    "never used",
                    hint="use it, or remove it",
                )
