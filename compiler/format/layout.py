"""Lay a tree out as lines.

A list or mapping stands in brackets where it was written so, or where it is small: a document of
the language whose values are texts or lists of texts, or a list of texts. It must fit into one line
of `WIDTH` columns and hold no comment; else it is a block, indented by two. The sections of a
policy that hold things by name, and lists of documents there, are always blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from compiler.format.order import Kinds, below, documents, items
from compiler.format.scalars import fits_flow, spelled
from compiler.format.tree import Collection, Entry, Node, Style, Text, comments

WIDTH: Final = 100
"""The columns of a line with brackets; a text may be longer."""
_STEP: Final = 2
_GAP: Final = 2  # spaces before a comment behind something


@dataclass(frozen=True, slots=True)
class Row:
    """A line: what is written, and the comment behind it; only a comment, or nothing at all."""

    code: str
    comment: str = ""


def rows(node: Node, kinds: Kinds, indent: int = 0) -> Iterator[Row]:
    """Give the rows of a block, or of the one value that a file is."""
    if isinstance(node, Text) or not node.entries:
        yield Row(" " * indent + (_flow(node, kinds) or ""))
        yield from _closing(node, indent)
        return
    for index, entry in enumerate(node.entries):
        yield from _above(entry.above, indent, first=not index)
        if entry.key is None:
            yield from _item(entry, items(kinds), indent)
        else:
            yield from _keyed(entry, entry.key, below(kinds, entry.key.value), indent)
    yield from _closing(node, indent)


def _keyed(entry: Entry, key: Text, kinds: Kinds, indent: int) -> Iterator[Row]:
    start = f"{' ' * indent}{_anchored(key)}{' :' if key.style is Style.ALIAS else ':'}"
    value = entry.value
    line = _one_line(value, kinds, len(start) + 1, is_section=indent == 0)
    if line is not None:
        yield from _beside(f"{start} {line}", entry, value)
    elif isinstance(value, Text):
        yield from _long(f"{start} ", value, indent, entry.beside)
    else:
        start += f" {value.anchor}" if value.anchor else ""
        yield from _opening(start, entry, value, indent)
        yield from rows(replace(value, opening=""), kinds, indent + _STEP)


def _item(entry: Entry, kinds: Kinds, indent: int) -> Iterator[Row]:
    start = f"{' ' * indent}- "
    value = entry.value
    line = _one_line(value, kinds, len(start), is_section=False)
    if line is not None:
        yield from _beside(start + line, entry, value)
        return
    if isinstance(value, Text):
        yield from _long(start, value, indent, entry.beside)
        return
    # There is no room on its line, which is the first one of the block.
    for comment in (value.opening, entry.beside):
        if comment:
            yield Row(" " * indent + comment)
    inner = rows(replace(value, opening="", anchor=""), kinds, indent + _STEP)
    if value.anchor:
        yield Row(start + value.anchor)
    else:
        first = next(inner)
        while first.code.lstrip(" ").startswith("#"):
            yield Row(" " * indent + first.code.lstrip(" "))
            first = next(inner)
        yield Row(start + first.code[len(start) :], first.comment)
    yield from inner


def _one_line(node: Node, kinds: Kinds, column: int, *, is_section: bool) -> str | None:
    """Give a value on one line, or None where it is to be a block."""
    if isinstance(node, Text):
        return None if node.is_block or "\n" in node.written else _anchored(node)
    if not node.entries:
        return _flow(node, kinds)
    if is_section or not node.flow:
        by_name = node.is_mapping and not documents(kinds)
        if by_name or not _is_small(node):
            return None
    line = _flow(node, kinds)
    return line if line is not None and column + len(line) <= WIDTH else None


def _flow(node: Node, kinds: Kinds) -> str | None:
    """Give a value in brackets; None where it cannot be."""
    if isinstance(node, Text):
        return _anchored(node) if fits_flow(node) else None
    if node.entries and (node.opening or any(comments(node.closing))):
        return None
    parts: list[str] = []
    for entry in node.entries:
        inner = below(kinds, entry.key.value) if entry.key else items(kinds)
        value = _flow(entry.value, inner)
        if value is None or entry.beside or any(comments(entry.above)):
            return None
        if entry.key is None:
            parts.append(value)
        elif fits_flow(entry.key):
            space = " " if entry.key.style is Style.ALIAS else ""
            parts.append(f"{_anchored(entry.key)}{space}: {value}")
        else:
            return None
    together = ", ".join(parts)
    if node.is_mapping and together:
        together = f" {together} "
    together = f"{{{together}}}" if node.is_mapping else f"[{together}]"
    return f"{node.anchor} {together}" if node.anchor else together


def _is_small(node: Collection) -> bool:
    """Tell whether a collection holds nothing but texts, or lists of texts in a mapping."""
    if not node.is_mapping:
        return all(isinstance(entry.value, Text) for entry in node.entries) and _is_dense(node)
    return _is_dense(node) and all(
        isinstance(entry.value, Text) or (not entry.value.is_mapping and _is_small(entry.value))
        for entry in node.entries
    )


def _is_dense(node: Collection) -> bool:
    """Tell whether a block has no blank lines in it, which are there to be seen."""
    return node.flow or not any(entry.above for entry in node.entries[1:])


def _anchored(text: Text) -> str:
    return f"{text.anchor} {spelled(text)}" if text.anchor else spelled(text)


def _above(lines: tuple[str, ...], indent: int, *, first: bool) -> Iterator[Row]:
    """Give the lines above an entry: no two blank ones, and none at the start of a block."""
    last_blank = first
    for line in lines:
        if line:
            yield Row(" " * indent + line)
        elif not last_blank:
            yield Row("")
        last_blank = not line


def _closing(node: Node, indent: int) -> Iterator[Row]:
    if isinstance(node, Collection) and node.entries:
        yield from _above(node.closing, indent, first=False)


def _beside(line: str, entry: Entry, value: Node) -> Iterator[Row]:
    """Give a line with the comments behind it; there is room for one."""
    inside: tuple[str, ...] = ()
    if isinstance(value, Collection):
        inside = (value.opening, *comments(value.closing))
    first, *others = [*filter(None, (entry.beside, *inside)), ""]
    indent = len(line) - len(line.lstrip(" "))
    yield from (Row(" " * indent + comment) for comment in others if comment)
    yield Row(line, first)


def _opening(start: str, entry: Entry, value: Collection, indent: int) -> Iterator[Row]:
    """Give the line that opens a block."""
    first, *others = [*filter(None, (value.opening, entry.beside)), ""]
    yield from (Row(" " * indent + comment) for comment in others if comment)
    yield Row(start, first)


def _long(start: str, text: Text, indent: int, comment: str) -> Iterator[Row]:
    """Give a text of several lines, each indented anew."""
    first, *lines = text.written.split("\n")
    anchor = f"{text.anchor} " if text.anchor else ""
    if not text.is_block:
        first = first if first.endswith(("\\ ", "\\\t")) else first.rstrip(" \t")
    inner = " " * (indent + _STEP)
    if text.is_block:
        yield Row(f"{start}{anchor}{first}", comment)
        yield from (Row(f"{inner}{line}" if line else "") for line in lines)
        return
    if comment:
        yield Row(" " * indent + comment)
    yield Row(f"{start}{anchor}{first}")
    for line in lines:
        stripped = (
            line.strip(" \t") if not line.rstrip(" \t").endswith("\\") else line.lstrip(" \t")
        )
        yield Row(f"{inner}{stripped}" if stripped else "")
