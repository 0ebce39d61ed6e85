"""What became of one attempt, for the metrics: words and counts, never a value."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """``mode`` is `whole`, `gate` or `unknown`.

    ``refused`` is the kind of failure that was answered in the provider's place, and ``reason`` why
    where that is an operator's business. ``counted`` tells that tokens were counted here.
    ``failure`` is the kind of the answer's own failure, ``gate`` what a gate did (`opened`,
    `passed` or `failed`), ``redacted`` counts values by detector.
    """

    mode: str = "unknown"
    refused: str = ""
    reason: str = ""
    counted: bool = False
    failure: str = ""
    gate: str = ""
    redacted: dict[str, int] = field(default_factory=dict)
