"""Text that is not ours, as it may stand on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Give it without control characters: no escape sequence of a client's reaches a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
