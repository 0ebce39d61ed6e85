"""`gatewright fmt`: the canonical layout of policy files."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli import exits
from cli.policy import existing

if TYPE_CHECKING:
    from compiler.diagnostic import Diagnostic
    from compiler.source import SourceFile

NAME: Final = "fmt"

_STDIN: Final = "-"
_SHOWN: Final = "<stdin>"

_EPILOG: Final = """\
examples:
  gatewright fmt                       every policy file of this folder
  gatewright fmt gateway.yaml teams/   files and folders
  gatewright fmt --check policies/     write nothing; 1 and a list where something would change
  gatewright fmt --diff gateway.yaml   write nothing; show what would change
  gatewright fmt - < gateway.yaml      from stdin to stdout, for editors

Comments and what the policy means are kept. Sections and keys stand in the order of the language's
page; what is small stands in brackets, on one line of at most 100 columns; texts are quoted where
they must be. A file is replaced as a whole and keeps its mode; one that cannot be read is left.

exit codes: 0 done, or nothing to do; 1 --check or --diff found a difference, or a file is no YAML
of a policy; 2 wrong options; 3 a file cannot be read or written
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `fmt` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="lay policy files out as the language's own examples are",
        description="Lay policy files out in the one canonical way, and keep every comment.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="policy files, folders of them, or - for stdin (default: this folder)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, and list what would change"
    )
    parser.add_argument(
        "--diff", action="store_true", help="write nothing, and show what would change"
    )


def run(args: argparse.Namespace) -> int:
    """Format; exit code 1 where a file is wrong, or would change and may not."""
    from compiler.format import CannotFormatError, format_source

    only_look = args.check or args.diff
    code = exits.OK
    changed = unchanged = 0
    for path, source, problem in _sources(args.paths or ["."]):
        if problem is not None:
            _show((problem,), source)
            code = exits.POLICY
            continue
        try:
            made = format_source(source)
        except CannotFormatError as error:
            _show(error.diagnostics, source)
            print(f"gatewright: {error}; it is left as it is", file=sys.stderr)
            code = exits.POLICY
            continue
        if path is None and not only_look:
            sys.stdout.write(made)
            continue
        if made == source.text:
            unchanged += 1
            continue
        changed += 1
        if only_look:
            code = exits.POLICY
            sys.stdout.writelines(_diff(source, made) if args.diff else [f"{source.name}\n"])
        elif path is not None:
            from cli.policy_replace import rewrite

            rewrite(path, source.text, made)
            print(source.name)
    if changed or unchanged:
        would = "would be " if only_look else ""
        print(f"{would}formatted: {changed}, as they should be: {unchanged}", file=sys.stderr)
    return code


def _sources(
    paths: Iterable[str],
) -> Iterator[tuple[Path | None, SourceFile, Diagnostic | None]]:
    """Give each file once, with its path and what hindered its reading; stdin has no path."""
    from compiler.read import read, sources_of
    from compiler.source import SourceFile

    seen: set[Path] = set()
    for name in paths:
        if name == _STDIN:
            found = sources_of({_SHOWN: sys.stdin.buffer.read()})
        else:
            found = read(existing(Path(name)))
        broken = {problem.span.file for problem in found.problems if problem.span is not None}
        for problem in found.problems:
            file = problem.span.file if problem.span is not None else name
            yield None, found.find(file) or SourceFile(file, ""), problem
        for source in (*found.policies, *found.endpoints):
            # Beside a single file others are read, which nobody named.
            other = name != _STDIN and not Path(name).is_dir() and Path(source.name) != Path(name)
            if source.name in broken or other:
                continue
            path = None if name == _STDIN else Path(source.name)
            if path is not None and path.resolve() in seen:
                continue
            if path is not None:
                seen.add(path.resolve())
            yield path, source, None


def _show(diagnostics: Iterable[Diagnostic], source: SourceFile) -> None:
    from compiler.read import Sources
    from compiler.render import render_text

    shown = render_text(tuple(diagnostics), Sources((source,)))
    print(shown, file=sys.stderr, end="")


def _diff(source: SourceFile, made: str) -> Iterator[str]:
    """Give a unified diff; what looks like a secret is masked in it, as in every message."""
    from compiler.render.mask_text import mask_text

    lines = difflib.unified_diff(
        mask_text(source),
        mask_text(replace(source, text=made)),
        source.name,
        f"{source.name} (formatted)",
    )
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n"
