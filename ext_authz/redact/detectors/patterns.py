"""Detectors that a policy makes itself: patterns in RE2's syntax."""

from __future__ import annotations

import re
from typing import Final

import re2  # type: ignore[import-untyped] # it has no types

from ext_authz.redact.detector import REACH, Detector, Extent
from ext_authz.redact.errors import DetectorError

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
# What an anchor looks like, once escapes that are none and classes are out of the way.
_NO_ANCHOR: Final = re.compile(r"\\Q.*?\\E|\\[^AzQ]|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_ANCHOR: Final = re.compile(r"[\^$]|\\[Az]")


def pattern_detector(name: str, *patterns: str, reach: int = REACH) -> Detector:
    """Make a detector of patterns; the group `v`, if there is one, is the value.

    `reach` is how many characters a value has at most: so much of a streamed answer is held back
    where answers are scanned. Raises `DetectorError`.
    """
    check_name(name)
    if not patterns:
        raise DetectorError(f"{name}: no pattern is given")
    for pattern in patterns:
        try:
            compiled = re2.compile(pattern, _quiet())
        except re2.error as error:
            reason = error.args[0] if error.args else "not RE2 syntax"
            told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
            raise DetectorError(f"{name}: {told}") from None
        if compiled.search(b"") is not None:
            raise DetectorError(f"{name}: the pattern {pattern} matches nothing at all")
    return Detector(
        name,
        patterns,
        extent=Extent.FREE,
        reach=reach,
        gated=not any(_is_anchored(pattern) for pattern in patterns),
    )


def check_name(name: str) -> None:
    """Refuse a name that is no name of a detector: it becomes the label of placeholders."""
    if _NAME.fullmatch(name) is None:
        raise DetectorError(f"{name!r} is no name of a detector: lower-case letters, digits and _")


def _is_anchored(pattern: str) -> bool:
    return _ANCHOR.search(_NO_ANCHOR.sub("", pattern)) is not None


def _quiet() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options
