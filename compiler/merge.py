"""Lay the files of a policy over each other: one root mapping of all their sections."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.diagnostic import Label, Reporter
from compiler.node import Entry, Mapping, Node, Scalar, Sequence


def merge(roots: Iterable[Mapping], reporter: Reporter) -> Mapping | None:
    """Give one mapping of all files' sections, or None where there are none.

    Sections that are mappings (``services``) are merged by name, lists (``routes``) follow each
    other in the order of the files, and scalars (``name``) are given once. Whatever is given twice
    is an error that shows both places. The mapping's own place is the first file's.
    """
    files = tuple(roots)
    if not files:
        return None
    if len(files) == 1:
        return files[0]
    sections: dict[str, Entry] = {}
    parts: dict[str, list[Node]] = {}
    for root in files:
        for name, entry in root.entries.items():
            first = sections.setdefault(name, entry)
            if first is entry:
                parts[name] = [entry.value]
            elif type(first.value) is not type(entry.value):
                _report_shape(name, first, entry, reporter)
            elif isinstance(entry.value, Scalar):
                _report_twice(name, first, entry, reporter)
            else:
                parts[name].append(entry.value)
    merged = {
        name: Entry(entry.key, _joined(parts[name], reporter)) for name, entry in sections.items()
    }
    first_file = files[0]
    return Mapping(first_file.lines, first_file.start, first_file.end, merged)


def _joined(parts: list[Node], reporter: Reporter) -> Node:
    """Join sections of one name; the first one's place stands for all."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Sequence):
        items = tuple(item for part in parts if isinstance(part, Sequence) for item in part.items)
        return Sequence(first.lines, first.start, first.end, items)
    entries: dict[str, Entry] = {}
    for part in parts:
        if isinstance(part, Mapping):
            for name, entry in part.entries.items():
                known = entries.setdefault(name, entry)
                if known is not entry:
                    _report_twice(name, known, entry, reporter)
    return Mapping(first.lines, first.start, first.end, entries)


def _report_twice(name: str, first: Entry, again: Entry, reporter: Reporter) -> None:
    reporter.error(
        "duplicate-key",
        f"`{name[:80]}` is given in two files",
        again.key.span,
        "given again here",
        labels=(Label(first.key.span, "first given here"),),
        hint="remove or rename one of them",
    )


def _report_shape(name: str, first: Entry, other: Entry, reporter: Reporter) -> None:
    kind = {Scalar: "one value", Sequence: "a list", Mapping: "a mapping"}
    reporter.error(
        "section-mismatch",
        f"`{name[:80]}` is {kind[type(other.value)]} here and {kind[type(first.value)]} elsewhere",
        other.key.span,
        labels=(Label(first.key.span, f"{kind[type(first.value)]} here"),),
        hint="a section has the same form in every file",
    )
