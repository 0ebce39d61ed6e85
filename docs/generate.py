"""Writes the generated pages of docs/, or with --check tells which are out of date.

A page is made from what the program itself knows (the argparse parsers, the schema's docstrings),
so it cannot tell something else than the program does. `make docs` writes, `make check` checks.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from docs import commands_page, language_page, lints_page, metrics_page, policies_page

FOLDER: Final = Path(__file__).parent

# One line a page: the file, and the pure function that makes its text.
PAGES: Final[tuple[tuple[str, Callable[[], str]], ...]] = (
    ("commands.md", commands_page.render),
    ("language.md", language_page.render),
    ("policies.md", policies_page.render),
    ("lints.md", lints_page.render),
    ("metrics.md", metrics_page.render),
)


def stale(folder: Path = FOLDER) -> list[str]:
    """The pages whose file differs from what would be written: a unified diff for each."""
    diffs = []
    for name, render in PAGES:
        path = folder / name
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        made = render()
        if found != made:
            lines = difflib.unified_diff(
                found.splitlines(keepends=True), made.splitlines(keepends=True), name, "generated"
            )
            diffs.append("".join(lines))
    return diffs


def write(folder: Path = FOLDER) -> None:
    """Write every generated page."""
    for name, render in PAGES:
        (folder / name).write_text(render(), encoding="utf-8")


def main() -> int:
    """Write the pages; with --check print what differs and return 1."""
    arguments = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    if not arguments.parse_args().check:
        write()
        return 0
    diffs = stale()
    for diff in diffs:
        print(diff)
    if diffs:
        print("docs/ is out of date: run `make docs` and commit what it wrote", file=sys.stderr)
    return 1 if diffs else 0


if __name__ == "__main__":
    sys.exit(main())
