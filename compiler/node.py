"""What the text says, with the place of everything: scalars, lists and mappings.

Nodes are what `load` gives and `parse` reads. A node knows its file and the indexes of its text in
it; its ``span`` is made when somebody asks. The same node may stand at several places of a policy,
where an alias repeats it.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from typing import Any, NamedTuple

from compiler.lines import Lines
from compiler.source import Path, Span

Value = str | int | float | bool | None
"""What a scalar may be by the core schema of YAML 1.2."""


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A piece of text: the indexes ``start`` and ``end`` (exclusive) in the file of ``lines``."""

    lines: Lines
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Where it is written."""
        return self.lines.span(self.start, self.end)

    @property
    def written(self) -> str:
        """The text as it is written, quotes and all. It may hold a secret."""
        return self.lines.source.text[self.start : self.end]


@dataclass(frozen=True, slots=True, eq=False)
class Scalar(_Placed):
    """One value; ``plain`` says that it was written without quotes."""

    value: Value
    plain: bool = True

    def described(self) -> Any:
        """Give the value and its place, for people."""
        return {"value": self.value, "at": str(self.span)}


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(_Placed):
    """A list."""

    items: tuple[Node, ...]

    def described(self) -> Any:
        """Give the items, each with its place."""
        return [item.described() for item in self.items]


class Entry(NamedTuple):
    """A key and its value; both have a place."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True, eq=False)
class Mapping(_Placed):
    """Entries by key, in the order in which they are written."""

    entries: Dict[str, Entry]

    def described(self) -> Any:
        """Give the entries, each value with its place."""
        return {key: entry.value.described() for key, entry in self.entries.items()}


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """Give the dicts, lists and scalars that the nodes stand for.

    Recursion is safe: the loader refuses what is nested too deeply.
    """
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key: plain(value) for key, (_, value) in node.entries.items()}
    return [plain(item) for item in node.items]


def child(node: Node, step: str | int) -> Node | None:
    """Give the value of a key or the item at an index, or None where there is none."""
    if isinstance(node, Mapping):
        found = node.entries.get(step) if isinstance(step, str) else None
        return found.value if found else None
    if isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


def value_span(root: Node, path: Path) -> Span:
    """Give the place of the value at ``path``, or of the innermost that is written on the way.

    What a shorthand or a default stands for is not written; the place is then that of the value
    that was written in its stead.
    """
    node = root
    for step in path:
        inner = child(node, step)
        if inner is None:
            break
        node = inner
    return node.span


def key_span(root: Node, path: Path) -> Span:
    """Give the place of the key that ``path`` ends with: where a name is declared.

    A list item has no key; its place is that of its first key, or its own. What is not written is
    found like in `value_span`.
    """
    node, key = root, None
    for step in path:
        inner = child(node, step)
        if inner is None:
            break
        key = node.entries[step].key if isinstance(node, Mapping) else None  # type: ignore[index]
        node = inner
    return key.span if key is not None else head(node)


def head(node: Node) -> Span:
    """Give a place for a whole node that is short enough to look at: its first key, or itself."""
    if isinstance(node, Mapping) and node.entries:
        return next(iter(node.entries.values())).key.span
    if isinstance(node, Sequence) and node.items:
        return head(node.items[0])
    return node.span
