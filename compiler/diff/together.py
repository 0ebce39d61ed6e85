"""Changes that are the same but for whose they are, told together: `999 routes`, and not 999 times.

What is told of one thing by its name (``route `orders```) goes together with what is told of others
of its kind in the same words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from compiler.diff.change import Change, Reach
from compiler.diff.values import names

_ONE = re.compile(r"(route|model|provider|service|tenant|team|key|listener|group) `([^`]+)`")


def together(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the changes with those that are alike as one."""
    alike: dict[tuple[object, ...], list[tuple[str, Change]]] = defaultdict(list)
    for change in changes:
        found = _ONE.fullmatch(change.subject)
        if found is None:
            yield change
            continue
        said = (change.area, change.severity, change.message, change.before, change.after)
        alike[found[1], *said].append((found[2], change))
    for (noun, *_), told in alike.items():
        if len(told) == 1:
            yield told[0][1]
            continue
        listed = [one for one, _ in told]
        several = [change for _, change in told]
        count = f"{len(listed)} " if len(listed) > 3 else ""
        yield replace(
            several[0],
            subject=f"{count}{noun}s {names(listed)}",
            reach=_united([one.reach for one in several]),
            before_at=tuple(dict.fromkeys(at for one in several for at in one.before_at)),
            after_at=tuple(dict.fromkeys(at for one in several for at in one.after_at)),
        )


def _united(reaches: list[Reach]) -> Reach:
    """Give a reach that holds all of these: by each of the three, whatever any of them names."""
    if len(set(reaches)) == 1:
        return reaches[0]
    return Reach(
        _union([one.tenants for one in reaches]),
        _union([one.models for one in reaches]),
        _union([one.routes for one in reaches]),
    )


def _union(sets: list[frozenset[str] | None]) -> frozenset[str] | None:
    found: set[str] = set()
    for one in sets:
        if one is None:
            return None
        found |= one
    return frozenset(found)
