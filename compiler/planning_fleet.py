"""The fleet's part of the plan: groups, the rollout, the runtime; and what no group is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.linking.findings import Findings
from compiler.linking.linked import Linked
from compiler.narrow import everything, narrow
from compiler.plan import Listener, Plan, Service
from compiler.plan_fleet import WHOLE, NodeGroup, Rollout, Runtime
from compiler.plan_llm import Provider
from compiler.source import Path
from policies.base import Place
from policies.registry import find
from policies.secret import SecretKind, SecretRef


def plan_groups(linked: Linked) -> tuple[NodeGroup, ...]:
    """Plan the groups, in the order in which a node is held against them."""
    return tuple(
        NodeGroup(
            name=group.name,
            nodes=group.nodes,
            identity=tuple(sorted(set(linked.document.groups[group.name].identity))),
            listeners=group.listeners,
            routes=group.routes,
            at=linked.locate(group.path),
        )
        for group in linked.groups
    )


def plan_rollout(linked: Linked) -> Rollout | None:
    """Plan the rollout; after the canary come all nodes, unless more waves are written."""
    written = linked.document.rollout
    if written is None:
        return None
    return Rollout(
        canary=written.canary,
        then=written.then or (WHOLE,),
        hold=written.hold,
        max_errors=written.max_errors,
        deadline=written.deadline,
        at=linked.locate(("rollout",)),
    )


def plan_runtime(linked: Linked) -> Runtime | None:
    """Plan the runtime keys, where there are any."""
    values = tuple(sorted(linked.document.runtime.items()))
    ttl = linked.document.defaults.runtime_ttl
    return Runtime(values, linked.locate(("runtime",)), ttl) if values else None


def check_given(plan: Plan, findings: Findings) -> None:
    """Warn of secrets that something needs, but no node is given, for that is in no group."""
    if not plan.groups:
        return
    given = {ref for group in plan.groups for ref, _ in _secrets(narrow(plan, group))}
    # What not even the whole gateway reaches is told of as unused.
    for ref, path in _secrets(narrow(plan, everything(plan))):
        if ref not in given:
            given.add(ref)
            findings.warning(
                "secret-without-group",
                f"no node is given `{ref.sources[-1]}`: what needs it is in no group",
                path,
                hint="add to a group what leads there, or remove it",
            )


def _secrets(plan: Plan) -> Iterator[tuple[SecretRef, Path]]:
    """Give all keys of a plan with their places; trusted roots are no secrets."""
    for provider in plan.providers:
        if provider.key is not None:
            yield provider.key, ("providers", provider.name, "key")
    places: tuple[tuple[Place, str, Iterable[Listener | Service | Provider]], ...] = (
        (Place.LISTENER, "listeners", plan.listeners),
        (Place.SERVICE, "services", plan.services),
        (Place.PROVIDER, "providers", plan.providers),
    )
    for place, section, things in places:
        for thing in things:
            for applied in thing.policies:
                for ref in find(place, applied.kind).secrets(applied.plan):
                    if ref.kind is not SecretKind.TRUST:
                        yield ref, (section, thing.name, applied.kind)
