"""Tenants: what they may use exists, and who they are can be told."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from compiler.linking.certificates import check_certificates
from compiler.linking.choices import Choices
from compiler.linking.findings import Findings
from compiler.linking.grants import check_grants
from compiler.linking.inheritance import effective
from compiler.linking.linked import LinkedRoute, LinkedTenant
from compiler.linking.offered import CHOSEN, Offered, offered
from compiler.linking.tiers import Lineages
from compiler.schema import GatewayDocument
from compiler.schema.tenants import TeamDocument, TenantDocument
from compiler.source import Path


def tenant_choices(document: GatewayDocument, lineages: Lineages) -> Choices:
    """Give what routes choose from: the tenants, with the tags that they have in the end."""
    tags: dict[str, tuple[str, ...]] = {}
    for name, tenant in document.tenants.items():
        found = effective(document, name, lineages.get(tenant.tier or "", ()), "tags")
        tags[name] = () if found is None else found.value
    places: dict[str, Path] = {name: ("tenants", name) for name in document.tenants}
    return Choices("tenant", {name: name for name in document.tenants}, tags, places)


def link_tenants(
    document: GatewayDocument,
    lineages: Lineages,
    meaning: Mapping[str, str],
    routes: tuple[LinkedRoute, ...],
    findings: Findings,
) -> tuple[LinkedTenant, ...]:
    """Link all tenants, sorted by name."""
    there = offered(document, meaning, routes)
    for name, tier in document.tiers.items():
        for key in CHOSEN:
            written = getattr(tier, key)
            if written is not None:
                choices: Choices = getattr(there, key)
                whose = f"tier `{name}` may use"
                choices.chosen(written, ("tiers", name, key), whose, findings)
    _check_claims(document, findings)
    check_certificates(document, findings)
    return tuple(
        _tenant(name, tenant, document, lineages.get(tenant.tier or "", ()), there, findings)
        for name, tenant in sorted(document.tenants.items())
    )


def _tenant(
    name: str,
    tenant: TenantDocument,
    document: GatewayDocument,
    lineage: tuple[str, ...],
    there: Offered,
    findings: Findings,
) -> LinkedTenant:
    has: dict[str, tuple[str, ...] | None] = {}
    for key in CHOSEN:
        found = effective(document, name, lineage, key)
        if found is None:
            has[key] = None
            continue
        # What a tier chooses was told of at the tier.
        told = findings if found.path[0] == "tenants" else findings.silent()
        choices: Choices = getattr(there, key)
        has[key] = choices.chosen(found.value, found.path, f"tenant `{name}` may use", told)
    path: Path = ("tenants", name)
    parts: dict[str, tuple[str, ...] | None] = {}
    granted = {there.models.meaning(grant.model) for grant in tenant.grants if grant.model}
    within = None if has["models"] is None else granted.union(has["models"])
    for team, part in tenant.teams.items():
        _team(team, part, name, parts, within, there.models, findings)
    for key, written in tenant.keys.items():
        if written.models is not None:
            at: Path = (*path, "keys", key, "models")
            whose = f"the key `{name}/{key}` is for"
            parts[f"{name}/{key}"] = there.models.chosen(written.models, at, whose, findings)
    check_grants(name, tenant, has["models"], has["routes"], there, findings)
    return LinkedTenant(name, lineage, has["models"], has["routes"], parts, tenant, path)


def _team(
    team: str,
    part: TeamDocument,
    tenant: str,
    parts: dict[str, tuple[str, ...] | None],
    within: AbstractSet[str | None] | None,
    models: Choices,
    findings: Findings,
) -> None:
    """Find the models of a team and of its keys, and add them to ``parts``.

    ``within`` are those of its tenant, granted ones too; None is all.
    """
    path: Path = ("tenants", tenant, "teams", team)
    if part.models is not None:
        whose = f"team `{tenant}/{team}` may use"
        found = models.chosen(part.models, (*path, "models"), whose, findings)
        parts[f"team {team}"] = found
        for place, choice in enumerate(part.models):
            meant = models.meaning(choice)
            if meant is not None and within is not None and meant not in within:
                findings.warning(
                    "not-of-tenant",
                    f"team `{tenant}/{team}` may use model `{choice}`, which its tenant may not",
                    (*path, "models", place),
                    "has no effect",
                    hint=f"add it to the `models` of tenant `{tenant}`, or remove it here",
                )
    for key, written in part.keys.items():
        if written.models is not None:
            name = f"{tenant}/{team}/{key}"
            at: Path = (*path, "keys", key, "models")
            parts[name] = models.chosen(written.models, at, f"the key `{name}` is for", findings)


def _check_claims(document: GatewayDocument, findings: Findings) -> None:
    """Refuse values of claims that would be two tenants'."""
    first: dict[str, tuple[str, Path]] = {}
    for name, tenant in sorted(document.tenants.items()):
        path: Path = ("tenants", name)
        for place, claim in enumerate((name,) if tenant.claims is None else tenant.claims):
            at = path if tenant.claims is None else (*path, "claims", place)
            other, where = first.setdefault(claim, (name, at))
            if other != name:
                findings.error(
                    "ambiguous-claim",
                    f"`{claim}` would be two tenants: `{other}` and `{name}`",
                    at,
                    labels=[(where, f"of tenant `{other}`")],
                    hint="a claim means one tenant; write `claims` in one of them",
                )
