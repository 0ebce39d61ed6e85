"""Print any stage: plain data (dicts, lists, strings) of its output, for YAML or JSON.

What a person reads here is what the next stage gets: nothing is summed up, and nothing is left
out but the places in the text (`nodes` shows those).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, cast

import msgspec

from compiler.fleet import Fleet
from compiler.guards import Guard
from compiler.lower.lowered import Lowered
from compiler.node import Node
from compiler.plan import LaneChoice, Plan
from compiler.plan_accounts import DEFAULT_COUNTING, DEFAULT_EDGE, DEFAULT_LEDGER
from compiler.source import Span
from policies.secret import SecretRef
from policies.timestamp import spelled
from xds.edge.key_table import KeyTable
from xds.edge.resources import PROCESSING, RULES, TYPES
from xds.order import CLUSTER
from xds.resource import Resource
from xds.snapshot import Snapshot
from xds.wire import to_json

SECTIONS = {
    "envoy.config.listener.v3.Listener": "listeners",
    "envoy.config.route.v3.RouteConfiguration": "routes",
    "envoy.config.cluster.v3.Cluster": "clusters",
    "envoy.config.endpoint.v3.ClusterLoadAssignment": "endpoints",
    "envoy.service.runtime.v3.Runtime": "runtime",
}
"""The heading under which a resource of each type is printed."""


def plain(value: Any) -> Any:
    """Turn a stage's value into dicts, lists and scalars; fields that are not compared go."""
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return value.value
        case str():
            return str(value)
        case timedelta():
            return _duration(value)
        case SecretRef():
            return value.name
        case datetime():
            return spelled(value)
        case bytes():
            return value.hex()
        case Span():
            return str(value)
        case Mapping():
            return {str(plain(k)): plain(v) for k, v in value.items()}
        case tuple() | list() | set() | frozenset():
            return [plain(v) for v in value]
    if dataclasses.is_dataclass(value):
        return {
            f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value) if f.compare
        }
    if hasattr(value, "__struct_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if hasattr(value, "model_dump"):
        return {k: plain(getattr(value, k)) for k in type(value).model_fields}
    return str(value)


def dump_nodes(root: Node) -> Any:
    """Print the loaded text as a tree in which every leaf is followed by its place."""
    return root.described()


UNWRITTEN = ("groups", "rollout", "runtime", "tenants", "issuers", "limits")
"""Sections of a plan that are not printed where there is nothing in them."""
USUAL = {"counting": DEFAULT_COUNTING, "ledger": DEFAULT_LEDGER, "edge": DEFAULT_EDGE}
"""Sections that are not printed where they are as they are without being written."""


def dump_plan(plan: Plan) -> dict[str, Any]:
    """Print the plan without its lanes, which are a table of their own (`dump_lanes`).

    What is about fleets and accounts is printed where it was written; without it there is nothing
    to read.
    """
    dumped: dict[str, Any] = plain(plan)
    dumped["envoy"] = ".".join(str(part) for part in plan.envoy)
    del dumped["lanes"]
    for section in UNWRITTEN:
        if not dumped[section]:
            del dumped[section]
    for section, value in USUAL.items():
        if getattr(plan, section) == value:
            del dumped[section]
    return dumped


def dump_lanes(lanes: tuple[LaneChoice, ...]) -> list[dict[str, Any]]:
    """Print which mechanism carries each (route, operation, model) to each target, and why."""
    return [plain(choice) for choice in lanes]


def dump_guards(guards: tuple[Guard, ...]) -> list[dict[str, Any]]:
    """Print how each route's requests are admitted, and why so."""
    return [plain(guard) for guard in guards]


def dump_resources(lowered: Lowered) -> dict[str, Any]:
    """Print Envoy's resources by type, in proto3 JSON; secrets as references, never as values."""
    dumped: dict[str, Any] = {heading: [] for heading in SECTIONS.values()}
    for resource in lowered.resources:
        if resource.type_url in TYPES:
            dumped.setdefault("edge", {})[resource.name] = _edge(resource)
            continue
        heading = SECTIONS[resource.type_url.rpartition("/")[2]]
        dumped[heading].append(to_json(resource.message))
    if not dumped["runtime"]:
        del dumped["runtime"]  # most policies set no keys
    dumped["secrets"] = [
        {"name": ref.name, "kind": ref.kind.value, "sources": list(ref.sources)}
        for ref in lowered.secrets
    ]
    return dumped


def dump_resource(resource: Resource) -> Any:
    """Print one resource: Envoy's in proto3 JSON, the edge's as what it holds."""
    return _edge(resource) if resource.type_url in TYPES else to_json(resource.message)


def _edge(resource: Resource) -> Any:
    """Print what the edge is served; keys by the beginnings of their digests."""
    body = cast("Any", resource.message).body
    if resource.type_url in (RULES, PROCESSING):
        return msgspec.json.decode(body)
    table = KeyTable().with_shards({resource.name: body})
    return [{"sha256": f"{digest.hex()[:12]}...", **plain(key)} for digest, key in table]


def dump_groups(fleet: Fleet) -> list[dict[str, Any]]:
    """Print what each group of nodes is served, by name, in the order in which they are tried.

    Routes are called as in the plan; secrets by where they lie, never by value.
    """
    return [
        {
            "group": build.group.name,
            "nodes": str(build.group.nodes),
            "identity": list(build.group.identity),
            "listeners": list(build.group.listeners),
            "routes": list(build.group.routes),
            "clusters": list(build.snapshot.of(CLUSTER).by_name),
            "secrets": [ref.name for ref in build.lowered.secrets],
        }
        for build in fleet
    ]


def dump_snapshot(taken: Snapshot) -> dict[str, Any]:
    """Print the versions (content hashes) of the snapshot and of each resource in it."""
    return {
        "version": taken.version,
        "resources": {
            url.rpartition("/")[2]: {name: item.version for name, item in of.by_name.items()}
            for url, of in sorted(taken.types.items())
        },
    }


def _duration(value: timedelta) -> str:
    micros = value // timedelta(microseconds=1)
    for unit, size in (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)):
        if micros and micros % size == 0:
            return f"{micros // size}{unit}"
    return f"{micros}us" if micros else "0s"
