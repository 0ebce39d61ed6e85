"""What was found, by detector and place: counts, and never a value."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any


@dataclasses.dataclass(slots=True)
class Audit:
    """Counts of one request and its answer.

    `found` is by detector and place (`messages[].content`), `restored` by detector.
    """

    found: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    answered: Counter[str] = dataclasses.field(default_factory=Counter)
    restored: Counter[str] = dataclasses.field(default_factory=Counter)

    def add(self, detector: str, place: str) -> None:
        """Count a value in the request."""
        self.found[detector, place] += 1

    def record(self) -> dict[str, Any]:
        """Write what a log may hold: `{"found": {"email": {"messages[].content": 2}}, ...}`."""
        found: dict[str, dict[str, int]] = {}
        for (detector, place), count in sorted(self.found.items()):
            found.setdefault(detector, {})[place] = count
        return {
            "found": found,
            "answered": dict(sorted(self.answered.items())),
            "restored": dict(sorted(self.restored.items())),
        }
