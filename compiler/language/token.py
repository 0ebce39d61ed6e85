"""A key or a value of a policy's text, with its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from compiler.source import Path


class Kind(Enum):
    """What a piece of text is."""

    KEY = "key"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Token:
    """A key or a scalar: indexes of the text as it is written, and what it says.

    A key's path ends with itself; ``end`` is exclusive, and quotes are within.
    """

    kind: Kind
    path: Path
    start: int
    end: int
    text: str
