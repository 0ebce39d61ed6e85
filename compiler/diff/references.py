"""Where a plan speaks of its things by name, and how it is written with other names.

Names stand in fields of their own, in lists of names, and in the ids and owners of limits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from compiler import plan as plans
from compiler import plan_accounts as accounts
from compiler import plan_fleet as fleet
from compiler import plan_llm as llm
from xds.edge.limit import Limit

Section = str
Table = Mapping[Section, Mapping[str, str]]
"""New names by old ones, by the sections of a policy."""

SECTIONS: Final = (
    *("redactions", "providers", "services", "issuers", "listeners"),
    *("models", "routes", "tenants"),
)
"""Sections whose things may be renamed; each speaks of those before it."""

REFERENCES: Final[Mapping[tuple[type, str], Section]] = {
    (llm.Provider, "name"): "providers",
    (llm.Target, "provider"): "providers",
    (llm.Model, "name"): "models",
    (llm.Redaction, "name"): "redactions",
    (plans.Service, "name"): "services",
    (plans.Branch, "service"): "services",
    (plans.Listener, "name"): "listeners",
    (plans.Route, "name"): "routes",
    (plans.Route, "listeners"): "listeners",
    (plans.Route, "allow"): "tenants",
    (plans.Route, "redact"): "redactions",
    (plans.Serve, "models"): "models",
    (plans.LaneChoice, "route"): "routes",
    (plans.LaneChoice, "model"): "models",
    (plans.Plan, "redact"): "redactions",
    (accounts.AuthMethod, "issuer"): "issuers",
    (accounts.Issuer, "name"): "issuers",
    (accounts.Tenant, "name"): "tenants",
    (accounts.Tenant, "models"): "models",
    (accounts.Tenant, "routes"): "routes",
    (accounts.Tenant, "redact"): "redactions",
    (accounts.Team, "models"): "models",
    (accounts.AccessKey, "models"): "models",
    (accounts.Grant, "model"): "models",
    (accounts.Grant, "route"): "routes",
    (fleet.NodeGroup, "listeners"): "listeners",
    (fleet.NodeGroup, "routes"): "routes",
}
_PLACES: Final = {"tenant": "tenants", "team": "tenants", "key": "tenants"} | {
    "route": "routes",
    "model": "models",
    "provider": "providers",
}


def rewritten(value: Any, table: Table) -> Any:
    """Give a part of a plan with the names of ``table``; what does not change is the same."""
    if isinstance(value, tuple):
        items = [rewritten(one, table) for one in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return tuple(items)
    if isinstance(value, Limit):
        return _limit(value, table)
    kind = type(value)
    if not dataclasses.is_dataclass(kind):
        return value
    changed: dict[str, Any] = {}
    for name in _fields(kind):
        old = getattr(value, name)
        section = REFERENCES.get((kind, name))
        if section is not None:
            new = _named(old, table.get(section, {}))
        elif kind is accounts.AccessKey and name == "id":
            new = _first(old, table.get("tenants", {}))
        elif kind is plans.LaneChoice and name == "target":
            new = _first(old, table.get("providers", {}))
        elif kind is plans.LaneChoice and name == "reason":
            new = _spoken(old, table)
        else:
            new = rewritten(old, table)
        if new is not old and new != old:
            changed[name] = new
    if not changed:
        return value
    if kind is llm.Group:
        order = sorted(changed["targets"], key=lambda one: (one.provider, one.model))
        changed["targets"] = tuple(order)
    return dataclasses.replace(value, **changed)


@cache
def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(one.name for one in dataclasses.fields(kind) if one.compare)


def _named(old: Any, names: Mapping[str, str]) -> Any:
    if not names or old is None:
        return old
    if isinstance(old, tuple):
        return tuple(sorted(names.get(one, one) for one in old))
    return names.get(old, old)


def _first(path: str, names: Mapping[str, str]) -> str:
    """Rename the first part of a path: the tenant of a key, the provider of a target."""
    first, slash, rest = path.partition("/")
    return f"{names.get(first, first)}{slash}{rest}"


def _limit(limit: Limit, table: Table) -> Limit:
    place, _, rest = limit.id.partition("/")
    names = table.get(_PLACES.get(place, ""), {})
    if not names:
        return limit
    # Names of routes and models may hold slashes: the longest that fits is meant.
    old = max((name for name in names if rest.startswith(f"{name}/")), key=len, default=None)
    if old is None:
        return limit
    owner = limit.owner.replace(f"`{old}", f"`{names[old]}", 1)
    fields = {name: getattr(limit, name) for name in limit.__struct_fields__}
    return Limit(**fields | {"id": f"{place}/{names[old]}{rest[len(old) :]}", "owner": owner})


def _spoken(text: str, table: Table) -> str:
    for names in table.values():
        for old, new in names.items():
            text = text.replace(f"`{old}`", f"`{new}`")
    return text
