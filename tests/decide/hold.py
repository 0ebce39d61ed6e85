"""Holds `decide` to the real Envoy: `python -m tests.decide.hold rest --plans 1000 --pairs 20`.

Prints counts, run time and every difference; ends with 1 where there is any.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from random import SystemRandom
from typing import Any

from tests.decide import llm_pairs, rest_pairs
from tests.decide.llm_policies import FLAVOURS

KINDS: dict[str, Callable[..., Any]] = {
    "heads": rest_pairs.compare_heads,
    "rest": rest_pairs.compare,
    "llm": llm_pairs.compare,
    **{one: partial(llm_pairs.compare, flavours=(one,)) for one in FLAVOURS},
}


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def main() -> int:
    """Run one kind of pairs."""
    parser = argparse.ArgumentParser(prog="python -m tests.decide.hold", description=__doc__)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--plans", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=20, help="requests to each plan")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1 << 31))
    given = parser.parse_args()
    began = time.monotonic()
    result = KINDS[given.kind](given.seed, given.plans, given.pairs)
    took = time.monotonic() - began
    for one in result.differences:
        say(one)
    say(
        f"{given.kind}: seed {given.seed}, {result.plans} plans, {result.pairs} pairs, "
        f"{len(result.differences)} differences, {took:.0f} s"
    )
    for sort, count in sorted(result.sorts.items()):
        say(f"  {count:6} {sort}")
    return 1 if result.differences else 0


if __name__ == "__main__":
    sys.exit(main())
