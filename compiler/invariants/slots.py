"""What a path has, in parts: some belong to its door, some to its caller, some to its end.

A part maps slots to sets of words. A path's attributes are made of three parts, and made so for
whole classes of paths as for one: what an invariant does not ask about may be left out of parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from compiler.invariants.invariant import NONE, SEVERAL, Had, Word
from xds.edge.limit import METERED, Unit

SOME: Final = "*"
"""Stands in a slot that is not empty, so that this is known of a part of it, too."""


class Second(StrEnum):
    """The second place of a word that is about two things, which are kept apart."""

    REDACTION_INSIDE = "redaction inside"  # for internal providers; the first is for external ones
    DETECTORS_INSIDE = "detectors inside"
    LIMITS_METERED = "limits metered"  # of what models use; the first is of requests
    OWN_LIMITS_METERED = "own limits metered"


Slot = Word | Second
"""A place for words: a word's own, or its second."""

_TWO: Final[Mapping[Word, Second]] = {
    Word.REDACTION: Second.REDACTION_INSIDE,
    Word.DETECTORS: Second.DETECTORS_INSIDE,
    Word.LIMITS: Second.LIMITS_METERED,
    Word.OWN_LIMITS: Second.OWN_LIMITS_METERED,
}

# Which redactions and limits hold depends on where a path leads.
SLOTS: Final[Mapping[Word, tuple[Slot, ...]]] = {
    word: (word, _TWO[word], Word.EGRESS) if word in _TWO else (word,) for word in Word
}
"""The slots that a word is read from."""

Part = Mapping[Slot, frozenset[str]]
"""What is had of some slots."""

_NOTHING: Final[frozenset[str]] = frozenset()
_ONE: Final = tuple(word for word in Word if word not in {*SEVERAL, Word.TAGS})


def several(words: Iterable[str]) -> frozenset[str]:
    """Make the contents of a slot that may be empty."""
    found = frozenset(words)
    return found | {SOME} if found else found


def limited(units: Iterable[Unit]) -> tuple[frozenset[str], frozenset[str]]:
    """Make the contents of a slot of limits, and of its metered neighbour.

    Requests under way at the same time bound no amount: by themselves they are nothing.
    """
    found = frozenset(units)
    plain = {unit.value for unit in found - METERED}
    if Unit.REQUESTS in found:
        plain.add(SOME)
    return frozenset(plain), several(unit.value for unit in found & METERED)


def had(door: Part, caller: Part, end: Part) -> Had:
    """Say what a path has."""
    parts = (door, caller, end)

    def together(slot: Slot) -> frozenset[str]:
        return _NOTHING.union(*(part.get(slot, _NOTHING) for part in parts))

    found: dict[Word, frozenset[str] | None] = {}
    for word in _ONE:
        found[word] = next((part[word] for part in parts if word in part), None)
    found[Word.TAGS] = together(Word.TAGS)
    egress = end.get(Word.EGRESS)
    for word in (Word.REDACTION, Word.DETECTORS):
        if egress is None:
            found[word] = None
        else:
            found[word] = _told(together(word if "external" in egress else _TWO[word]))
    for word in (Word.LIMITS, Word.OWN_LIMITS):
        if word is Word.OWN_LIMITS and word not in caller:
            found[word] = None  # nobody's own
        else:
            plain = together(word)
            found[word] = _told(plain if egress is None else plain | together(_TWO[word]))
    return found


def _told(found: frozenset[str]) -> frozenset[str]:
    return found if SOME in found else found | {NONE}
