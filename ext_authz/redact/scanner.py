"""Finds values in text: one gate that tells in microseconds that nothing is there, then where.

The gate is an RE2 set of all patterns: one pass of one automaton over the text, whatever their
number. Only the patterns that it names are searched one by one. They are kept apart, because a
match that fails its check must not hide another pattern's at the same place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import re2  # type: ignore[import-untyped] # it has no types

from ext_authz.redact.detector import Detector, Extent, Finder, Finding, Span, merged
from ext_authz.redact.errors import DetectorError, TooMuchError

_MEMORY: Final = 64 << 20
_MOST_CANDIDATES: Final = 100_000
"""Matches that fail their check, in one text: each costs microseconds."""
_PROBE: Final = "\x01gate\x01"

Hits = Sequence[int]
"""Numbers of patterns that may match, as the gate gives them."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Search:
    detector: Detector
    search: Any  # `search(text, at)` of the compiled pattern
    group: int


class Scanner:
    """Compiled detectors. Making one takes milliseconds, or more for a long list of words."""

    def __init__(self, detectors: Iterable[Detector | Finder]) -> None:
        self._searches: list[_Search] = []
        self._always: list[int] = []
        self._finders: list[Finder] = []
        self.detectors: list[Detector] = []
        self._gated: list[int] = []
        self._gate = re2.Set.SearchSet(_options(capture=False))
        for detector in detectors:
            if isinstance(detector, Detector):
                self._add(detector)
            else:
                self._finders.append(detector)
        self._gate.Add(_PROBE)
        self._gate.Compile()
        # A set whose automaton does not fit finds nothing and raises nothing.
        if not self._gate.Match(_PROBE.encode()):
            raise DetectorError("the patterns are too large for one automaton")
        self.all_hits: Hits = range(len(self._searches))
        self.is_always = bool(self._always or self._finders)
        self.has_finders = bool(self._finders)

    def _add(self, detector: Detector) -> None:
        self.detectors.append(detector)
        for pattern in detector.patterns:
            compiled = re2.compile(pattern, _options(capture=True))
            group = compiled.groupindex.get("v", 0)
            number = len(self._searches)
            self._searches.append(_Search(detector, compiled.search, group))
            if detector.gated:
                self._gate.Add(pattern)
                self._gated.append(number)
            else:
                self._always.append(number)

    def gate(self, text: bytes) -> list[int]:
        """Tell which patterns may match; those that cannot be asked for are always among them."""
        matched = self._gate.Match(text)
        if not matched:
            return self._always
        # In the order of the rules: of two detectors that find the same, the first names it.
        return sorted(
            [self._gated[number] for number in matched if number < len(self._gated)] + self._always
        )

    def find(self, text: bytes, hits: Hits | None = None) -> list[Finding]:
        """Find all values, in order, none overlapping; `hits` limits the patterns tried."""
        found: list[Finding] = []
        for number in self.gate(text) if hits is None else hits:
            one = self._searches[number]
            name = one.detector.name
            found += [Finding(start, end, name) for start, end in _spans(one, text)]
        for finder in self._finders:
            found += [Finding(start, end, finder.name) for start, end in finder.find(text)]
        return merged(found)

    @property
    def extents(self) -> frozenset[Extent]:
        """How far values may extend."""
        return frozenset(detector.extent for detector in self.detectors)


def _spans(one: _Search, text: bytes) -> Iterator[Span]:
    detector, at, tried = one.detector, 0, 0
    check, pick = detector.check, detector.pick
    while (match := one.search(text, at)) is not None:
        start, end = match.span(one.group)
        if start < 0:  # the group took no part in the match
            start, end = match.span()
        if pick is not None:
            spans = list(pick(text, start, end))
            yield from spans
            at = spans[-1][1] if spans else match.start() + 1
            if detector.picks_all:
                at = end
        elif check is None or check(text, start, end):
            yield start, end
            at = max(end, match.start() + 1)
        else:
            at = match.start() + 1
        tried += 1
        if tried > _MOST_CANDIDATES:
            raise TooMuchError(f"a text has more than {_MOST_CANDIDATES} possible values")


def _options(*, capture: bool) -> re2.Options:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.never_capture = not capture
    options.log_errors = False
    return options
