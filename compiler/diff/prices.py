"""What a model's tokens cost: by its first targets, and at each target that it may come to."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from compiler.diff.change import NOTHING, Area, Change, Severity
from compiler.diff.models import same_targets, target_name
from compiler.diff.sides import Sides, at, paired
from compiler.plan_llm import Model, Price

_USD = 1_000_000
"""Pico-USD a token in one USD a million tokens."""


class Rate(NamedTuple):
    """What tokens cost on the average, in pico-USD a token: input, output, and cached input."""

    input: Fraction
    output: Fraction
    cached: Fraction


def rate_of(price: Price) -> Rate:
    """The rate of one target."""
    cached = price.input if price.cached_input is None else price.cached_input
    return Rate(Fraction(price.input), Fraction(price.output), Fraction(cached))


def first_rate(model: Model) -> Rate | None:
    """What a model costs while its first targets answer; None where a price is not known."""
    targets = model.groups[0].targets
    whole = sum(one.weight for one in targets)
    sums = [Fraction(0)] * 3
    for one in targets:
        if one.price is None:
            return None
        for place, part in enumerate(rate_of(one.price)):
            sums[place] += part * one.weight / whole
    return Rate(*sums)


def prices(sides: Sides) -> Iterator[Change]:
    """Yield what tokens of each model cost from now on, and prices of targets that changed."""
    for had, has in paired(sides.before.models, sides.after.models)[0]:
        old, new = first_rate(had), first_rate(has)
        if old != new:
            alike = old is not None and new is not None and old[:2] == new[:2]
            before, after = rate_said(old, cached=alike), rate_said(new, cached=alike)
            tail = "" if alike else _times(old, new)
            yield Change(
                Area.COST,
                Severity.NEUTRAL,
                f"model `{had.name}`",
                f"costs {before} -> {after} USD per 1M tokens in/out{tail}",
                before,
                after,
                sides.models([had.name]),
                at(*had.groups[0].targets),
                at(*has.groups[0].targets),
            )
        told = 0 if old == new else len(has.groups[0].targets)
        firsts = {target_name(one) for one in has.groups[0].targets} if told else set()
        for one, other in same_targets(had, has):
            if one.price != other.price and target_name(one) not in firsts:
                yield _target(had.name, target_name(one), one.price, other.price)


def _target(model: str, target: str, old: Price | None, new: Price | None) -> Change:
    before, after = _price(old), _price(new)
    return Change(
        Area.COST,
        Severity.NEUTRAL,
        f"{target} of model `{model}`",
        f"costs {before} -> {after} USD per 1M tokens in/out",
        before,
        after,
        NOTHING,
    )


def _price(price: Price | None) -> str:
    if price is None:
        return "not known"
    cached = "" if price.cached_input is None else f" (cached {usd(Fraction(price.cached_input))})"
    rate = f"{usd(Fraction(price.input))}/{usd(Fraction(price.output))}"
    return f"{rate}{cached} by {price.source}"


def rate_said(rate: Rate | None, *, cached: bool = False) -> str:
    """Say a rate as `0.15/0.6`, in USD per million tokens in and out; that of cached input too."""
    if rate is None:
        return "not known"
    return f"{usd(rate.input)}/{usd(rate.output)}" + (
        f" (cached {usd(rate.cached)})" if cached else ""
    )


def usd(pico: Fraction) -> str:
    """Write pico-USD a token as USD a million tokens, with as many places as mean something."""
    value = pico / _USD
    places = 2 if value >= 1 or value == 0 else 4
    text = f"{float(value):.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text and places > 2 else text


def _times(old: Rate | None, new: Rate | None) -> str:
    if old is None or new is None:
        return ""
    one, other = old.input + old.output, new.input + new.output
    if not one or not other:
        return " (free now)" if one else " (free before)"
    ratio = float(other / one)
    return f" ({ratio:.3g} times)" if ratio >= 2 else f" ({100 * (ratio - 1):+.3g} %)"
