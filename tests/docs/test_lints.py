"""docs/lints.md knows every warning that the compiler can give."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from compiler.lints.registry import CODES, LINTS

ROOT = Path(__file__).parents[2]


def test_every_warning_has_an_entry():
    """A code that is given to `warning(...)` anywhere in the compiler stands in the registry."""
    given = set()
    for path in (ROOT / "compiler").rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if ".warning(" in text else ():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "warning"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                given.add(node.args[0].value)
    assert len(given) > 25
    assert given <= CODES


def test_codes_are_unique():
    """Each code has one entry."""
    assert not [code for code, count in Counter(one.code for one in LINTS).items() if count > 1]
