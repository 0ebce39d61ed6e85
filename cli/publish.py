"""From a compilation to what the control plane serves: all to one node, or groups to a fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from compiler.pipeline import Compiled
    from compiler.plan_fleet import Rollout
    from xds.lane import Build
    from xds.plane import ControlPlane, Published
    from xds.wave import Strategy

    Publish = Callable[["ControlPlane", "Compiled", str], Awaitable["Published"]]
    """Publishes a compilation that is of a revision of its source."""


async def whole(plane: ControlPlane, compiled: Compiled, revision: str) -> Published:
    """Serve the whole gateway to every node at once, whatever groups the policy names."""
    return await plane.publish(compiled.snapshot, compiled.lowered.secrets, revision=revision)


async def by_group(plane: ControlPlane, compiled: Compiled, revision: str) -> Published:
    """Serve each group of the policy its part, wave by wave where the policy says so."""
    return await plane.publish_fleet(
        builds(compiled), strategy(compiled.plan.rollout), revision=revision
    )


def builds(compiled: Compiled) -> tuple[Build, ...]:
    """Give what each group is served, in the order in which a node is held against them."""
    from xds.lane import Build

    return tuple(
        Build(
            name=one.group.name,
            nodes=one.group.nodes,
            snapshot=one.snapshot,
            secrets=tuple(one.lowered.secrets),
            identity=one.group.identity,
        )
        for one in compiled.fleet
    )


def strategy(rollout: Rollout | None) -> Strategy | None:
    """Give a policy's rollout in the control plane's units."""
    from xds.wave import Strategy

    if rollout is None:
        return None
    return Strategy(
        waves=rollout.waves,
        hold=rollout.hold.total_seconds(),
        deadline=rollout.deadline.total_seconds(),
        max_errors=rollout.max_errors,
    )
