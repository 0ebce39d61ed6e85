"""What is asked of paths: invariants whose names have been looked up, and when they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from compiler.source import Span


class Word(StrEnum):
    """A word of conditions: an attribute of paths."""

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
    REDACTION = "redaction"
    DETECTORS = "detectors"
    LIMITS = "limits"
    OWN_LIMITS = "own_limits"
    LEDGER = "ledger"


SEVERAL: Final = frozenset({Word.REDACTION, Word.DETECTORS, Word.LIMITS, Word.OWN_LIMITS})
"""Words of what a path may have several of: there a list is all of these."""

NONE: Final = "none"
"""What a path has of such a word if it has nothing."""

Had = Mapping[Word, frozenset[str] | None]
"""What a path has; None where a word cannot be said of it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a path is to be like: ``asked`` has each word that is written, with its values.

    Names, globs and tags have been looked up: values are names.
    """

    asked: tuple[tuple[Word, frozenset[str]], ...]
    at: Span = field(compare=False)

    def holds(self, had: Had) -> bool:
        """Tell whether a path is so."""
        return all(_is(word, values, had[word]) for word, values in self.asked)

    def can_be_said(self, had: Had) -> bool:
        """Tell whether each of its words can be said of a path."""
        return all(had[word] is not None for word, _ in self.asked)


def _is(word: Word, values: frozenset[str], has: frozenset[str] | None) -> bool:
    if has is None:
        return False
    return values <= has if word in SEVERAL else not values.isdisjoint(has)


@dataclass(frozen=True, slots=True)
class Invariant:
    """What holds for all paths: those of ``where`` (all, if it is empty), but for ``excepted``.

    Each of ``forbidden`` holds of none of them, each of ``required`` of all that it can be said of.
    """

    name: str
    where: tuple[Condition, ...]
    excepted: tuple[Condition, ...]
    forbidden: tuple[Condition, ...]
    required: tuple[Condition, ...]
    at: Span = field(compare=False)
    warns: bool = False
    reason: str = ""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All of its conditions."""
        return (*self.where, *self.excepted, *self.forbidden, *self.required)

    def violated(self, had: Had) -> Condition | None:
        """Give what a path violates: a condition that is forbidden, or one that it lacks."""
        if self.where and not any(one.holds(had) for one in self.where):
            return None
        if any(one.holds(had) for one in self.excepted):
            return None
        for one in self.forbidden:
            if one.holds(had):
                return one
        for one in self.required:
            if one.can_be_said(had) and not one.holds(had):
                return one
        return None
