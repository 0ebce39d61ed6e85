"""Grants: what was asked for exists, and whether asking was needed."""

from __future__ import annotations

from compiler.linking.findings import Findings
from compiler.linking.offered import Offered
from compiler.schema.tenants import GrantDocument, TenantDocument
from compiler.source import Path


def check_grants(
    name: str,
    tenant: TenantDocument,
    models: tuple[str, ...] | None,
    routes: tuple[str, ...] | None,
    offered: Offered,
    findings: Findings,
) -> None:
    """Check the grants of a tenant that has these models and routes without them."""
    for place, grant in enumerate(tenant.grants):
        path: Path = ("tenants", name, "grants", place)
        if (grant.model is None) == (grant.route is None):
            both = grant.model is not None
            findings.error(
                "bad-grant",
                "a grant is for a model or for a route, and this is for "
                + ("both" if both else "neither"),
                (*path, "route") if both else path,
                labels=[((*path, "model"), "a model")] if both else [],
                hint="write two grants" if both else "write `model: NAME` or `route: NAME`",
            )
            continue
        kind, choices, has = (
            ("model", offered.models, models)
            if grant.model is not None
            else ("route", offered.routes, routes)
        )
        written = grant.model or grant.route or ""
        meant = choices.meaning(written)
        if meant is None:
            whose = f"tenant `{name}` has a grant for"
            choices.unknown(written, (*path, kind), whose, findings)
            continue
        if (kind, meant) not in offered.on_request and (has is None or meant in has):
            findings.warning(
                "needless-grant",
                f"tenant `{name}` may use {kind} `{written}` without a grant",
                path,
                hint=f"write `access: on_request` at the {kind}, or remove the grant",
            )
        _check_approval(name, grant, kind, written, path, findings)


def _check_approval(
    name: str, grant: GrantDocument, kind: str, written: str, path: Path, findings: Findings
) -> None:
    if grant.approved_by is None:
        asked = f" ({grant.requested_by} asked)" if grant.requested_by else ""
        findings.warning(
            "pending-grant",
            f"nobody has approved {kind} `{written}` for tenant `{name}`{asked}",
            path,
            "has no effect yet",
            hint="add `approved_by` and `until`, or remove the grant",
        )
    elif grant.approved_by == grant.requested_by:
        findings.warning(
            "self-approved-grant",
            f"who asked for {kind} `{written}` for tenant `{name}` approved it too",
            (*path, "approved_by"),
            labels=[((*path, "requested_by"), "the same")],
            hint="let somebody else approve it",
        )
