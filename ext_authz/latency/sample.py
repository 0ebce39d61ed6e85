"""What a line of the usage log tells of targets: how soon one began to answer, or that it failed.

A request that went on to another target tells of two: the one that it was sent to first, which
failed, and the one that served it. Answers that say that the client asked for something wrong tell
nothing: they come the sooner, the less is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from xds.edge import usage_line

_REFUSED: Final = frozenset({401, 402, 403, 404, 408, 429})
"""Statuses below 500 that tell of a provider's account or load, and not of what was asked."""

_LEFT: Final = frozenset(usage_line.LEFT)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The members of a line that matter here; the names are those of `xds.edge.usage_line`."""

    time: str = ""
    model: str = ""
    served: str = ""
    provider: str = ""
    first: int | None = None
    attempts: int = 0
    status: int = 0
    flags: str = ""
    ms: int = 0
    first_ms: int | None = None
    sent_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """Something about a target, by its name; without one, about the group that was tried first.

    ``ms`` None is a failure. ``when`` is in seconds since 1970. ``left`` tells that the client
    went away before an answer began: it would have taken longer than ``ms``.
    """

    target: str
    ms: int | None
    when: float
    left: bool = False


_DECODER: Final = msgspec.json.Decoder(Line, strict=False)


def read_line(raw: bytes) -> Line | None:
    """Read a line; None where it is none, or tells of no target."""
    try:
        line = _DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return line if line.provider or line.first is not None else None


def heard(line: Line, first: AbstractSet[str], now: float) -> Iterator[Heard]:
    """Give what a line tells; ``first`` are the targets of the group that the edge had tried first.

    It is empty where the edge chose nothing.
    """
    target = f"{line.provider}/{line.served}" if line.provider else ""
    begun = _begun(line, now)
    ended = min(now, begun + line.ms / 1_000)
    if first and target not in first and (line.attempts > 1 or _failed(line)):
        yield Heard("", None, ended)
    if not target:
        return
    if line.status == 0 or not _LEFT.isdisjoint(line.flags.split(",")):
        yield from _of_one_who_left(line, target, begun, ended)
    elif _failed(line):
        yield Heard(target, None, ended)
    elif line.status < 400:
        yield from _answer(line, target, begun, ended)


def _of_one_who_left(line: Line, target: str, begun: float, ended: float) -> Iterator[Heard]:
    if line.first_ms is not None:
        if line.status < 400:
            yield from _answer(line, target, begun, ended)
        return
    ms = _waited(line, line.ms)
    if ms is not None:
        yield Heard(target, ms, ended, left=True)


def _answer(line: Line, target: str, begun: float, ended: float) -> Iterator[Heard]:
    if line.first_ms is None:
        return
    ms = _waited(line, line.first_ms)
    if ms is not None:
        yield Heard(target, ms, min(ended, begun + line.first_ms / 1_000))


def _failed(line: Line) -> bool:
    return line.status >= 500 or line.status in _REFUSED


def _waited(line: Line, until: int) -> int | None:
    """How long the last target was waited for, in ms from when it had the whole request.

    Without a word of that, the whole time is the target's if it was the only attempt.
    """
    if line.sent_ms is not None and line.sent_ms <= until:
        return until - line.sent_ms
    return until if line.attempts <= 1 else None


def _begun(line: Line, now: float) -> float:
    try:
        return min(now, datetime.fromisoformat(line.time).timestamp())
    except (ValueError, OverflowError):
        return now - line.ms / 1_000
