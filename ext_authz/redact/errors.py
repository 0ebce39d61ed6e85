"""What redaction refuses, and why; no message ever shows a value.

RedactionError
+-- MalformedError     the body is no JSON, or JSON that cannot be read through
+-- TooMuchError       a cap is passed: depth, size, number of findings
+-- BlockedError       a value was found whose detector says `block`
+-- DetectorError      a pattern or a word list that cannot be used; said when rules are made
"""

from __future__ import annotations


class RedactionError(Exception):
    """A request or an answer that does not go on; `status` is what the client is told."""

    status = 400


class MalformedError(RedactionError):
    """What cannot be read cannot be redacted, so it does not go on."""


class TooMuchError(RedactionError):
    """More than the caps allow, so it does not go on."""

    status = 413


class BlockedError(RedactionError):
    """A value that must not leave; tells the detector and the place, never the value."""

    def __init__(self, detector: str, place: str) -> None:
        super().__init__(f"{place} holds what looks like {detector}, which may not be sent")
        self.detector = detector
        self.place = place


class DetectorError(RedactionError):
    """A detector that cannot be made: a pattern that RE2 does not read, an empty word list."""
