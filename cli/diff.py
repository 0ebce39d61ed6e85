"""`gatewright diff`: what a change of the policy does, before it ships."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from cli import exits

if TYPE_CHECKING:
    from cli.diff_sides import Named
    from compiler.diff.recorded import Used
    from compiler.diff.review import Review
    from compiler.pipeline import Compiled

NAME: Final = "diff"
DIFFERENT: Final = 2
"""The exit code of sides that do not do the same, as of `git diff --exit-code` and `cmp`."""

FORMATS: Final = ("text", "json", "markdown")

_EPILOG: Final = """\
examples:
  gatewright diff before/ after/                two folders, or files
  gatewright diff main                          this folder's policy, against the one of a branch
  gatewright diff main policies/                the same of another folder
  gatewright diff git:v1.4:policies git:HEAD:policies
  gatewright diff main . --usage last-month.json
  gatewright diff main . --format markdown > comment.md

A and B are files, folders, or Git revisions; git:REV:PATH says where the policy is, from the
repository's root. Work trees are not touched. --usage takes what this writes:
  gatewright usage --by tenant,model,route,provider,served --month 2026-11 --format json

Texts that mean the same have no difference, however they are ordered, commented and split.

exit codes: 0 both do the same; 1 a side does not compile (it is said which), or wrong options;
2 they differ; 3 a file or a revision is not there
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `diff` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="show what a change of the policy does, and to whom",
        description="Compare two policies by what they do: who gains and loses access, what is no "
        "longer redacted, limits, targets, cost, connections that drain, counters that start from "
        "zero, and Envoy's resources.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", metavar="A", help="the policy as it was")
    parser.add_argument(
        "after", metavar="B", nargs="?", default=".", help="as it is to be (default: this folder)"
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="for people, machines, or a comment on a pull request (default: text)",
    )
    group.add_argument(
        "--json", action="store_const", const="json", dest="format", help="short for --format json"
    )
    parser.add_argument(
        "--all", action="store_true", help="of text: every change, and the fields of all resources"
    )
    parser.add_argument(
        "--usage", type=Path, metavar="FILE", help="recorded usage (JSON or CSV): cost and traffic"
    )

    def error(message: str) -> NoReturn:
        # 2 is the answer that the sides differ.
        parser.print_usage(sys.stderr)
        print(f"{parser.prog}: error: {message}", file=sys.stderr)
        sys.exit(exits.POLICY)

    parser.error = error


def run(args: argparse.Namespace) -> int:
    """Compare; exit code 2 where the sides differ, and 1 where one of them does not compile."""
    from cli.diff_sides import named
    from compiler.diff.review import review

    sides = named(args.before), named(args.after)
    usage = None if args.usage is None else _usage(args.usage)
    compiled = [_compiled(one, other) for one, other in (sides, reversed(sides))]
    broken = False
    for side, one, word in zip(sides, compiled, ("A", "B"), strict=True):
        if not one.ok:
            broken = True
            _refuse(one, side.label, word)
    if broken:
        return exits.POLICY
    before, after = compiled
    found = review(before, after, names=(sides[0].label, sides[1].label), usage=usage)
    sys.stdout.write(_written(found, args.format, whole=args.all))
    return exits.OK if found.same else DIFFERENT


def _compiled(side: Named, other: Named) -> Compiled:
    from cli.diff_sides import sources_of_side
    from compiler.pipeline import compile_sources

    return compile_sources(sources_of_side(side, other), until="checked")


def _refuse(compiled: Compiled, label: str, word: str) -> None:
    """Say which side has which errors; what it is merely warned of is no matter here."""
    from dataclasses import replace

    from cli.policy import show
    from compiler.diagnostic import Severity

    errors = tuple(d for d in compiled.diagnostics if d.severity is Severity.ERROR)
    show(replace(compiled, diagnostics=errors), "text", sys.stderr)
    print(f"gatewright diff: {word} ({label}) does not compile", file=sys.stderr)


def _usage(path: Path) -> tuple[Used, ...]:
    from compiler.diff.recorded import NoUsageError, read_usage

    try:
        text = path.read_text(encoding="utf-8-sig")
        return read_usage(text)
    except UnicodeDecodeError:
        raise exits.CannotRunError(f"{path} is no text", hint=NoUsageError.hint) from None
    except NoUsageError as error:
        raise exits.CannotRunError(f"{path}: {error}", hint=error.hint) from None


def _written(found: Review, style: str, *, whole: bool) -> str:
    if style == "json":
        from compiler.diff.json_form import render_json

        return render_json(found)
    if style == "markdown":
        from compiler.diff.markdown import render_markdown

        return render_markdown(found)
    from compiler.diff.text import render_text

    return render_text(found, whole=whole)
