"""A detector: how one kind of value is found in text.

Text is UTF-8 bytes, because RE2 counts in bytes; a span is `(start, end)` in it. A `Detector` is
data, which the scanner compiles: its patterns together in one gate with all others, and alone,
to find where. Whatever is no pattern (a named-entity model) implements `Finder`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, Protocol, TypeAlias

Span: TypeAlias = tuple[int, int]
Check: TypeAlias = Callable[[bytes, int, int], bool]
"""Whether what a pattern found, at `start` to `end` of a text, is the value it looks like."""
Pick: TypeAlias = Callable[[bytes, int, int], Iterable[Span]]
"""Where in what a pattern found the values are: a run of digits may hold several numbers."""

REACH: Final = 128
"""How long a value of a pattern is taken to be at most, where nobody has said."""


class Extent(Enum):
    """How far a value may extend, which tells how much of a stream must be held back.

    WORD: it holds no white space. DIGITS: white space only between digits and capitals.
    BLOCK: from a `-----BEGIN` to its end. FREE: any characters, at most `reach` of them.
    """

    WORD = "word"
    DIGITS = "digits"
    BLOCK = "block"
    FREE = "free"


@dataclasses.dataclass(frozen=True, slots=True)
class Detector:
    """One kind of value.

    The group `v` of a pattern is the value, the whole match where there is
    no such group. `check` and `pick` see the value's span; a value that fails is not found.

    `gated` is False where a pattern looks at the beginning or end of its text: the gate sees the
    whole body at once, so it cannot ask for such a pattern.
    """

    name: str
    patterns: tuple[str, ...]
    check: Check | None = None
    pick: Pick | None = None
    picks_all: bool = False
    extent: Extent = Extent.WORD
    reach: int = REACH
    gated: bool = True


class Finder(Protocol):
    """Finds values by other means than patterns; it is asked about every text."""

    @property
    def name(self) -> str:
        """The name that rules and the audit call it by."""

    def find(self, text: bytes) -> Iterable[Span]:
        """Return the spans of the values in a text."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A value's span in its text, and the detector that found it."""

    start: int
    end: int
    name: str


def merged(findings: list[Finding]) -> list[Finding]:
    """Join findings that overlap, in order of their places; the longest one gives the name.

    Of two that overlap in part neither can be dropped: a piece of a value would go on.
    """
    if len(findings) < 2:
        return findings
    result: list[Finding] = []
    longest = 0
    for found in sorted(findings, key=lambda one: (one.start, -one.end)):
        if result and found.start < result[-1].end:
            last = result[-1]
            size = found.end - found.start
            name = found.name if size > longest else last.name
            longest = max(longest, size)
            result[-1] = Finding(last.start, max(last.end, found.end), name)
        else:
            result.append(found)
            longest = found.end - found.start
    return result


def stands_alone(text: bytes, start: int, end: int) -> bool:
    """Whether no letter, digit or underscore of any script touches the span."""
    before = _last_character(text, start)
    after = _first_character(text, end)
    return not (before == "_" or after == "_" or before.isalnum() or after.isalnum())


def _last_character(text: bytes, end: int) -> str:
    return text[max(0, end - 4) : end].decode("utf-8", "ignore")[-1:]


def _first_character(text: bytes, start: int) -> str:
    return text[start : start + 4].decode("utf-8", "ignore")[:1]
