"""Prices: each is for a target that exists."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.diagnostic import did_you_mean
from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedModel
from compiler.schema import GatewayDocument


def link_prices(
    document: GatewayDocument, models: Iterable[LinkedModel], findings: Findings
) -> None:
    """Check that each price names a provider, and warn of those that no model needs."""
    used = {
        f"{target.provider}/{target.model}"
        for model in models
        for group in model.groups
        for target in group
    }
    for key in document.prices:
        provider = key.partition("/")[0]
        if provider not in document.providers:
            findings.unknown(
                "provider",
                "providers",
                provider,
                document.providers,
                f"this is a price of provider `{provider}`",
                ("prices", key),
            )
        elif key not in used:
            close = did_you_mean(key, sorted(used))
            findings.warning(
                "unused-price",
                f"no model has the target `{key}`",
                ("prices", key),
                hint=f"did you mean `{close}`?" if close else "remove it",
            )
