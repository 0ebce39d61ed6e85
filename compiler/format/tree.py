"""A file's text as a tree that keeps what `compiler.node` drops: comments, blank lines, styles.

Lines above an entry are comments as they are written, with their ``#``; ``""`` is a blank line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """How a text is written."""

    PLAIN = "plain"
    SINGLE = "'"
    DOUBLE = '"'
    LITERAL = "|"
    FOLDED = ">"
    ALIAS = "*"


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar or an alias: ``written`` has its quotes, or the header and lines of a block.

    The lines of a block are freed of their indentation; ``anchor`` is ``&name`` or empty.
    """

    written: str
    value: str
    style: Style
    anchor: str = ""
    comment: str = ""

    @property
    def is_block(self) -> bool:
        """Whether it is a literal or folded block."""
        return self.style in (Style.LITERAL, Style.FOLDED)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value in a mapping, or an item of a list, whose ``key`` is None.

    ``above`` stands on lines of its own before it, ``beside`` behind it on its line.
    """

    key: Text | None
    value: Node
    above: tuple[str, ...] = ()
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """A mapping or a list; ``flow`` is the style with brackets.

    ``opening`` is a comment on the line where it opens, ``closing`` are lines behind its last
    entry.
    """

    entries: tuple[Entry, ...]
    is_mapping: bool
    flow: bool
    anchor: str = ""
    opening: str = ""
    closing: tuple[str, ...] = ()


Node = Text | Collection


@dataclass(frozen=True, slots=True)
class Tree:
    """A file: its root, and the comments and blank lines behind it."""

    root: Node | None
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


def has_aliases(node: Node) -> bool:
    """Tell whether anything is repeated by an alias in it; then entries must keep their order."""
    if isinstance(node, Text):
        return node.style is Style.ALIAS
    return any(
        has_aliases(part)
        for entry in node.entries
        for part in (entry.key, entry.value)
        if part is not None
    )


def comments(lines: tuple[str, ...]) -> Iterator[str]:
    """Give the lines that are not blank."""
    return (line for line in lines if line)
