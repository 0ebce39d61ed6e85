"""Where text came from: source files and the spans in them that every later stage can point at."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""A place in a policy, keys and list indexes from the root: ``("models", "fast", "targets")``."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One text of a policy; ``name`` is what people are shown, a relative POSIX path."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of one source file; lines and columns count from 1, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        """``gateway.yaml:14:17``, the form that editors and terminals make clickable."""
        return f"{self.file}:{self.line}:{self.column}"
