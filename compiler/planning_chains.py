"""The order in which a model's groups are tried, and the windows that a prompt meets on its way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from compiler.linking.findings import Findings
from compiler.linking.linked import LinkedModel
from compiler.plan_llm import Choice, Group, Price, Target, Trigger
from compiler.source import Path

T = TypeVar("T")

Placed = tuple[Group, tuple[Path, ...]]
"""A group with the places of its targets, in the order of `Group.targets`."""


def ordered(
    model: LinkedModel, groups: Iterable[Placed], choice: Choice, findings: Findings
) -> list[Placed]:
    """Put groups in the order in which they are tried; what cannot be told is an error.

    By `cost`, the mean price of a group's shares decides, three parts input to one of output; by
    `context` its smallest window. Equals keep the order of the text.
    """
    found = list(groups)
    if choice is Choice.COST and _all_known(
        model, found, choice, "price", "price-unknown", findings
    ):
        return sorted(found, key=lambda placed: _cost(placed[0]))
    if choice is Choice.CONTEXT and _all_known(
        model, found, choice, "window", "window-unknown", findings
    ):
        return sorted(found, key=lambda placed: min(one.window or 0 for one in placed[0].targets))
    return found


def check_windows(
    model: LinkedModel,
    groups: Iterable[Placed],
    choice: Choice,
    on: tuple[Trigger, ...],
    findings: Findings,
) -> None:
    """Refuse a way from a larger window to a smaller one, unless the prompt is made to fit.

    A prompt on its way is no larger than the first group's window, or than any that it exceeded.
    """
    fallback = model.document.fallback
    exceeds = Trigger.CONTEXT_EXCEEDED in on
    others = any(trigger is not Trigger.CONTEXT_EXCEEDED for trigger in on)
    must_fit = others and fallback.trim is None and choice is not Choice.CONTEXT
    largest: tuple[int, Path] | None = None
    least: tuple[int, Path] | None = None
    for place, (group, paths) in enumerate(groups):
        known = [(t.window, at, t) for t, at in zip(group.targets, paths, strict=True) if t.window]
        if place >= (fallback.attempts or place + 1):
            return
        for window, at, target in known if place else ():
            named = f"`{target.provider}/{target.model}` holds {window:,} tokens"
            if must_fit and largest is not None and window < largest[0]:
                findings.error(
                    "smaller-context",
                    f"{named}, and prompts of up to {largest[0]:,} come to it",
                    at,
                    f"{window:,} tokens",
                    labels=[(largest[1], f"{largest[0]:,} tokens")],
                    hint="write `trim: oldest` in `fallback`, `choose: context`, or a target "
                    "with as large a window",
                )
                continue
            if exceeds and least and window <= least[0]:
                findings.warning(
                    "context-not-larger",
                    f"{named}, and a prompt that exceeds {least[0]:,} goes to it",
                    at,
                    f"{window:,} tokens",
                    labels=[(least[1], f"{least[0]:,} tokens")],
                    hint="try a model with a larger context window next, or drop "
                    "`context_exceeded`",
                )
        whole = len(known) == len(group.targets)
        least = min(((w, at) for w, at, _ in known), default=None) if whole else None
        if known and (place == 0 or exceeds):
            here = max((w, at) for w, at, _ in known)
            largest = here if largest is None or here[0] > largest[0] else largest


def check_trim(model: LinkedModel, groups: Iterable[Group], findings: Findings) -> None:
    """Warn of targets whose window nobody knows, where prompts are to be made to fit."""
    if model.document.fallback.trim is None:
        return
    unknown = [one for group in groups for one in group.targets if one.window is None]
    if unknown:
        name = f"{unknown[0].provider}/{unknown[0].model}"
        findings.warning(
            "idle-trim",
            f"nobody knows how many tokens `{name}` holds: nothing is dropped for it",
            (*model.path, "fallback", "trim"),
            hint=f"write `{{ to: {name}, context: 128k tokens }}`",
        )


def _all_known(
    model: LinkedModel,
    groups: list[Placed],
    choice: Choice,
    what: str,
    code: str,
    findings: Findings,
) -> bool:
    good = True
    for group, paths in groups:
        for target, path in zip(group.targets, paths, strict=True):
            if getattr(target, what) is None:
                good = False
                name = f"{target.provider}/{target.model}"
                findings.error(
                    code,
                    f"model `{model.name}` chooses by {choice}, and nobody knows "
                    + (f"what `{name}` costs" if what == "price" else f"how much `{name}` holds"),
                    (*path, "to"),
                    f"its {'price' if what == 'price' else 'context window'} is not known",
                    labels=[((*model.path, "choose"), "because of this")],
                    hint=f"add `prices: {{ {name}: {{ input: .., output: .. }} }}`"
                    if what == "price"
                    else f"write `{{ to: {name}, context: 128k tokens }}`",
                )
    return good


def _cost(group: Group) -> float:
    """The mean of what a group's shares cost, in parts of pico-USD; all prices are known."""
    parts = [(_price(target), target.weight) for target in group.targets]
    return sum(price * weight for price, weight in parts) / sum(weight for _, weight in parts)


def _price(target: Target) -> int:
    price: Price | None = target.price
    return 0 if price is None else 3 * price.input + price.output
