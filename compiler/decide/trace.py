"""What `decide` says of a request: what was decided, in order, each with its line of the policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from compiler.plan import Lane
from compiler.source import Span


class Decider(StrEnum):
    """Who gives a request its status."""

    ENVOY = "envoy"  # no route, a path or a header that is refused
    ROUTE = "route"  # a redirect, a fixed answer
    GATE = "gate"  # identity, access, limits
    MODEL = "model"  # a refusal in the client's schema: no such model, a body that is no JSON
    UPSTREAM = "upstream"  # a service or a provider
    NOBODY = "nobody"  # nothing could be reached


@dataclass(frozen=True, slots=True)
class Step:
    """One decision in words, and the line of the policy that it comes from, if any.

    ``about`` is one word: listener, method, headers, path, host, route, identity, access,
    limit, model, choice, lane, redaction, target, upstream, answer.
    """

    about: str
    text: str
    at: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks; what is not known is empty. ``by`` is the way it was told: keys, jwt, mtls."""

    tenant: str = ""
    team: str = ""
    user: str = ""
    key: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one limit or budget says: ``whom`` it counts for, in its own unit; ``left`` before."""

    limit: str
    whom: str
    allowed: bool
    amount: int
    left: int
    at: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as an upstream sees it: where it goes, and what has become of it.

    ``set`` and ``added`` are headers of the policy, ``removed`` names that are taken away;
    ``model`` is what the model is called there, empty at a service.
    """

    to: str
    method: str
    path: str
    host: str
    set: tuple[tuple[str, str], ...] = ()
    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a target: ``target`` is ``provider/model``, ``outcome`` one of the words below.

    served; passed on (its answer is the client's, an error too); skipped (it is cooling down, or a
    prompt does not fit); or the trigger for which the chain went on.
    """

    target: str
    lane: Lane
    outcome: str
    status: int | None
    sent: Sent | None = None
    redacted: tuple[str, ...] = ()
    """Redactions that are looked for in what is sent."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What becomes of a request; what does not apply is None or empty.

    ``status`` None is the upstream's own. ``route`` is the policy's name of it, ``host`` the
    pattern by which it was found (empty: any host). ``sent`` is of a route to services,
    ``attempts`` of one to models; ``served`` is the target whose answer the client has.
    """

    steps: tuple[Step, ...]
    decider: Decider
    status: int | None
    listener: str
    host: str | None = None
    route: str | None = None
    location: str | None = None
    body: str | None = None
    sent: tuple[Sent, ...] = ()
    identity: Identity | None = None
    verdicts: tuple[Verdict, ...] = ()
    operation: str | None = None
    model: str | None = None
    attempts: tuple[Attempt, ...] = ()
    served: str | None = None
    code: str | None = None
    """The word for a refusal in its body, as clients see it: `rate_limit_exceeded` and its like."""
    cost: int | None = None
    """What the answer costs in pico-USD, by what the world says it used; None where unknown."""
