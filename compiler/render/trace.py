"""A trace for people and for machines: what was decided in order, with the lines of the policy.

No credential shows in it, of a client or of headers that a policy sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from compiler.decide.request import Request
from compiler.decide.trace import Attempt, Sent, Trace
from compiler.decide.world import World
from compiler.expectations.judge import status_of
from compiler.render.mask import mask, mask_data, mask_header
from compiler.render.terminal import printable
from compiler.source import Span

_WIDEST = 76
"""Columns after which the place in the policy is no longer aligned."""


def trace_text(trace: Trace, request: Request, world: World) -> str:
    """Give the trace as lines: the request, the steps with their places at the right, the end."""
    head = f"{request.method} {request.target}"
    rows: list[tuple[str, str, Span | None]] = [
        (step.about, said, step.at if place == 0 else None)
        for step in trace.steps
        for place, said in enumerate(step.text.splitlines() or [""])
    ]
    lines = [_shown(head), *_columns(rows)]
    lines += _table("attempts", [_attempt_row(one) for one in trace.attempts])
    lines += _table("sent", [_sent_row(one) for one in _sent(trace)])
    return "\n".join([*lines, f"= {ending(trace, world)}"])


def ending(trace: Trace, world: World) -> str:
    """Say in one line what the client gets, and from whom."""
    status = status_of(trace, world)
    words = ["no answer" if status is None else str(status)]
    if trace.code:
        words.append(trace.code)
    if trace.served:
        words.append(f"from {trace.served}")
    elif trace.sent and trace.status is None:
        words.append(f"from {trace.sent[-1].to}")
    else:
        words.append(f"by {trace.decider.value}")
    if trace.location:
        words.append(f"to {trace.location}")
    return _shown(" ".join(words))


def trace_data(trace: Trace, request: Request, world: World) -> dict[str, Any]:
    """Give the trace as plain data, for JSON; places are ``file:line:column`` or null."""
    identity = trace.identity
    shown: dict[str, Any] = {
        "request": {
            "method": request.method,
            "path": request.target,
            "host": request.host,
            "listener": trace.listener,
            "client": request.client,
        },
        "status": status_of(trace, world),
        "decider": trace.decider.value,
        "code": trace.code,
        "host": trace.host,
        "route": trace.route,
        "operation": trace.operation,
        "model": trace.model,
        "served_by": trace.served,
        "location": trace.location,
        "cost_pico_usd": trace.cost,
        "identity": None
        if identity is None
        else {
            "tenant": identity.tenant,
            "team": identity.team,
            "user": identity.user,
            "key": identity.key,
            "by": identity.by,
        },
        "limits": [
            {
                "limit": one.limit,
                "whom": one.whom,
                "allowed": one.allowed,
                "amount": one.amount,
                "left": one.left,
                "at": _at(one.at),
            }
            for one in trace.verdicts
        ],
        "attempts": [
            {
                "target": one.target,
                "lane": one.lane.value,
                "outcome": one.outcome,
                "status": one.status,
                "redacted": list(one.redacted),
                "sent": None if one.sent is None else _sent_data(one.sent),
            }
            for one in trace.attempts
        ],
        "sent": [_sent_data(one) for one in trace.sent],
        "steps": [
            {"about": step.about, "text": step.text, "at": _at(step.at)} for step in trace.steps
        ],
    }
    return cast("dict[str, Any]", mask_data(shown))


def _sent_data(sent: Sent) -> dict[str, Any]:
    return {
        "to": sent.to,
        "method": sent.method,
        "path": sent.path,
        "host": sent.host,
        "set": [[name, mask_header(name, value)] for name, value in sent.set],
        "added": [[name, mask_header(name, value)] for name, value in sent.added],
        "removed": list(sent.removed),
    }


def _at(span: Span | None) -> str | None:
    return None if span is None else str(span)


def _sent(trace: Trace) -> Iterator[Sent]:
    yield from trace.sent
    for attempt in trace.attempts:
        if attempt.sent is not None:
            yield attempt.sent


def _attempt_row(one: Attempt) -> tuple[str, ...]:
    status = "" if one.status is None else str(one.status)
    redacted = f"redacted: {', '.join(one.redacted)}" if one.redacted else ""
    return (one.target, one.lane.value, one.outcome, status, redacted)


def _sent_row(sent: Sent) -> tuple[str, ...]:
    changes = [f"{name}: {mask_header(name, value)}" for name, value in (*sent.set, *sent.added)]
    changes += [f"without {name}" for name in sent.removed]
    return (sent.to, f"{sent.method} {sent.path}", f"host {sent.host}", ", ".join(changes))


def _table(title: str, rows: list[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield title
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True) if width)
        yield _shown(f"  {'  '.join(cells)}".rstrip())


def _columns(rows: list[tuple[str, str, Span | None]]) -> Iterator[str]:
    first = max((len(about) for about, _, _ in rows), default=0)
    texts = [_shown(text) for _, text, _ in rows]
    second = min(max(map(len, texts), default=0), _WIDEST)
    for (about, _, at), text in zip(rows, texts, strict=True):
        place = "" if at is None else f"  {at}"
        yield f"  {about:{first}}  {text:{second}}{place}".rstrip()


def _shown(text: str) -> str:
    """Whoever sent a request chose its path."""
    return printable(mask(text))
