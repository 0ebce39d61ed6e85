"""A tenant as it is shown to people and machines: never with what its keys hash to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from compiler.plan_accounts import AccessKey, Grant, Origin, PlacedLimit, Team, Tenant

Shown = Mapping[str, Any]


def described(tenant: Tenant, now: datetime) -> dict[str, Any]:
    """Describe a tenant as plain data; ``now`` tells what has ended."""
    stands = {"models": tenant.models, "routes": tenant.routes}
    return {
        "name": tenant.name,
        "at": str(tenant.at),
        "tier": tenant.tier,
        "contacts": list(tenant.contacts),
        "values": [_value(origin, stands.get(origin.key)) for origin in tenant.origins],
        "claims": list(tenant.claims),
        "certificates": list(tenant.certificates),
        "keys": _keys(tenant.keys, now),
        "teams": [_team(team, now) for team in tenant.teams],
        "grants": [_grant(grant, now) for grant in tenant.grants],
    }


def table(shown: Shown) -> str:
    """Lay the same out for a terminal."""
    tier = f", tier {shown['tier']}" if shown["tier"] else ""
    lines = [f"tenant {shown['name']}{tier}  ({shown['at']})"]
    rows: list[tuple[str, str, str]] = []
    for value in shown["values"]:
        at = f"  {value['at']}" if value["at"] else ""
        rows.append((value["key"], value["value"], f"{value['from']}{at}"))
        if value["stands_for"] is not None and ", ".join(value["stands_for"]) != value["value"]:
            rows.append(("", f"= {', '.join(value['stands_for']) or 'none'}", ""))
        rows += [("", f"overrides {lost['value']}", lost["from"]) for lost in value["overrides"]]
    rows += [
        (key, ", ".join(shown[key]), "tenant")
        for key in ("contacts", "claims", "certificates")
        if shown[key]
    ]
    lines += _columns(rows)
    if shown["keys"]:
        lines += ["keys", *_columns(_key_row(key) for key in shown["keys"])]
    for team in shown["teams"]:
        lines.append(f"team {shown['name']}/{team['name']}  ({team['at']})")
        said = [
            (key, ", ".join(team[key]), "")
            for key in ("models", "limits", "tags", "contacts")
            if team[key]
        ]
        lines += _columns([*said, *(_key_row(key) for key in team["keys"])])
    if shown["grants"]:
        lines += ["grants", *_columns(_grant_row(grant) for grant in shown["grants"])]
    return "\n".join(line.rstrip() for line in lines)


def _value(origin: Origin, stands_for: tuple[str, ...] | None) -> dict[str, Any]:
    return {
        "key": origin.key,
        "value": origin.value,
        "stands_for": None if stands_for is None else list(stands_for),
        "from": origin.source,
        "at": None if origin.at is None else str(origin.at),
        "overrides": [{"from": source, "value": value} for source, value in origin.overrides],
    }


def _keys(keys: Iterable[AccessKey], now: datetime) -> list[dict[str, Any]]:
    """Describe keys; the old one of a rotation is told beside the new one, which comes first."""
    found = []
    for key_id, of_id in groupby(keys, key=lambda key: key.id):
        key, *old = of_id
        found.append(
            {
                "id": key_id,
                "at": str(key.at),
                "starts": _spelled(key.starts),
                "expires": _spelled(key.expires),
                "expired": key.expires is not None and key.expires <= now,
                "previous_until": _spelled(old[0].expires) if old else None,
                "models": None if key.models is None else list(key.models),
                "limits": _limits(key.limits),
            }
        )
    return found


def _team(team: Team, now: datetime) -> dict[str, Any]:
    return {
        "name": team.name,
        "at": str(team.at),
        "models": None if team.models is None else list(team.models),
        "limits": _limits(team.limits),
        "tags": list(team.tags),
        "contacts": list(team.contacts),
        "keys": _keys(team.keys, now),
    }


def _grant(grant: Grant, now: datetime) -> dict[str, Any]:
    if grant.approved_by is None:
        state = "pending"
    else:
        state = "expired" if grant.until is not None and grant.until <= now else "granted"
    return {
        "model": grant.model,
        "route": grant.route,
        "state": state,
        "requested_by": grant.requested_by,
        "approved_by": grant.approved_by,
        "until": _spelled(grant.until),
        "reason": grant.reason,
        "at": str(grant.at),
    }


def _limits(limits: Iterable[PlacedLimit]) -> list[str]:
    return [f"{one.limit.text} (budget)" if one.limit.budget else one.limit.text for one in limits]


def _key_row(key: Shown) -> tuple[str, str, str]:
    ends = "expired" if key["expired"] else "expires"
    said = [f"{ends} {key['expires']}" if key["expires"] else "never expires"]
    if key["starts"]:
        said.append(f"from {key['starts']}")
    if key["previous_until"]:
        said.append(f"the one before it until {key['previous_until']}")
    if key["models"] is not None:
        said.append(f"models {', '.join(key['models'])}")
    return key["id"], ", ".join([*said, *key["limits"]]), key["at"]


def _grant_row(grant: Shown) -> tuple[str, str, str]:
    what = f"model {grant['model']}" if grant["model"] else f"route {grant['route']}"
    said = [grant["state"]]
    if grant["requested_by"]:
        said.append(f"asked by {grant['requested_by']}")
    if grant["approved_by"]:
        said.append(f"approved by {grant['approved_by']}")
    if grant["until"]:
        said.append(f"until {grant['until']}")
    return what, ", ".join(said), grant["at"]


def _columns(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    table = list(rows)
    widths = [max((len(row[at]) for row in table), default=0) for at in range(2)]
    for first, second, third in table:
        yield f"  {first:{widths[0]}}  {second:{widths[1]}}  {third}"


def _spelled(moment: datetime | None) -> str | None:
    from policies.timestamp import spelled

    return None if moment is None else spelled(moment)
