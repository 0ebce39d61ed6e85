"""Tenants of the plan: what each has in the end, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from compiler.linking.inheritance import INHERITED, Effective, effective
from compiler.linking.linked import Linked, LinkedTenant
from compiler.plan_accounts import AccessKey, Grant, Origin, PlacedLimit, Team, Tenant
from compiler.planning_limits import plan_limits
from compiler.schema.keys import KeyDocument
from compiler.schema.tenants import GrantDocument
from compiler.source import Path

UNWRITTEN: Mapping[str, str] = {
    "models": "all",
    "routes": "all",
    "limits": "none",
    "budget": "none",
    "tags": "none",
    "addresses": "any",
    "redact": "none",
}
"""What holds where nobody has written it, in words."""


def plan_tenants(linked: Linked) -> tuple[Tenant, ...]:
    """Plan all tenants, sorted by name."""
    meaning = {name: model.name for model in linked.models for name in model.aliases}
    return tuple(_tenant(tenant, meaning, linked) for tenant in linked.tenants)


def _tenant(tenant: LinkedTenant, meaning: Mapping[str, str], linked: Linked) -> Tenant:
    document, name, path = tenant.document, tenant.name, tenant.path
    has = {key: effective(linked.document, name, tenant.lineage, key) for key in INHERITED}
    return Tenant(
        name=name,
        tier=document.tier,
        tags=_sorted(has["tags"]),
        contacts=document.contacts,
        models=tenant.models,
        routes=tenant.routes,
        limits=_limits(has, f"tenant/{name}", f"tenant `{name}`", linked),
        addresses=_sorted(has["addresses"]),
        certificates=tuple(sorted(set(document.certificates))),
        claims=(name,) if document.claims is None else tuple(sorted(set(document.claims))),
        keys=_keys(document.keys, name, (*path, "keys"), tenant, linked),
        teams=_teams(tenant, linked),
        grants=_grants(document.grants, (*path, "grants"), meaning, linked),
        redact=_sorted(has["redact"]),
        origins=tuple(_origin(key, has[key], linked) for key in INHERITED),
        at=linked.locate(path),
    )


def _sorted(found: Effective | None) -> tuple[str, ...]:
    return () if found is None else tuple(sorted(set(found.value)))


def _limits(
    has: Mapping[str, Effective | None], place: str, owner: str, linked: Linked
) -> tuple[PlacedLimit, ...]:
    """Plan the limits and budgets; the ones may come from elsewhere than the others."""
    planned: list[PlacedLimit] = []
    limits, budget = has["limits"], has["budget"]
    if limits is not None:
        planned += plan_limits(limits.value, None, limits.path[:-1], place, owner, linked)
    if budget is not None:
        planned += plan_limits(None, budget.value, budget.path[:-1], place, owner, linked)
    return tuple(planned)


def _teams(tenant: LinkedTenant, linked: Linked) -> tuple[Team, ...]:
    teams = []
    for name, document in sorted(tenant.document.teams.items()):
        path: Path = (*tenant.path, "teams", name)
        whole = f"{tenant.name}/{name}"
        owner = f"team `{whole}`"
        teams.append(
            Team(
                name=name,
                models=tenant.parts.get(f"team {name}"),
                limits=plan_limits(
                    document.limits, document.budget, path, f"team/{whole}", owner, linked
                ),
                keys=_keys(document.keys, whole, (*path, "keys"), tenant, linked),
                contacts=document.contacts,
                tags=tuple(sorted(set(document.tags))),
                at=linked.locate(path),
            )
        )
    return tuple(teams)


def _keys(
    keys: Mapping[str, KeyDocument], whose: str, path: Path, tenant: LinkedTenant, linked: Linked
) -> tuple[AccessKey, ...]:
    """Plan keys, sorted by id; one that is being rotated is there twice, a revoked one is not."""
    planned: list[AccessKey] = []
    for name, document in sorted(keys.items()):
        if document.revoked is not None:
            continue
        key_id = f"{whose}/{name}"
        at: Path = (*path, name)
        limits = plan_limits(
            document.limits, document.budget, at, f"key/{key_id}", f"key `{key_id}`", linked
        )
        models = tenant.parts.get(key_id)
        planned.append(
            AccessKey(
                key_id,
                document.sha256,
                document.starts,
                document.expires,
                models,
                limits,
                linked.locate(at),
            )
        )
        previous = document.previous
        if previous is not None:
            until = _earlier(previous.until, document.expires)
            # It was good before the new one was: only its end is known.
            planned.append(
                AccessKey(
                    key_id,
                    previous.sha256,
                    None,
                    until,
                    models,
                    limits,
                    linked.locate((*at, "previous")),
                )
            )
    return tuple(planned)


def _earlier(one: datetime, other: datetime | None) -> datetime:
    return one if other is None else min(one, other)


def _grants(
    grants: Iterable[GrantDocument], path: Path, meaning: Mapping[str, str], linked: Linked
) -> tuple[Grant, ...]:
    planned = [
        Grant(
            model=None if grant.model is None else meaning.get(grant.model, grant.model),
            route=grant.route,
            requested_by=grant.requested_by,
            approved_by=grant.approved_by,
            until=grant.until,
            reason=grant.reason,
            at=linked.locate((*path, place)),
        )
        for place, grant in enumerate(grants)
    ]
    return tuple(planned)


def _origin(key: str, found: Effective | None, linked: Linked) -> Origin:
    if found is None:
        return Origin(key, UNWRITTEN[key], "default", ())
    lost = tuple((source, _spelled(key, value)) for source, value in found.overrides)
    value = _spelled(key, found.value)
    return Origin(key, value, found.source, lost, linked.locate(found.path))


def _spelled(key: str, value: Any) -> str:
    """Say a value as it was written, on one line."""
    if key in ("limits", "budget"):
        return ", ".join(_limit(one) for one in value) or "none"
    return ", ".join(value) or "none"


def _limit(written: Any) -> str:
    text = str(written.limit.text)
    said = [
        f"{key}: {getattr(written, key)}"
        for key in ("burst", "per", "each", "window", "when_away")
        if key in written.model_fields_set
    ]
    return f"{text} ({', '.join(said)})" if said else text
