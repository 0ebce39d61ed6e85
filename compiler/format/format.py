"""From a file's text to the same in the canonical layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from compiler.compose import compose
from compiler.diagnostic import Diagnostic, Reporter
from compiler.format.arrange import arrange
from compiler.format.layout import Row, rows
from compiler.format.order import ROOT, endpoints
from compiler.format.pieces import comments_of
from compiler.format.read_tree import read_tree
from compiler.format.tree import Collection, Tree
from compiler.lines import Lines
from compiler.node import plain
from compiler.source import SourceFile

_GAP = 2


class CannotFormatError(Exception):
    """The text is no YAML of a policy, which ``diagnostics`` show, or cannot be laid out safely."""

    def __init__(self, message: str, diagnostics: Iterable[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


def format_source(source: SourceFile) -> str:
    """Give a file's text in the canonical layout.

    Raises CannotFormatError where the text cannot be read. What comes out says the same, with
    every comment, and is itself laid out so; ends of lines are LF, and an empty file stays empty.
    """
    if source.name.endswith(".json"):
        raise CannotFormatError(f"{source.name} is JSON, and the layout is that of YAML")
    text = source.text.replace("\r\n", "\n")
    before = _meaning(SourceFile(source.name, text))
    tree = read_tree(text)
    made = _joined(list(_rows(tree)))
    if _meaning(SourceFile(source.name, made)) != before or _comments(made) != _comments(text):
        # Never seen; and should it be, the file stays as it is.
        raise CannotFormatError(f"{source.name} is written in a way that cannot be laid out safely")
    return made


def _rows(tree: Tree) -> Iterator[Row]:
    if tree.root is None:
        yield from map(Row, _ended(tree.above))
        return
    yield from map(Row, tree.above)
    # By what it is, and not by its name, which stdin has none of: only endpoints are a list.
    is_list = isinstance(tree.root, Collection) and not tree.root.is_mapping
    kinds = endpoints() if is_list else ROOT
    yield from rows(arrange(tree.root, kinds), kinds)
    yield from map(Row, _ended(tree.below))


def _ended(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out blank lines at the end; those of a text that keeps them are no such lines."""
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def _joined(laid: list[Row]) -> str:
    """Write rows as text; comments behind lines that follow each other begin at one column."""
    lines: list[str] = []
    start = 0
    while start < len(laid):
        end = start
        while end < len(laid) and laid[end].comment:
            end += 1
        width = max((len(row.code) for row in laid[start:end]), default=0) + _GAP
        lines += [f"{row.code:<{width}}{row.comment}" for row in laid[start:end]]
        if end < len(laid):
            lines.append(laid[end].code)
        start = end + 1
    text = "\n".join(lines).lstrip("\n")
    return f"{text}\n" if text else ""


def _meaning(source: SourceFile) -> object:
    """Give what a text says, without places; raises CannotFormatError where it says nothing."""
    reporter = Reporter()
    node = compose(Lines(source), reporter)
    if reporter.failed:
        raise CannotFormatError(f"{source.name} cannot be read", reporter.diagnostics)
    return None if node is None else plain(node)


def _comments(text: str) -> Counter[str]:
    return Counter(comment for _, comment in comments_of(text))
