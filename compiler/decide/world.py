"""The world around a gateway as `decide` is asked about it: who answers what, and what is counted.

Whatever is left out is in order: everybody answers 200, nothing is used up, no clock matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum


class Fault(StrEnum):
    """What may come instead of a whole answer."""

    NONE = ""
    CONNECT_FAILURE = "connect_failure"  # no connection, or one that broke before an answer
    TIMEOUT = "timeout"  # nothing comes
    STALL = "stall"  # a stream that begins and says nothing
    CUT = "cut"  # a stream whose connection breaks before its first content
    CUT_LATER = "cut_later"  # ... and after it
    IN_BAND = "in_band"  # an error event before the first content
    CONTEXT_EXCEEDED = "context_exceeded"  # a 400 that says that the prompt is too long
    CONTENT_FILTER = "content_filter"  # a refusal by the provider's filter


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream does with one request; ``retry_after`` in seconds, tokens as it bills."""

    status: int = 200
    fault: Fault = Fault.NONE
    retry_after: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0


FINE = Answer()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    """All that decides beside the plan and the request.

    ``answers`` are by upstream: a service, a provider, or ``provider/model``, which is looked for
    first; one after the other, of which the last repeats. ``used`` is what is counted already, by
    the limit's id and then by whom it is counted for (as the trace names it); in the limit's own
    unit. ``draws`` are where draws among shares fall, from 0 to below 1, in turn; they repeat.
    ``latencies`` are what targets lately took, in seconds.
    """

    now: datetime = EPOCH
    answers: Mapping[str, tuple[Answer, ...]] = field(default_factory=dict)
    used: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    draws: tuple[float, ...] = (0.0,)
    cooling: frozenset[str] = frozenset()
    """Providers that are passed by, because they failed lately."""
    counters_away: bool = False
    edge_away: bool = False
    latencies: Mapping[str, float] = field(default_factory=dict)
