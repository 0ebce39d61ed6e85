"""Puts the sums of price versions together, exactly; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_PICO: Final = 1_000_000  # pico-USD a token: USD a million tokens
_NANO: Final = 1_000_000_000

Reprice = Callable[[tuple[str, str], int, int, int], int | None]
"""Nano-USD of (provider, model), input, output and cached tokens; None where nobody knows."""


@dataclass(slots=True)
class Sum:
    """What a group of requests used: tokens, and ``cost`` in nano-USD, by ``prices``.

    ``now`` is what it would cost by other prices, if they were asked for; ``unpriced`` counts the
    requests that these do not know.
    """

    requests: int = 0
    failed: int = 0
    estimated: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cost: int = 0
    prices: set[str] = field(default_factory=set)
    now: int = 0
    unpriced: int = 0

    def add(self, numbers: Sequence[int]) -> None:
        """Add one row's numbers, in the order of the fields."""
        (requests, failed, estimated, tokens_in, output, cached, reasoning, cost) = numbers
        self.requests += requests
        self.failed += failed
        self.estimated += estimated
        self.input += tokens_in
        self.output += output
        self.cached += cached
        self.reasoning += reasoning
        self.cost += cost


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums by group, in the groups' order, and of all of them."""

    groups: tuple[tuple[tuple[str | int, ...], Sum], ...]
    total: Sum


def totals(answer: Iterable[Sequence[Any]], dimensions: int, reprice: Reprice | None) -> Totals:
    """Put the rows of `query.sums` together; ``reprice`` needs provider and served as ``more``."""
    groups: dict[tuple[str | int, ...], Sum] = {}
    total = Sum()
    more = 0 if reprice is None else 2
    for line in answer:
        group = tuple(line[:dimensions])
        target = tuple(line[dimensions : dimensions + more])
        price, *dear = line[dimensions + more : dimensions + more + 3]
        numbers = [int(number) for number in line[dimensions + more + 3 :]]
        for one in (groups.setdefault(group, Sum()), total):
            one.add(numbers)
            if price:
                one.prices.add(version(price, *map(int, dear)))
            if reprice is not None:
                _reprice(one, reprice, (target[0], target[1]), numbers)
    return Totals(tuple(groups.items()), total)


def _reprice(one: Sum, reprice: Reprice, target: tuple[str, str], numbers: Sequence[int]) -> None:
    requests, _, _, tokens_in, output, cached, *_ = numbers
    if not tokens_in and not output:
        return
    now = reprice(target, tokens_in, output, cached)
    if now is None:
        one.unpriced += requests
    else:
        one.now += now


def version(source: str, tokens_in: int, output: int) -> str:
    """Name a version of a price: whose it is, and USD a million tokens in and out."""
    return f"{source} ({decimal(tokens_in, _PICO)}/{decimal(output, _PICO)})"


def usd(nano: int) -> str:
    """Write nano-USD as USD, exactly: at least two places, and no more than are needed."""
    return decimal(nano, _NANO, places=2)


def decimal(amount: int, unit: int, places: int = 0) -> str:
    """Write an amount of a power of ten's parts as a decimal, with no rounding."""
    digits = len(str(unit)) - 1
    whole, part = divmod(abs(amount), unit)
    fraction = f"{part:0{digits}}".rstrip("0").ljust(places, "0")
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
