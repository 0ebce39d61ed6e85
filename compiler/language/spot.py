"""Where somebody writes: what may stand there, and what has been written of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from compiler.source import Path


class Role(Enum):
    """What may stand at a place."""

    KEY = "key"  # a key of the mapping at the path
    VALUE = "value"  # a value on the same line
    NODE = "node"  # either: the beginning of an item, or of what belongs to a key
    NOTHING = "nothing"  # a comment, a literal text, or behind a value


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a text: ``path`` is that of the mapping for a key, else of the value.

    ``start`` is the index at which the word begins that is being written; ``siblings`` are the keys
    before it of the mapping at ``path``.
    """

    role: Role
    path: Path
    start: int
    siblings: frozenset[str] = frozenset()
