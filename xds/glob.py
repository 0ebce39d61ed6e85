"""Globs: a text in which ``*`` stands for any run of characters, also for none.

Nothing else is special, so that SPIFFE IDs, DNS names and node ids need no escapes. Texts may come
from strangers (a node names itself), so nothing here takes longer than their lengths multiplied.
"""

from __future__ import annotations

from itertools import pairwise

ANY = "*"

_STAND_IN = "\x00"  # no glob of the language holds a control character


def matches(glob: str, text: str) -> bool:
    """Tell whether a text is one of those that the glob stands for; letters differ by case."""
    first, *rest = glob.split(ANY)
    if not rest:
        return glob == text
    last = rest.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    # Each part where it comes first: to take a later one could only leave less for the others.
    at, end = len(first), len(text) - len(last)
    for part in rest:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def covers(wide: str, narrow: str) -> bool:
    """Tell whether every text of ``narrow`` is one of ``wide``.

    A character that no glob names can only be taken by a ``*``, which takes any other run as well:
    so one text, with it in the place of each ``*``, speaks for all.
    """
    return matches(wide, narrow.replace(ANY, _STAND_IN))


def common(one: str, other: str) -> str | None:
    """Give a shortest text that both globs stand for, or None where there is none."""
    seen: dict[tuple[int, int], str] = {(0, 0): ""}
    border = [(0, 0)]
    while border:
        if (len(one), len(other)) in seen:
            return seen[len(one), len(other)]
        border = _without_a_character(border, one, other, seen)
        if (len(one), len(other)) in seen:
            return seen[len(one), len(other)]
        border = _by_a_character(border, one, other, seen)
    return None


def simplest(glob: str) -> str:
    """Give the shortest spelling: stars that follow each other are one."""
    parts = list(glob)
    return "".join(parts[:1] + [b for a, b in pairwise(parts) if not a == b == ANY])


def _without_a_character(
    border: list[tuple[int, int]], one: str, other: str, seen: dict[tuple[int, int], str]
) -> list[tuple[int, int]]:
    """Pass over stars that stand for nothing (any more)."""
    found = list(border)
    for i, j in found:
        for place in ((i + (one[i : i + 1] == ANY), j), (i, j + (other[j : j + 1] == ANY))):
            if place not in seen:
                seen[place] = seen[i, j]
                found.append(place)
    return found


def _by_a_character(
    border: list[tuple[int, int]], one: str, other: str, seen: dict[tuple[int, int], str]
) -> list[tuple[int, int]]:
    """Take one more character: a star stays where it is, a letter is used up."""
    found = []
    for i, j in border:
        a, b = one[i : i + 1], other[j : j + 1]
        if not a or not b or (a == ANY and b == ANY) or (ANY not in (a, b) and a != b):
            continue
        place = (i + (a != ANY), j + (b != ANY))
        if place not in seen:
            seen[place] = seen[i, j] + (b if a == ANY else a)
            found.append(place)
    return found
