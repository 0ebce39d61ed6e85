"""How long to wait before a source is asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LONGEST: Final = 300.0
_SPREAD: Final = 0.1


def pause(every: float, failures: int, chance: Callable[[], float]) -> float:
    """Give the seconds to wait after so many failures in a row.

    ``chance`` gives numbers from 0 to 1. Replicas that were started together do not ask together:
    a tenth more or less while all is well. After failures the time doubles, up to five minutes
    (or ``every``, where that is longer), and any part of the upper half of it is taken.
    """
    if failures <= 0:
        return every * (1 - _SPREAD + 2 * _SPREAD * chance())
    most = max(every, LONGEST)
    doubled = min(every * 2.0 ** min(failures - 1, 30), most)
    return doubled * (0.5 + 0.5 * chance())
