"""Targets that take their time, requests that are sent to them, and a clock that is told the time.

What a target does is heard of when a request has ended, as in the usage log.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from ext_authz.latency.latencies import Latencies
from xds.edge.rules import Model

NOW = 1_800_000_000.0
A, B, C = "a/large", "b/large", "c/large"


def model(*groups: str | tuple[str, ...], name: str = "fast") -> Model:
    """A model whose groups are these targets, in order."""
    return Model(
        names=(name,),
        latency=tuple((one,) if isinstance(one, str) else one for one in groups),
    )


def line(target: str, ms: int, begun: float = NOW, **more: Any) -> bytes:
    """A line of the usage log: of an answer that began after ``ms`` and ended then."""
    provider, _, served = target.partition("/")
    members = {
        "id": "r-1",
        "time": datetime.fromtimestamp(begun, UTC).isoformat(timespec="milliseconds"),
        "model": "fast",
        "provider": provider,
        "served": served,
        "attempts": 1,
        "status": 200,
        "ms": ms,
        "first_ms": ms,
        "sent_ms": 0,
        **more,
    }
    return json.dumps({key: value for key, value in members.items() if value is not None}).encode()


@dataclass(slots=True)
class Traffic:
    """Requests one after another; ``takes`` tells how long a target takes in ms, None: it fails."""

    takes: dict[str, int | None]
    order: tuple[str, ...] = (A, B)
    now: float = NOW
    random: Random = field(default_factory=lambda: Random(11))
    latencies: Latencies = field(init=False)

    def __post_init__(self) -> None:
        self.latencies = Latencies(lambda: self.now, self.random.random)
        self.latencies.take({"fast": model(*self.order)})

    def send(self, count: int, every: float = 0.05) -> Mapping[str, int]:
        """Send requests, one each ``every`` seconds; tells how many were sent to each at first."""
        sent: Counter[str] = Counter()
        for _ in range(count):
            number = self.latencies.first("fast")
            assert number is not None
            first = self.order[number]
            sent[first] += 1
            self.latencies.hear(self._line(number, first))
            self.now += every
        return sent

    def _line(self, number: int, first: str) -> bytes:
        rest = [one for one in self.order if one != first]
        for attempts, target in enumerate((first, *rest), start=1):
            ms = self.takes[target]
            if ms is not None:
                # It has been going on for a moment before it is heard of.
                return line(target, ms, self.now - ms / 1_000, first=number, attempts=attempts)
        last = rest[-1]
        return line(last, 5, self.now, status=503, first=number, attempts=len(self.order))
