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

    def replaced(self, values: Dict[str, Node]) -> Mapping:
        """Give the same mapping with other values for some of its keys."""
        changed = {key: Entry(self.entries[key].key, value) for key, value in values.items()}
        return Mapping(self.lines, self.start, self.end, {**self.entries, **changed})

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


def place(root: Node, path: Path) -> Span:
    """Give a place for what stands at ``path`` that is short enough to look at.

    A scalar is its own place. A list or mapping below a key is shown by the key, which is where a
    name is declared. An item of a list is itself if it is one line long, and else its first key.
    What is not written, such as a default or what a shorthand stands for, has the place of the
    innermost value around it that is.
    """
    node, key = root, None
    for step in path:
        inner = child(node, step)
        if inner is None:
            break
        key = node.entries[step].key if isinstance(node, Mapping) else None  # type: ignore[index]
        node = inner
    if isinstance(node, Scalar):
        return node.span
    if key is not None:
        return key.span
    return beginning(node)


def key_place(root: Node, path: Path) -> Span:
    """Give the place of the key that ``path`` ends with, and else what `place` gives."""
    parent = find(root, path[:-1])
    if isinstance(parent, Mapping) and path and path[-1] in parent.entries:
        return parent.entries[str(path[-1])].key.span
    return place(root, path)


def find(root: Node, path: Path) -> Node | None:
    """Give the node at ``path``, or None where nothing is written."""
    node: Node | None = root
    for step in path:
        node = child(node, step) if node is not None else None
    return node


def beginning(node: Node) -> Span:
    """Give the whole of a node that is one line long, or the first key or scalar in it."""
    span = node.span
    while span.line != span.end_line and not isinstance(node, Scalar):
        if isinstance(node, Mapping):
            return next(iter(node.entries.values())).key.span if node.entries else span
        if not node.items:
            break
        node = node.items[0]
        span = node.span
    return span
