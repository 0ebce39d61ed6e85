"""What one attempt comes to: what the router sees of an answer, or of its want.

The same fault is another thing by each way: Envoy alone passes a stream on as soon as it begins,
while the edge holds its head until its first content, and names what fails before it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from compiler.decide.world import Answer, Fault
from compiler.needs import STREAMED
from compiler.plan_llm import Endpoint, Trigger


class Way(Enum):
    """By which mechanism an answer comes to the router."""

    ENVOY = auto()  # as it comes
    GATE = auto()  # a stream's head is held until its first content
    EDGE = auto()  # the edge has the whole exchange


class Came(Enum):
    """What came of an attempt."""

    ANSWER = auto()  # of the provider, an error too
    BROKEN = auto()  # no connection, or one that broke before an answer
    CUT = auto()  # an answer that broke before its first content, while its head was held
    NOTHING = auto()  # nothing, until somebody's patience ends


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` is what the router sees, ``named`` the trigger that a header names, if any.

    ``kind`` is the trigger's word for what went wrong, listed or not; empty for an answer.
    """

    came: Came
    status: int = 200
    named: str = ""
    kind: str = ""
    replied: bool = False
    """Whether the edge answers in the provider's place."""


_KINDS: Final = {
    402: "billing",
    408: "timeout",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_WORDS: Final = {
    "rate_limited": ("rate_limited",),
    "billing": ("rate_limited",),
    "overloaded": ("overloaded", "server_error"),
    "timeout": ("timeout", "server_error"),
    "server": ("server_error",),
    "cut": ("connect_failure", "server_error"),
    "context_exceeded": ("context_exceeded",),
    "content_filter": ("content_filter",),
}
_STATUSES: Final = {
    "invalid": 400,
    "rate_limited": 429,
    "billing": 429,
    "overloaded": 503,
    "timeout": 504,
    "server": 500,
    "cut": 502,
    "context_exceeded": 400,
    "content_filter": 400,
}


def outcome(
    answer: Answer, way: Way, endpoint: Endpoint, on: Collection[Trigger], *, stream: bool
) -> Outcome:
    """Tell what comes of an attempt at which ``answer`` happens."""
    stream = stream and endpoint in STREAMED
    match answer.fault:
        case Fault.CONNECT_FAILURE:
            return Outcome(Came.BROKEN, kind="connect_failure")
        case Fault.TIMEOUT:
            return Outcome(Came.NOTHING, kind="timeout")
        case Fault.CONTEXT_EXCEEDED:
            return _told("context_exceeded", 400, way, on)
        case Fault.CONTENT_FILTER:
            return _filtered(answer, way, endpoint, on, stream=stream)
        case Fault.STALL if not stream:
            return Outcome(Came.NOTHING, kind="timeout")
        case Fault.CUT if not stream:
            return Outcome(Came.BROKEN, kind="connect_failure")
        case Fault.STALL | Fault.CUT | Fault.IN_BAND if way is Way.ENVOY:
            return Outcome(Came.ANSWER)  # its head has been passed on
        case Fault.STALL:
            return Outcome(Came.NOTHING, kind="timeout")
        case Fault.CUT:
            return Outcome(Came.CUT, kind="connect_failure")
        case Fault.IN_BAND:
            failed = _failed(_KINDS.get(answer.status, "server"), 0, on)
            return replace(failed, replied=way is Way.GATE and not failed.named)
        case Fault.CUT_LATER | Fault.NONE:
            return _answered(answer, way, on)


def _answered(answer: Answer, way: Way, on: Collection[Trigger]) -> Outcome:
    status = answer.status
    if 200 <= status < 300:
        return Outcome(Came.ANSWER, 200 if way is Way.EDGE else status)
    if way is not Way.EDGE:
        return Outcome(Came.ANSWER, status, kind=_kind(status))
    if not 400 <= status < 600:
        return _failed("server", 0, on)
    kind = _KINDS.get(status, "invalid" if status < 500 and status != 424 else "server")
    return _failed(kind, status, on)


def _kind(status: int) -> str:
    if status == 429:
        return "rate_limited"
    if status in (503, 529):
        return "overloaded"
    return "server_error" if status >= 500 else ""


def _told(word: str, status: int, way: Way, on: Collection[Trigger]) -> Outcome:
    """A refusal whose body says why; Envoy's Lua names it, listed or not."""
    if way is Way.EDGE:
        return _failed(word, status, on)
    return Outcome(Came.ANSWER, status, word, word)


def _filtered(
    answer: Answer, way: Way, endpoint: Endpoint, on: Collection[Trigger], *, stream: bool
) -> Outcome:
    word = "content_filter"
    if answer.status >= 400:
        return _told(word, 400 if way is Way.EDGE else answer.status, way, on)
    listed = Trigger.CONTENT_FILTER in on
    if way is Way.GATE or (way is Way.EDGE and listed and endpoint in STREAMED):
        return replace(_failed(word, 0, on), replied=way is Way.GATE and not listed)
    if way is Way.ENVOY and listed and endpoint in STREAMED and not stream:
        return Outcome(Came.ANSWER, 200, word, word)
    return Outcome(Came.ANSWER)


def _failed(kind: str, status: int, on: Collection[Trigger]) -> Outcome:
    """A failure that the edge has found: it names the first of the chain's triggers that it is."""
    words = _WORDS.get(kind, ())
    if status >= 500:
        words = (*words, "server_error")
    named = next((word for word in words if word in {trigger.value for trigger in on}), "")
    return Outcome(Came.ANSWER, status or _STATUSES[kind], named, words[0] if words else "")
