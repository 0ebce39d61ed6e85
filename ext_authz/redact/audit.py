"""What was found, by detector and place: counts, and never a value."""

from __future__ import annotations

from typing import Any

import msgspec


class Audit(msgspec.Struct):
    """Counts of one request and its answer.

    `found` is by detector and place (`messages[].content`), `restored` by detector.
    """

    found: dict[tuple[str, str], int] = {}
    answered: dict[str, int] = {}
    restored: dict[str, int] = {}

    def add(self, detector: str, place: str) -> None:
        """Count a value in the request."""
        self.found[detector, place] = self.found.get((detector, place), 0) + 1

    def add_answered(self, detector: str) -> None:
        """Count a value that the model said."""
        self.answered[detector] = self.answered.get(detector, 0) + 1

    def add_restored(self, detector: str) -> None:
        """Count a value that was put back."""
        self.restored[detector] = self.restored.get(detector, 0) + 1

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
