"""Tiers: each extends one that exists, none extends itself, and somebody is in it."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.linking.findings import Findings
from compiler.schema import GatewayDocument
from compiler.source import Path

Lineages = Mapping[str, tuple[str, ...]]
"""Of each tier, itself and those that it extends, nearest first."""


def link_tiers(document: GatewayDocument, findings: Findings) -> Lineages:
    """Follow what tiers extend; those that lead in a circle or nowhere are reported, and cut."""
    for name, tier in document.tiers.items():
        if tier.extends is not None and tier.extends not in document.tiers:
            findings.unknown(
                "tier",
                "tiers",
                tier.extends,
                [other for other in document.tiers if other != name],
                f"tier `{name}` extends tier `{tier.extends}`",
                ("tiers", name, "extends"),
            )
    lineages = {name: _lineage(name, document, findings) for name in document.tiers}
    for name, tenant in document.tenants.items():
        if tenant.tier is not None and tenant.tier not in document.tiers:
            findings.unknown(
                "tier",
                "tiers",
                tenant.tier,
                document.tiers,
                f"tenant `{name}` is in tier `{tenant.tier}`",
                ("tenants", name, "tier"),
            )
    return lineages


def check_unused_tiers(document: GatewayDocument, findings: Findings) -> None:
    """Warn of tiers in which nobody is, and which none extends."""
    used = {tenant.tier for tenant in document.tenants.values()}
    used |= {tier.extends for tier in document.tiers.values()}
    for name in document.tiers:
        if name not in used:
            findings.warning(
                "unused-tier",
                f"tier `{name}` is never used: no tenant is in it",
                ("tiers", name),
                "never used",
                hint="use it, or remove it",
            )


def _lineage(name: str, document: GatewayDocument, findings: Findings) -> tuple[str, ...]:
    trail = [name]
    while True:
        above = document.tiers[trail[-1]].extends
        if above is None or above not in document.tiers:
            return tuple(trail)
        if above in trail:
            circle = trail[trail.index(above) :]
            # Each tier of the circle comes here; the smallest tells it for all.
            if name == min(circle):
                _circle(circle, findings)
            return tuple(trail)
        trail.append(above)


def _circle(circle: list[str], findings: Findings) -> None:
    arrows = " -> ".join(f"`{name}`" for name in (*circle, circle[0]))
    rest: list[tuple[Path, str]] = [
        (("tiers", name, "extends"), "and on here") for name in circle[1:]
    ]
    findings.error(
        "tier-cycle",
        f"these tiers extend each other: {arrows}",
        ("tiers", circle[0], "extends"),
        "leads back to itself",
        labels=rest,
        hint="remove `extends` from one of them",
    )
