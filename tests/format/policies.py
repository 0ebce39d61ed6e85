"""The policies that layouts are tried on: examples, goldens and the valid ones of diagnostics."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from compiler.compose import compose
from compiler.diagnostic import Reporter
from compiler.format.pieces import comments_of
from compiler.lines import Lines
from compiler.node import plain
from compiler.source import SourceFile

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/gateway.yaml"))
FILES = sorted([*(ROOT / "examples").rglob("*.yaml"), *(ROOT / "tests/golden").glob("*/in.yaml")])


@cache
def meaning(text: str):
    """What a text says, without places."""
    reporter = Reporter()
    node = compose(Lines(SourceFile("gateway.yaml", text)), reporter)
    assert not reporter.diagnostics, reporter.diagnostics
    return None if node is None else plain(node)


@cache
def comments(text: str) -> list[str]:
    """Its comments, sorted."""
    return sorted(comment for _, comment in comments_of(text))
