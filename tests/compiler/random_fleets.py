"""Random gateways with random groups, and what each group may have, worked out from the text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from compiler.pipeline import compile_sources
from compiler.plan import Plan
from compiler.plan_fleet import NodeGroup
from compiler.read import sources_of
from xds.node_match import NodeMatch


@dataclass(frozen=True)
class RandomFleet:
    """A policy's text as a tree, its plan, and a group of its listeners and routes."""

    tree: dict[str, Any]
    plan: Plan
    group: NodeGroup

    def keys(self) -> set[str]:
        """The secrets that the group needs, by the names of their sources, read off the tree."""
        needed: set[str] = set()
        for name in self.group.listeners:
            needed |= _secrets(self.tree["listeners"][name])
        for route in self.tree["routes"]:
            standing = route.get("listeners", list(self.tree["listeners"]))
            if route["name"] not in self.group.routes or not {*standing} & {*self.group.listeners}:
                continue
            for branch in route.get("split", []):
                needed |= _secrets(self.tree["services"][branch["to"]])
            for model in route.get("models", []):
                for target in self.tree["models"][model]["targets"]:
                    needed |= _secrets(self.tree["providers"][target.partition("/")[0]])
        return needed

    def all_keys(self) -> set[str]:
        """Every secret of the policy."""
        return {
            key
            for section in ("listeners", "services", "providers")
            for thing in self.tree[section].values()
            for key in _secrets(thing)
        }


def _secrets(thing: dict[str, Any]) -> set[str]:
    tls = thing.get("tls", {})
    return {one for one in (thing.get("key"), tls.get("certificate"), tls.get("key")) if one}


def _tls(name: str) -> dict[str, Any]:
    return {"certificate": f"file:{name}.crt", "key": f"file:{name}.key"}


@st.composite
def random_fleets(draw: st.DrawFn) -> RandomFleet:
    """A right policy, and a group that may see any part of it."""

    def some(names: Any, least: int = 0) -> list[str]:
        return sorted(draw(st.sets(st.sampled_from(sorted(names)), min_size=least)))

    listeners = {
        f"l{n}": {"port": 8000 + n, "address": "127.0.0.1"}
        | ({"tls": _tls(f"l{n}")} if draw(st.booleans()) else {})
        for n in range(draw(st.integers(1, 3)))
    }
    services = {
        f"s{n}": {"endpoints": [draw(st.sampled_from((f"10.0.0.{n}:80", f"s{n}.internal:80")))]}
        | ({"tls": {"sni": "s", **_tls(f"s{n}")}} if draw(st.booleans()) else {})
        for n in range(draw(st.integers(1, 4)))
    }
    providers = {
        f"p{n}": {"api": "openai", "key": f"env:KEY_{n}_", "headers": {f"x-only-{n}": "1"}}
        for n in range(draw(st.integers(1, 4)))
    }
    models = {
        f"m{n}": {"targets": [f"{name}/gpt-{n}" for name in some(providers, 1)]}
        for n in range(draw(st.integers(1, 3)))
    }
    routes: list[dict[str, Any]] = []
    for n in range(draw(st.integers(1, 6))):
        route: dict[str, Any] = {"name": f"r{n}", "match": f"/r{n}"}
        if draw(st.booleans()):
            route["listeners"] = some(listeners, 1)
        if draw(st.booleans()):
            route["split"] = [{"to": name, "weight": 1} for name in some(services, 1)]
        else:
            route |= {"serve": "llm", "models": some(models, 1), "auth": "none"}
        routes.append(route)
    tree = {
        "gatewright": "v1",
        "name": "random",
        "listeners": listeners,
        "services": services,
        "providers": providers,
        "models": models,
        "routes": routes,
    }
    compiled = compile_sources(sources_of({"gateway.yaml": json.dumps(tree)}), until="plan")
    assert compiled.ok, compiled.diagnostics
    names = [route["name"] for route in routes]
    group = NodeGroup(
        "group", NodeMatch(cluster="edge"), (), tuple(some(listeners)), tuple(some(names)), None
    )
    return RandomFleet(tree, compiled.plan, group)
