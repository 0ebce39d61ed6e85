"""What a worker has decided, as metrics, and faults of its stores, told once in a while."""

from __future__ import annotations

import logging
import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from ext_authz.process.outcome import Outcome

_log = logging.getLogger("gatewright.edge")

_QUIET: Final = 10.0
"""Seconds between two lines of the log about the same fault."""


class Tally:
    """Counts; the labels are words of the program, never of a client."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._decisions = Counter(
            "gatewright_edge_decisions",
            "What was decided about requests.",
            ("outcome",),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "gatewright_edge_counters_seconds",
            "How long the counters took for a reservation.",
            buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
            registry=self.registry,
        )
        self._away = Counter(
            "gatewright_edge_counters_away",
            "Reservations for which the counters could not be reached.",
            registry=self.registry,
        )
        self._attempts = Counter(
            "gatewright_edge_attempts",
            "Attempts at providers that were seen, and what became of them.",
            ("mode", "outcome", "kind"),
            registry=self.registry,
        )
        self._redacted = Counter(
            "gatewright_edge_redacted",
            "Values that were taken out of requests.",
            ("detector",),
            registry=self.registry,
        )
        self._known: dict[str, Counter] = {}
        self._told: dict[str, float] = {}

    def decided(self, outcome: str) -> None:
        """Count a decision."""
        counter = self._known.get(outcome)
        if counter is None:
            counter = self._known[outcome] = self._decisions.labels(outcome)
        counter.inc()

    def attempted(self, outcome: Outcome) -> None:
        """Count an attempt at a provider."""
        what, kind = outcome.gate or "answered", outcome.failure
        if outcome.counted:
            what = "counted"
        elif outcome.refused:
            what, kind = "refused", outcome.refused
        elif outcome.failure:
            what = "failed"
        self._attempts.labels(outcome.mode, what, kind).inc()
        if outcome.reason:
            self._warn("a request was refused: %s", outcome.reason)
        for detector, count in outcome.redacted.items():
            self._redacted.labels(detector).inc(count)

    def counted(self, seconds: float) -> None:
        """Count a reservation, whether granted or refused."""
        self._seconds.observe(seconds)

    def away(self, reason: str) -> None:
        """Count a reservation that could not be made."""
        self._away.inc()
        self._warn("the counters are away: %s", reason)

    def _warn(self, text: str, reason: str) -> None:
        now = time.monotonic()
        if now - self._told.get(reason, -_QUIET) >= _QUIET:
            if len(self._told) > 100:
                self._told.clear()
            self._told[reason] = now
            _log.warning(text, reason)
