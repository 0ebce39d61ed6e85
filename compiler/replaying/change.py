"""What is different in two decisions about one request, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from compiler.decide.trace import Decider, Sent, Trace
from compiler.decide.world import World
from compiler.expectations.judge import SKIPPED, status_of

NONE = "none"


class Kind(StrEnum):
    """The kinds of change, the gravest first."""

    IDENTITY = "identity"  # whom it is taken for, or that it is refused
    REDACTION = "redaction"  # what is looked for in what is sent
    STATUS = "status"
    ROUTE = "route"
    SERVED = "served"  # by which target, or which service
    SENT = "sent"  # what the upstream sees: path, host, model
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one request."""

    kind: Kind
    before: str
    after: str


def changes(before: Trace, after: Trace, world: World) -> tuple[Change, ...]:
    """Give what is different but for cost, which tokens tell."""
    found = [
        (Kind.IDENTITY, _identity(before), _identity(after)),
        (Kind.REDACTION, _redaction(before), _redaction(after)),
        (Kind.STATUS, _status(before, world), _status(after, world)),
        (Kind.ROUTE, before.route or NONE, after.route or NONE),
        (Kind.SERVED, served(before), served(after)),
    ]
    if served(before) == served(after):
        # Another upstream is asked in another way: that is told once.
        found.append((Kind.SENT, _sent(before), _sent(after)))
    return tuple(Change(kind, one, other) for kind, one, other in found if one != other)


def served(trace: Trace) -> str:
    """Say who answers: a target, a service, or nobody."""
    if trace.served is not None:
        return trace.served
    return trace.sent[-1].to if trace.sent else NONE


def _identity(trace: Trace) -> str:
    who = trace.identity
    known = "" if who is None else who.key or "/".join(filter(None, (who.tenant, who.team)))
    if trace.decider is Decider.GATE and trace.status in (401, 403):
        return f"{known} refused" if known else "refused"
    return known or NONE


def _redaction(trace: Trace) -> str:
    tried = [one for one in trace.attempts if one.outcome != SKIPPED]
    return ", ".join(sorted(tried[-1].redacted)) or NONE if tried else NONE


def _status(trace: Trace, world: World) -> str:
    status = status_of(trace, world)
    told = "no answer" if status is None else str(status)
    return f"{told} {trace.code}" if trace.code else told


def _sent(trace: Trace) -> str:
    last = _last(trace)
    if last is None:
        return NONE
    # A path of its own for each request would be a group of its own.
    return f"{last.method} on {last.host}" + (f" as {last.model}" if last.model else "")


def _last(trace: Trace) -> Sent | None:
    found = [*trace.sent, *(one.sent for one in trace.attempts if one.sent is not None)]
    return found[-1] if found else None


def paths(before: Trace, after: Trace) -> tuple[str, str] | None:
    """Give the paths that the same upstream sees, where they differ."""
    one, other = _last(before), _last(after)
    if one is None or other is None or one.to != other.to or one.path == other.path:
        return None
    return one.path, other.path
