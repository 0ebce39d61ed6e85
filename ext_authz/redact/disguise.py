r"""Values in a text that are written with escapes: in code, or in JSON that is cut or in prose.

A model reads `bob\u0040example.com` as well as anybody. So a text that has backslashes is searched
as it stands, and unescaped as often as that changes it.
"""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_right
from typing import Final

from ext_authz.redact.json_text import begins_like_json
from ext_authz.redact.scanner import Hits, Scanner
from ext_authz.redact.unescape import MOST_LEVELS, unescaped

_MANY: Final = 2
"""Patterns whose search costs more than to ask the gate which of them may match here."""
_ESCAPE: Final = re.compile(rb'(?:\\u[0-9a-fA-F]{4})+|\\["\\/bfnrt]')


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """A value's span in its text, the detector that found it, and what it says."""

    start: int
    end: int
    name: str
    value: str


def values_in(text: bytes, scanner: Scanner, hits: Hits) -> list[Value]:
    """Find all values, in order, none overlapping; `hits` limits the patterns tried."""
    if len(hits) > _MANY:
        hits = scanner.gate(text)
    values = [
        Value(one.start, one.end, one.name, text[one.start : one.end].decode())
        for one in scanner.find(text, hits)
    ]
    if b"\\" not in text:
        return values
    # What is put back into JSON is escaped again; elsewhere the very letters come back.
    is_json = begins_like_json(text[:256].decode("utf-8", "ignore"))
    ways: list[_Way] = []
    level = text
    for _ in range(MOST_LEVELS):
        way = _Way(level)
        if way.text == level:
            break
        level = way.text
        ways.insert(0, way)
        for one in scanner.find(level, scanner.gate(level)):
            start, end = one.start, one.end
            for back in ways:
                start, end = back.start(start), back.end(end)
            said = level[one.start : one.end] if is_json else text[start:end]
            values.insert(0, Value(start, end, one.name, said.decode("utf-8", "replace")))
    return _joined(values, text)


def _joined(values: list[Value], text: bytes) -> list[Value]:
    """Join what overlaps: the longest counts, the first found of equals."""
    result: list[Value] = []
    for one in sorted(values, key=lambda value: (value.start, -value.end)):
        last = result[-1] if result else None
        if last is None or one.start >= last.end:
            result.append(one)
        elif one.end > last.end:
            name = last.name if last.end - last.start >= one.end - one.start else one.name
            both = text[last.start : one.end].decode("utf-8", "replace")
            result[-1] = Value(last.start, one.end, name, both)
    return result


class _Way:
    """A text unescaped once, and the way back from places in it to places in the original."""

    def __init__(self, original: bytes) -> None:
        pieces: list[bytes] = []
        self._new = [0]
        self._old = [0]
        self._is_escape = [False]
        at = done = 0
        for found in _ESCAPE.finditer(original):
            said = unescaped(found[0])
            pieces += (original[done : found.start()], said)
            at += found.start() - done
            self._mark(at, found.start(), is_escape=True)
            at += len(said)
            done = found.end()
            self._mark(at, done, is_escape=False)
        pieces.append(original[done:])
        self.text = b"".join(pieces)

    def _mark(self, new: int, old: int, *, is_escape: bool) -> None:
        self._new.append(new)
        self._old.append(old)
        self._is_escape.append(is_escape)

    def start(self, at: int) -> int:
        """Return where in the original a span begins that begins here."""
        number = bisect_right(self._new, at) - 1
        if self._is_escape[number]:
            return self._old[number]
        return self._old[number] + at - self._new[number]

    def end(self, at: int) -> int:
        """Return where in the original a span ends that ends here."""
        number = bisect_right(self._new, at - 1) - 1
        if self._is_escape[number]:
            return self._old[number + 1]
        return self._old[number] + at - self._new[number]
