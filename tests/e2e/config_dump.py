"""What a real Envoy has, by its config dump, beside what it was to have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.e2e.envoy_process import EnvoyProcess
from xds.order import SECRET
from xds.resource import Resource
from xds.wire import to_json

WARMING = "(warming_clusters|total_listeners_warming)$"


def dumped(envoy: EnvoyProcess) -> dict[str, dict[str, Any]]:
    """Every dynamic resource in Envoy but secrets, by type and name."""
    _bootstrap, *parts = envoy.json("/config_dump?include_eds")["configs"]
    drained = _drained(parts)
    return {
        one["@type"].rpartition(".")[2] + "/" + one.get("name", one.get("cluster_name", "")): one
        for part in parts
        for key, group in part.items()
        if key.startswith("dynamic_")
        for one in map(_bare, group)
        if one is not None
        and not one["@type"].endswith(".Secret")
        and not (one["@type"].endswith(".RouteConfiguration") and one["name"] in drained)
    }


def _drained(parts: list[dict[str, Any]]) -> set[str]:
    """Names of the route configurations that only listeners which drain still hold."""
    states = [one for part in parts for one in part.get("dynamic_listeners", ())]
    return _routes_of(states, "draining_state") - _routes_of(states, "active_state")


def _routes_of(listeners: list[dict[str, Any]], state: str) -> set[str]:
    return {
        filter_["typed_config"]["rds"]["route_config_name"]
        for one in listeners
        if state in one
        for chain in one[state]["listener"]["filter_chains"]
        for filter_ in chain["filters"]
        if "rds" in filter_["typed_config"]
    }


def wanted(resources: Iterable[Resource]) -> dict[str, dict[str, Any]]:
    """The same for what was compiled."""
    return {
        f"{one.type_url.rpartition('.')[2]}/{one.name}": {
            "@type": one.type_url,
            **to_json(one.message),
        }
        for one in resources
        if one.type_url != SECRET
    }


def differences(envoy: EnvoyProcess, resources: Iterable[Resource]) -> list[str]:
    """In what Envoy differs from what was compiled, down to each resource, or is not ready."""
    has, due = dumped(envoy), wanted(resources)
    told = [f"lacks {name}" for name in due.keys() - has.keys()]
    told += [f"has still {name}" for name in has.keys() - due.keys()]
    told += [
        f"other {name}: {has[name]} instead of {due[name]}"
        for name in due.keys() & has.keys()
        if _comparable(has[name]) != _comparable(due[name])
    ]
    told += [f"{name} = {count}" for name, count in envoy.stats(WARMING).items() if count]
    return told


def _comparable(one: dict[str, Any]) -> Any:
    """Endpoints by their addresses, since Envoy fills in the defaults of the rest."""
    if not one["@type"].endswith("ClusterLoadAssignment"):
        return one
    return one["cluster_name"], sorted(
        endpoint["endpoint"]["address"]["socket_address"]["port_value"]
        for locality in one.get("endpoints", ())
        for endpoint in locality["lb_endpoints"]
    )


def _bare(one: dict[str, Any]) -> dict[str, Any] | None:
    """The resource in an entry of a config dump; None for a listener that only drains still."""
    held = one.get("active_state", one)
    inside = (held.get(key) for key in ("cluster", "listener", "route_config", "endpoint_config"))
    return next((value for value in inside if value), None)
