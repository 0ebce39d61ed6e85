"""In which order a model's groups of targets are tried for one request.

As they are written, but where the first is chosen by a body's size (four bytes a token, less what
is reserved for the answer) or by who lately began to answer first. A cheapest first, and shares,
are in the plan's order and weights already.
"""

from __future__ import annotations

from math import inf
from typing import Final

from compiler.decide.telling import Draw
from compiler.decide.world import World
from compiler.plan_llm import Choice, Group, Model, Target

_BYTES_A_TOKEN: Final = 4


def ordered(model: Model, size: int, world: World) -> tuple[Group, ...]:
    """Give the groups in the order in which they are tried for a body of ``size`` bytes."""
    groups = model.groups
    if len(groups) < 2:
        return groups
    if model.choice is Choice.LATENCY and not world.edge_away:
        first = _fastest(groups, world)
        return (groups[first], *groups[:first], *groups[first + 1 :])
    if model.choice is Choice.CONTEXT:
        return groups[_fitting(model, size) :]
    return groups


def drawn(group: Group, draw: Draw) -> Target:
    """Draw a target of a group by its weights; where there is one, nothing is drawn."""
    if len(group.targets) == 1:
        return group.targets[0]
    total = sum(target.weight for target in group.targets)
    at = draw() * total
    for target in group.targets:
        at -= target.weight
        if at < 0:
            return target
    return next(one for one in reversed(group.targets) if one.weight)


def called(group: Group) -> str:
    """Name a group by its targets."""
    return " or ".join(f"`{target.provider}/{target.model}`" for target in group.targets)


def _fastest(groups: tuple[Group, ...], world: World) -> int:
    """Whoever is not known comes first, to be found out; then the fastest."""
    best, least = 0, inf
    for number, group in enumerate(groups):
        names = [f"{target.provider}/{target.model}" for target in group.targets]
        known = [world.latencies[name] for name in names if name in world.latencies]
        if not known:
            return number if world.latencies else 0
        if min(known) < least:
            best, least = number, min(known)
    return best


def _fitting(model: Model, size: int) -> int:
    """The first group that a body fits; the largest where it fits none."""
    largest, most = 0, -1
    for number, group in enumerate(model.groups):
        windows = [target.window for target in group.targets]
        if any(window is None for window in windows):
            # Whoever comes so far has outgrown all that are known.
            return number
        fits = max(0, min(window or 0 for window in windows) - model.output) * _BYTES_A_TOKEN
        if size < fits:
            return number
        if fits > most:
            largest, most = number, fits
    return largest
