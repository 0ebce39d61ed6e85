"""The stage ``fleet``: what each group of nodes is served, made of its part of the plan alone.

A group's resources are not picked out of the whole gateway's, for those know of other groups
(which headers any provider sets, which hosts a listener has): they are lowered from the narrowed
plan, as if there were nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compiler.check import check
from compiler.diagnostic import Reporter
from compiler.lower import lower
from compiler.lower.lowered import Lowered
from compiler.narrow import everything, narrow
from compiler.plan import Plan
from compiler.plan_fleet import NodeGroup
from xds.snapshot import Snapshot, snapshot


@dataclass(frozen=True, slots=True)
class GroupBuild:
    """A group, and what its nodes are served; groups that get the same share the objects."""

    group: NodeGroup
    lowered: Lowered
    snapshot: Snapshot


Fleet = tuple[GroupBuild, ...]
"""The builds of all groups, in the order in which a node is held against them."""


def fleet(plan: Plan, lowered: Lowered, whole: Snapshot, reporter: Reporter) -> Fleet:
    """Build every group of the plan; ``lowered`` and ``whole`` are the whole gateway's.

    Without groups there is the one of all nodes, and nothing is made anew.
    """
    if not plan.groups:
        return (GroupBuild(everything(plan), lowered, whole),)
    made = {_content(plan): (lowered, whole)}
    builds = []
    for group in plan.groups:
        narrowed = narrow(plan, group)
        content = _content(narrowed)
        if content not in made:
            made[content] = _built(narrowed, reporter)
        builds.append(GroupBuild(group, *made[content]))
    return tuple(builds)


def _built(narrowed: Plan, reporter: Reporter) -> tuple[Lowered, Snapshot]:
    """Lower a narrowed plan; what was said of the whole gateway is not said again."""
    apart = Reporter()
    lowered = check(lower(narrowed, apart), apart)
    for diagnostic in apart.diagnostics:
        if diagnostic not in reporter.diagnostics:
            reporter.add(diagnostic)
    return lowered, snapshot(lowered.resources)


def _content(plan: Plan) -> tuple[Any, ...]:
    """Give the names by which two narrowed plans of one plan differ, if they do."""
    return (
        tuple((route.name, route.listeners) for route in plan.routes),
        *(
            tuple(one.name for one in section)
            for section in (plan.listeners, plan.services, plan.providers, plan.models)
        ),
    )
