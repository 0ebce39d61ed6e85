"""How well the nodes' requests go, over a window of time: what a rollout and an operator ask.

Pure: `xds.lrs` feeds it with what Envoys report, and a clock is passed along.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 60.0
"""Seconds that a report counts for."""


@dataclass(frozen=True, slots=True)
class Load:
    """Requests to an upstream that ended, those of them that failed, and those still under way.

    Failed is what Envoy counts so: a 5xx answer, a reset, a connection that could not be had.
    """

    requests: int = 0
    errors: int = 0
    in_progress: int = 0

    @property
    def error_ratio(self) -> float | None:
        """Errors a request, 0 to 1; None where there was no request to tell by."""
        return self.errors / self.requests if self.requests else None

    def __add__(self, other: Load) -> Load:
        return Load(
            self.requests + other.requests,
            self.errors + other.errors,
            self.in_progress + other.in_progress,
        )


NO_LOAD: Final = Load()
_NOTHING: Final[Mapping[str, Load]] = {}

_Report = tuple[float, Mapping[str, Load]]


class LoadWindow:
    """The reports of late, by node. Times are seconds of any clock that does not go back."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._reports: dict[str, deque[_Report]] = {}

    def report(self, node: str, clusters: Mapping[str, Load], now: float) -> None:
        """Take what a node says of its clusters since its last report."""
        reports = self._reports.setdefault(node, deque())
        reports.append((now, dict(clusters)))
        self._expire(reports, now)

    def forget(self, node: str) -> None:
        """Forget a node that is gone; what it reported says nothing of who takes its place."""
        self._reports.pop(node, None)

    def of(self, node: str, now: float, *, since: float = float("-inf")) -> Load:
        """Sum up a node over the window, and not from before ``since``: a change's beginning."""
        reports = self._recent(node, now)
        ended = [one for at, clusters in reports if at > since for one in clusters.values()]
        return Load(
            sum(one.requests for one in ended),
            sum(one.errors for one in ended),
            sum(one.in_progress for one in self._last(reports).values()),
        )

    def by_cluster(self, now: float) -> dict[str, Load]:
        """Sum up all nodes by cluster."""
        total: dict[str, Load] = {}
        for node in list(self._reports):
            reports = self._recent(node, now)
            for _, clusters in reports:
                for name, one in clusters.items():
                    ended = Load(one.requests, one.errors)
                    total[name] = total.get(name, NO_LOAD) + ended
            for name, one in self._last(reports).items():
                total[name] = total.get(name, NO_LOAD) + Load(in_progress=one.in_progress)
        return total

    @property
    def nodes(self) -> frozenset[str]:
        """Who reports."""
        return frozenset(self._reports)

    @staticmethod
    def _last(reports: deque[_Report]) -> Mapping[str, Load]:
        return reports[-1][1] if reports else _NOTHING

    def _recent(self, node: str, now: float) -> deque[_Report]:
        reports = self._reports.get(node)
        if reports is None:
            return deque()
        self._expire(reports, now)
        return reports

    def _expire(self, reports: deque[_Report], now: float) -> None:
        while reports and reports[0][0] <= now - self._window:
            reports.popleft()
