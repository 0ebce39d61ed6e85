"""The Envoy routes of one operation for one model: in which order targets are tried, and for whom.

Mostly there is one. Where streams of native targets pass a gate they have a route of their own, so
that plain requests meet no edge; and where the first target is chosen by a request's size or by who
answers soonest, there is a route for each target that may be the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.lower.llm.names import route_name
from compiler.needs import Needs, gated
from compiler.plan import Route
from compiler.plan_llm import Choice, Endpoint, Group, Model

BYTES_A_TOKEN = 4
"""How many bytes of a body are taken for a token, where a prompt's size decides."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One Envoy route, by its name.

    ``groups`` are tried in this order. ``stream`` is whether it is for streams alone. ``first`` is
    the number of the group (from 0) that the edge has to have named for this route, None where it
    need not. ``below`` is the size in bytes that a body must stay under, None for any. ``chosen``
    is the target that the choice made the first, as logs tell it, or empty.
    """

    name: str
    groups: tuple[Group, ...]
    stream: bool = False
    first: int | None = None
    below: int | None = None
    chosen: str = ""


def variants(route: Route, endpoint: Endpoint, model: Model, needs: Needs) -> Iterator[Variant]:
    """Yield them in the order in which they are tried; the last one has no conditions."""
    name = route_name(route.name, endpoint, model.name)
    held = gated(model, endpoint)
    for order in orders(model):
        native = held and any(
            not needs.at(route, endpoint, model, target)
            for group in order.groups[: model.fallback.attempts][:-1]
            for target in group.targets
        )
        for stream in (True, False) if native else (False,):
            told = (*order.told, "stream") if stream else order.told
            yield Variant(
                name=f"{name}?{'&'.join(told)}" if told else name,
                groups=order.groups,
                stream=stream,
                first=order.first,
                below=order.below,
                chosen=order.chosen,
            )


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a model's groups, and for which requests it is, as of `Variant`."""

    groups: tuple[Group, ...]
    told: tuple[str, ...] = ()
    first: int | None = None
    below: int | None = None
    chosen: str = ""


def orders(model: Model) -> Iterator[Order]:
    """Yield the orders in which the groups of a model may be tried; the last has no conditions."""
    groups = model.groups
    if len(groups) > 1 and model.choice is Choice.LATENCY:
        for number in range(1, len(groups)):
            order = (groups[number], *groups[:number], *groups[number + 1 :])
            yield Order(order, (f"first={number}",), first=number, chosen=_called(groups[number]))
        yield Order(groups, chosen=_called(groups[0]))
    elif len(groups) > 1 and model.choice is Choice.CONTEXT:
        yield from _by_size(model)
    else:
        yield Order(groups)


def _by_size(model: Model) -> Iterator[Order]:
    """A body that is too large for the first window starts at the next that is larger."""
    fits = [_largest_body(group, model.output) for group in model.groups]
    reached = 0
    starts: list[tuple[int, int | None]] = []
    for start, below in enumerate(fits):
        if below is not None and below <= reached:
            continue  # whoever comes so far does not fit here either
        starts.append((start, below))
        if below is None:
            break
        reached = below
    starts = starts or [(len(fits) - 1, None)]
    for place, (start, below) in enumerate(starts):
        groups = model.groups[start:]
        chosen = _called(groups[0])
        if place == len(starts) - 1:
            told = (f"from={start}",) if start else ()
            yield Order(groups, told, chosen=chosen)
        else:
            yield Order(groups, (f"below={below}",), below=below, chosen=chosen)


def _largest_body(group: Group, output: int) -> int | None:
    """The size under which a body fits all targets of a group; None where any may do."""
    windows = [target.window for target in group.targets]
    known = [window for window in windows if window is not None]
    if len(known) < len(windows):
        return None
    return max(0, min(known) - output) * BYTES_A_TOKEN


def _called(group: Group) -> str:
    return "|".join(f"{target.provider}/{target.model}" for target in group.targets)
