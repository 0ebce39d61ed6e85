"""Globs: a text in which ``*`` stands for any run of characters, also for none.

Nothing else is special, so that SPIFFE IDs, DNS names and node ids need no escapes. Texts may come
from strangers (a node names itself): nothing here tries one place after the other again.
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
    """Give a glob whose texts both stand for, or None where there is no such text.

    Two globs with stars only have to agree at their ends: what one of them asks for in between, a
    star of the other takes.
    """
    if covers(one, other):
        return other
    if covers(other, one):
        return one
    if ANY not in one or ANY not in other:
        return None
    head, *inner, tail = one.split(ANY)
    another_head, *more, another_tail = other.split(ANY)
    short, long = sorted((head, another_head), key=len)
    short_end, long_end = sorted((tail, another_tail), key=len)
    if not (long.startswith(short) and long_end.endswith(short_end)):
        return None
    return simplest(ANY.join((long, *inner, *more, long_end)))


def simplest(glob: str) -> str:
    """Give the shortest spelling: stars that follow each other are one."""
    parts = list(glob)
    return "".join(parts[:1] + [b for a, b in pairwise(parts) if not a == b == ANY])
