"""The routes of a host, found by the first segment of a path: a long list is not gone through.

A prefix is of whole segments, so that a route whose path begins with a plain one takes no request
with another. What begins otherwise (patterns, variables, the root) is looked at for every request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge

from compiler.plan import Match, PathKind, Route

Placed = tuple[int, Route]


@dataclass(frozen=True, slots=True)
class Table:
    """Routes with their places in the order in which they are tried."""

    everywhere: list[Placed] = field(default_factory=list)
    by_segment: dict[str, list[Placed]] = field(default_factory=dict)

    def may_take(self, path: str) -> Iterator[Route]:
        """Yield the routes that may take a path (without its query), in their order."""
        here = self.by_segment.get(_first(path), [])
        for _, route in merge(self.everywhere, here, key=lambda placed: placed[0]):
            yield route


def table(routes: Iterable[Route]) -> Table:
    """Lay routes out that stand in the order in which they are tried."""
    made = Table()
    for placed in enumerate(routes):
        segment = _segment(placed[1].match)
        if segment is None:
            made.everywhere.append(placed)
        else:
            made.by_segment.setdefault(segment, []).append(placed)
    return made


def _segment(match: Match) -> str | None:
    """The first segment of every path that a match takes, None where there is no one."""
    if match.path_kind is PathKind.REGEX:
        return None
    segment = _first(match.path)
    if match.path_kind is PathKind.PREFIX and match.path.rstrip("/") == "":
        return None
    plain = match.path_kind is not PathKind.TEMPLATE or not set(segment) & set("{*")
    return segment if plain else None


def _first(path: str) -> str:
    return path[1:].partition("/")[0]
