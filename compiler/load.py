"""The first stage: text to nodes. Syntax is judged here, meaning is not."""

from __future__ import annotations

from compiler.compose import compose
from compiler.diagnostic import Reporter
from compiler.endpoints_file import graft
from compiler.invariants_file import graft_invariants
from compiler.jwks_file import graft_key_sets
from compiler.lines import Lines
from compiler.merge import merge
from compiler.node import Mapping, Node, Scalar, Sequence
from compiler.read import Sources
from compiler.source import SourceFile


def load(sources: Sources, reporter: Reporter) -> Mapping:
    """Give the policy as one mapping of nodes, each with its place.

    Every file is looked at, whatever is wrong with the others, and every problem of reading them
    is reported here. The result is empty where no file could be loaded.
    """
    for problem in sources.problems:
        reporter.add(problem)
    roots: list[Mapping] = []
    empty: list[Lines] = []
    for source in sources.policies:
        lines = Lines(source)
        before = len(reporter.diagnostics)
        node = compose(lines, reporter)
        if isinstance(node, Mapping):
            roots.append(node)
        elif node is None or (isinstance(node, Scalar) and node.value is None):
            if len(reporter.diagnostics) == before:
                empty.append(lines)
        else:
            _report_root(node, lines, reporter)
    for lines in empty:
        # A file among others may wait for its contents; a policy of nothing is a mistake.
        report = reporter.warning if roots else reporter.error
        hint = "a policy begins with `gatewright: v1`" if not roots else None
        report("empty-file", "this file says nothing", lines.span(0, 0), hint=hint)
    merged = merge(roots, reporter)
    if merged is None:
        nothing = Lines(sources.policies[0] if sources.policies else SourceFile("", ""))
        return Mapping(nothing, 0, 0, {})
    whole = graft_key_sets(graft(merged, sources, reporter), sources, reporter)
    return graft_invariants(whole, sources, reporter)


def _report_root(node: Node, lines: Lines, reporter: Reporter) -> None:
    what = "a list" if isinstance(node, Sequence) else "a text"
    first = lines.position(node.start)[0]
    end = min(node.end, node.start + len(lines.line(first)))
    reporter.error(
        "not-a-mapping",
        f"a policy is a mapping of sections, and this file is {what}",
        lines.span(node.start, end),
        hint="a policy begins with `gatewright: v1`; lists of endpoints go in a folder `endpoints`",
    )
