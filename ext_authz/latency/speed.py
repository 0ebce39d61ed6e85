"""How soon a group of targets begins to answer: an average of samples that grow old.

A sample weighs half as much after `HALF_LIFE` seconds, and all together never more than `MOST`, so
that a change shows within a few requests however many there were. When nothing has been heard for
long enough, the group is unknown again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

HALF_LIFE: Final = 30.0
"""Seconds in which a sample loses half of its weight."""
MOST: Final = 8.0
"""The most that all samples weigh: a new one counts for a ninth at least."""
LEAST: Final = 0.5
"""What they have to weigh for anything to be known: one sample is good for one half-life."""
FAILED: Final = 3.0
"""How many answers a failure counts as much as."""
_NOTHING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Speed:
    """What is known: weights of answers and failures, and the answers' times by weight, in ms.

    ``at`` is when the weights were these. ``score`` is in ms, lower is better: the mean time, by
    the square of the share of answers among all that was heard; infinite where nothing but
    failures was. It is good before ``until``. Times are in seconds since 1970.
    """

    answers: float = 0.0
    failures: float = 0.0
    ms: float = 0.0
    at: float = 0.0
    score: float = math.inf
    until: float = -math.inf


UNKNOWN: Final = Speed()


def answered(speed: Speed, ms: float, when: float, now: float) -> Speed:
    """Take up an answer that began after ``ms``; ``when`` it did, which may be a while ago."""
    weight = _weight(now - when)
    kept = _kept(speed, now)
    return _made(
        speed.answers * kept + weight, speed.failures * kept, speed.ms * kept + ms * weight, now
    )


def failed(speed: Speed, when: float, now: float) -> Speed:
    """Take up a failure."""
    kept = _kept(speed, now)
    failures = speed.failures * kept + FAILED * _weight(now - when)
    return _made(speed.answers * kept, failures, speed.ms * kept, now)


def _made(answers: float, failures: float, ms: float, now: float) -> Speed:
    total = answers + failures
    if total <= 0:
        return UNKNOWN
    if total > MOST:
        answers, failures, ms = (part * MOST / total for part in (answers, failures, ms))
        total = MOST
    score = math.inf
    if answers > _NOTHING:
        failing = total / answers
        score = ms / answers * failing * failing
    return Speed(answers, failures, ms, now, score, now + HALF_LIFE * math.log2(total / LEAST))


def _kept(speed: Speed, now: float) -> float:
    """The share of its weights that is left; a clock that was set back takes nothing away."""
    return _weight(now - speed.at)


def _weight(age: float) -> float:
    return math.exp2(-max(0.0, age) / HALF_LIFE)
