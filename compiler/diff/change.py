"""One thing that a policy does otherwise than another: what, for whom, and where it is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from compiler.source import Span


class Area(StrEnum):
    """What a change is about, in the order in which a reviewer wants to know."""

    REDACTION = "redaction"
    TRUST = "trust"
    AUTH = "auth"
    INVARIANTS = "invariants"
    ACCESS = "access"
    LIMITS = "limits"
    TARGETS = "targets"
    COST = "cost"
    ROUTES = "routes"
    SERVICES = "services"
    LISTENERS = "listeners"
    TIMEOUTS = "timeouts"
    COUNTERS = "counters"
    LANES = "lanes"
    FLEET = "fleet"
    NAMES = "names"


class Severity(StrEnum):
    """What a change is to clients, and DANGER to the house; in the order in which it is read."""

    DANGER = "danger"
    """Something that protected is gone: redaction, authentication, a budget, verification."""
    LOSS = "loss"
    """Somebody may do less, or is answered otherwise than he may rely on."""
    GAIN = "gain"
    """Somebody may do more."""
    NEUTRAL = "neutral"
    """It is done in another way."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose requests a change touches: those of these tenants, for these models, on these routes.

    None is any; a change that touches no request has an empty set.
    """

    tenants: frozenset[str] | None = None
    models: frozenset[str] | None = None
    routes: frozenset[str] | None = None

    @property
    def nothing(self) -> bool:
        """Whether it touches no request."""
        return any(one is not None and not one for one in (self.tenants, self.models, self.routes))


ALL = Reach()
NOTHING = Reach(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    ``subject`` is what it is about (``model `fast```, ``12 tenants of tier `free```), ``message``
    the sentence that stands behind it. ``before`` and ``after`` are the values in words, None
    where there is none. ``before_at`` and ``after_at`` are the lines of either policy.
    """

    area: Area
    severity: Severity
    subject: str
    message: str
    before: str | None = None
    after: str | None = None
    reach: Reach = ALL
    before_at: tuple[Span, ...] = ()
    after_at: tuple[Span, ...] = ()

    @property
    def order(self) -> tuple[int, int, str, str]:
        """Where it stands among others: the worst first, then by area and subject."""
        return (
            _SEVERITIES.index(self.severity),
            _AREAS.index(self.area),
            self.subject,
            self.message,
        )


_SEVERITIES = list(Severity)
_AREAS = list(Area)


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes of behaviour between two plans, the worst first; none where they are equal."""

    entries: tuple[Change, ...]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.entries)

    def of(self, severity: Severity) -> tuple[Change, ...]:
        """Those of one severity."""
        return tuple(one for one in self.entries if one.severity is severity)
