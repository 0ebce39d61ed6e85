"""A text that a pattern takes, for patterns as people write them in routes; short where it can be.

Source: RE2's syntax page. What is not understood gives None, and whoever asks looks whether the
text is taken: no guess is believed.
"""

from __future__ import annotations

from typing import Final

_CLASSES: Final = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_SKIPPED: Final = "bBAzZ"
_LONGEST: Final = 4_096


class _Unknown(Exception):  # noqa: N818 - never seen outside
    """Something that is not understood."""


def text_of(pattern: str) -> str | None:
    """Give a text that the pattern probably matches as a whole; None where it is too odd."""
    try:
        text, end = _either(pattern, 0)
    except (_Unknown, IndexError, ValueError, StopIteration, RecursionError):
        return None
    return text if end == len(pattern) else None


def _either(pattern: str, at: int) -> tuple[str, int]:
    """Read alternatives up to the end or a closing bracket, and take the shortest."""
    found: list[str] = []
    while True:
        text, at = _line(pattern, at)
        found.append(text)
        if at >= len(pattern) or pattern[at] != "|":
            return min(found, key=len), at
        at += 1


def _line(pattern: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(pattern) and pattern[at] not in "|)":
        piece, at = _piece(pattern, at)
        least, at = _times(pattern, at)
        if len(piece) * least > _LONGEST:
            raise _Unknown
        parts.append(piece * least)
    return "".join(parts), at


def _piece(pattern: str, at: int) -> tuple[str, int]:
    letter = pattern[at]
    if letter == "(":
        return _bracket(pattern, at + 1)
    if letter == "[":
        return _letters(pattern, at + 1)
    if letter == "\\":
        return _escaped(pattern[at + 1]), at + 2
    if letter in "^$":
        return "", at + 1
    if letter in "*+?{":
        raise _Unknown
    return "a" if letter == "." else letter, at + 1


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] == "?":
        if pattern.startswith("?:", at):
            at += 2
        elif pattern.startswith(("?P<", "?<"), at):
            at = pattern.index(">", at) + 1
        else:
            raise _Unknown
    text, at = _either(pattern, at)
    if pattern[at] != ")":
        raise _Unknown
    return text, at + 1


def _letters(pattern: str, at: int) -> tuple[str, int]:
    """Read a class of letters: its first one, or one that is not in it."""
    without = pattern[at] == "^"
    at += without
    begins = at
    while pattern[at] != "]" or at == begins:
        at += 2 if pattern[at] == "\\" else 1
    inside = pattern[begins:at]
    if inside.startswith("[:"):
        raise _Unknown
    if not without:
        return _escaped(inside[1]) if inside[0] == "\\" else inside[0], at + 1
    return next(one for one in "aA0-_.~" if one not in inside and not _spans(inside, one)), at + 1


def _spans(inside: str, letter: str) -> bool:
    return any(
        inside[place] == "-" and inside[place - 1] <= letter <= inside[place + 1]
        for place in range(1, len(inside) - 1)
    )


def _escaped(letter: str) -> str:
    if letter in _CLASSES:
        return _CLASSES[letter]
    if letter in _SKIPPED:
        return ""
    if letter.isalnum():
        raise _Unknown
    return letter


def _times(pattern: str, at: int) -> tuple[int, int]:
    """Read how often at least the piece before is there."""
    least = 1
    if at < len(pattern) and pattern[at] in "*?":
        least, at = 0, at + 1
    elif at < len(pattern) and pattern[at] == "+":
        at += 1
    elif at < len(pattern) and pattern[at] == "{":
        end = pattern.index("}", at)
        least = int(pattern[at + 1 : end].partition(",")[0] or 0)
        at = end + 1
    if at < len(pattern) and pattern[at] == "?":
        at += 1  # as few as can be
    return least, at
