"""Invariants: what a policy promises of all requests, and a change no longer does.

They change nothing that is served, and are no part of a plan. But a reviewer who relies on them has
to know of each that is gone or asks for less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.diff.change import NOTHING, Area, Change, Severity
from compiler.diff.values import arrow, leaves, said
from compiler.dump import plain
from compiler.linking.linked import Linked
from compiler.source import Span

_ASKED = ("where", "forbid", "require", "except")


def promises(before: Linked, after: Linked) -> Iterator[Change]:
    """Yield the invariants that are gone, new, or written otherwise, by their names."""
    old, new = _by_name(before), _by_name(after)
    for name in dict.fromkeys((*old, *new)):
        had, has = old.get(name), new.get(name)
        if had is None and has is not None:
            yield _change(name, Severity.NEUTRAL, f"is promised: {_asked(has[0])}", None, has)
        elif had is not None and has is None:
            words = f"is no longer promised: {_asked(had[0])}"
            yield _change(name, Severity.DANGER, words, had, None)
        elif had is not None and has is not None:
            for path, one, other in leaves(had[0], has[0]):
                said_so = f"is promised otherwise: {path}: {arrow(one, other)}"
                yield _change(name, _severity(path, other), said_so, had, has)


_Written = tuple[Mapping[str, Any], Span]


def _by_name(linked: Linked) -> dict[str, _Written]:
    found: dict[str, _Written] = {}
    for place, written in enumerate(linked.document.invariants):
        values = {key.rstrip("_"): one for key, one in plain(written).items() if one is not None}
        found[values.pop("name")] = values, linked.locate(("invariants", place))
    return found


def _severity(path: str, now: Any) -> Severity:
    """Whether it asks for less cannot be told of every word: what is not surely harmless warns."""
    if path == "reason" or (path in ("severity", "absent") and now == "error"):
        return Severity.NEUTRAL
    return Severity.DANGER


def _asked(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {said(values[key])}" for key in _ASKED if values.get(key))


def _change(
    name: str, severity: Severity, words: str, had: _Written | None, has: _Written | None
) -> Change:
    return Change(
        Area.INVARIANTS,
        severity,
        f"invariant `{name}`",
        words,
        None if had is None else _asked(had[0]),
        None if has is None else _asked(has[0]),
        NOTHING,
        () if had is None else (had[1],),
        () if has is None else (has[1],),
    )
