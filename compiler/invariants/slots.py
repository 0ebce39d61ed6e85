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


class Slot(StrEnum):
    """A place for words; those of one word that is about several things are kept apart."""

    LISTENERS = "listeners"
    TRANSPORT = "transport"
    ROUTES = "routes"
    SERVES = "serves"
    SERVICES = "services"
    AUTH = "auth"
    TENANTS = "tenants"
    TIERS = "tiers"
    MODELS = "models"
    OPERATIONS = "operations"
    PROVIDERS = "providers"
    TARGETS = "targets"
    EGRESS = "egress"
    TAGS = "tags"
    LEDGER = "ledger"
    REDACTION = "redaction"  # for external providers
    REDACTION_INSIDE = "redaction inside"  # for internal ones
    DETECTORS = "detectors"
    DETECTORS_INSIDE = "detectors inside"
    LIMITS = "limits"  # of requests
    LIMITS_METERED = "limits metered"  # of what models use
    OWN_LIMITS = "own limits"
    OWN_LIMITS_METERED = "own limits metered"


SLOTS: Final[Mapping[Word, tuple[Slot, ...]]] = {
    **{word: (Slot(word.value),) for word in Word if word is not Word.OWN_LIMITS},
    # Which redactions and limits hold depends on where a path leads.
    Word.REDACTION: (Slot.REDACTION, Slot.REDACTION_INSIDE, Slot.EGRESS),
    Word.DETECTORS: (Slot.DETECTORS, Slot.DETECTORS_INSIDE, Slot.EGRESS),
    Word.LIMITS: (Slot.LIMITS, Slot.LIMITS_METERED, Slot.EGRESS),
    Word.OWN_LIMITS: (Slot.OWN_LIMITS, Slot.OWN_LIMITS_METERED, Slot.EGRESS),
}
"""The slots that a word is read from."""

Part = Mapping[Slot, frozenset[str]]
"""What is had of some slots."""

_NOTHING: Final[frozenset[str]] = frozenset()
_ONE: Final = tuple((word, Slot(word.value)) for word in Word if word not in {*SEVERAL, Word.TAGS})
_REDACTED: Final = (
    (Word.REDACTION, Slot.REDACTION, Slot.REDACTION_INSIDE),
    (Word.DETECTORS, Slot.DETECTORS, Slot.DETECTORS_INSIDE),
)
_LIMITED: Final = (
    (Word.LIMITS, Slot.LIMITS, Slot.LIMITS_METERED),
    (Word.OWN_LIMITS, Slot.OWN_LIMITS, Slot.OWN_LIMITS_METERED),
)


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
    for word, slot in _ONE:
        found[word] = next((part[slot] for part in parts if slot in part), None)
    found[Word.TAGS] = together(Slot.TAGS)
    egress = end.get(Slot.EGRESS)
    for word, outside, inside in _REDACTED:
        if egress is None:
            found[word] = None
        else:
            found[word] = _told(together(outside if "external" in egress else inside))
    for word, plain, metered in _LIMITED:
        if word is Word.OWN_LIMITS and plain not in caller:
            found[word] = None  # nobody's own
        else:
            all_of_them = together(plain)
            found[word] = _told(all_of_them if egress is None else all_of_them | together(metered))
    return found


def _told(found: frozenset[str]) -> frozenset[str]:
    return found if SOME in found else found | {NONE}
