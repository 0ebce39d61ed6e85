"""Invariants that are kept elsewhere than the policy, such as those of a whole organisation.

A file of them holds nothing but `invariants:`. They are put behind those of the policy, each with
its place in its own file, and nothing in the policy can take one away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from compiler.compose import compose
from compiler.diagnostic import Reporter
from compiler.lines import Lines
from compiler.node import Entry, Mapping, Node, Sequence
from compiler.read import Sources, read_alone
from compiler.source import SourceFile, Span

SECTION = "invariants"


def with_invariants(sources: Sources, paths: Iterable[Path]) -> Sources:
    """Give the sources of a policy with files of invariants, which are read."""
    files = [*sources.invariants]
    problems = [*sources.problems]
    for path in paths:
        source, problem = read_alone(path)
        files.append(source)
        if problem is not None:
            problems.append(problem)
    return replace(sources, invariants=tuple(files), problems=tuple(problems))


def graft_invariants(root: Mapping, sources: Sources, reporter: Reporter) -> Mapping:
    """Give the policy with the invariants of all such files behind its own."""
    entry = root.entries.get(SECTION)
    items: list[Node] = []
    if entry is not None:
        if not isinstance(entry.value, Sequence):
            return root  # for `parse` to judge
        items += entry.value.items
    before = len(items)
    for source in sources.invariants:
        found = _section(source, reporter)
        if found is not None and isinstance(found.value, Sequence):
            items += found.value.items
            entry = entry or found
    if entry is None or len(items) == before:
        return root
    first = entry.value
    section = Entry(entry.key, Sequence(first.lines, first.start, first.end, tuple(items)))
    return Mapping(root.lines, root.start, root.end, {**root.entries, SECTION: section})


def _section(source: SourceFile, reporter: Reporter) -> Entry | None:
    """Load one file, and give its invariants."""
    lines = Lines(source)
    before = len(reporter.diagnostics)
    node = compose(lines, reporter)
    if len(reporter.diagnostics) > before:
        return None
    if not isinstance(node, Mapping) or SECTION not in node.entries:
        at = lines.span(0, 0)
        _report(f"`{source.name}` is no file of invariants", at, reporter)
        return None
    for name, entry in node.entries.items():
        if name != SECTION:
            _report(f"a file of invariants has no `{name[:80]}`", entry.key.span, reporter)
    found = node.entries[SECTION]
    if not isinstance(found.value, Sequence):
        _report("`invariants` is a list", found.key.span, reporter)
        return None
    return found


def _report(message: str, at: Span, reporter: Reporter) -> None:
    reporter.error(
        "bad-invariants-file",
        message,
        at,
        hint="it holds nothing but `invariants: [{ name: .., forbid: { .. } }]`",
    )
