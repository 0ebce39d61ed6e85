"""`gatewright replay`: which recorded requests a change of the policy would have changed."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from cli import exits

if TYPE_CHECKING:
    from compiler.plan import Plan

NAME: Final = "replay"
CHANGED: Final = 2
"""The exit code where a request changes, as of `gatewright diff`."""

_EPILOG: Final = """\
examples:
  gatewright replay access.log before/ after/     two folders, or files
  gatewright replay access.log.gz main .          a Git revision against this folder's policy
  zcat logs/*.gz | gatewright replay - main . --json

LOG is an access log of ours, one JSON object a line, packed or not; `-` is standard input. It is
read line by line, and needs no more memory where it is long. A is taken for the policy by which it
was served: what providers and services did then is given to both sides, who asked is taken from the
log. Bodies and queries are not in it: what only they decide does not change here. What limits and
budgets have counted is not known: nothing is used up.

exit codes: 0 no request changes; 1 a side does not compile, no line of the log can be read, or
wrong options; 2 requests change; 3 a file or a revision is not there
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `replay` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="show which recorded requests a change of the policy changes, and how",
        description="Decide the requests of an access log under two policies: how many change, "
        "how, and whose: identity, redaction, status, route, who serves them, cost.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("log", metavar="LOG", help="the access log; - is standard input")
    parser.add_argument("before", metavar="A", help="the policy as it was")
    parser.add_argument(
        "after", metavar="B", nargs="?", default=".", help="as it is to be (default: this folder)"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument(
        "--examples",
        type=int,
        default=3,
        metavar="N",
        help="how many request ids are told of each change (default: 3)",
    )

    def error(message: str) -> NoReturn:
        # 2 is the answer that requests change.
        parser.print_usage(sys.stderr)
        print(f"{parser.prog}: error: {message}", file=sys.stderr)
        sys.exit(exits.POLICY)

    parser.error = error


def run(args: argparse.Namespace) -> int:
    """Replay; exit code 2 where a request changes."""
    from cli.log_lines import BadLine, log_lines
    from cli.replay_report import Bad, data, text
    from compiler.replaying.replay import Replay

    before, after = _plan(args.before, args.after, "A"), _plan(args.after, args.before, "B")
    if before is None or after is None:
        return exits.POLICY
    replay = Replay(before, after, examples=max(args.examples, 0))
    bad = Bad()
    for line in log_lines(args.log):
        if isinstance(line, BadLine):
            bad.count += 1
            bad.first = bad.first or str(line)
        else:
            replay.add(line)
    tally = replay.tally
    if args.json:
        print(json.dumps(data(tally, bad), indent=2, ensure_ascii=False))
    else:
        print(text(tally, bad))
    if bad.count and not tally.requests:
        return exits.POLICY
    return CHANGED if tally.changed else exits.OK


def _plan(side: str, other: str, word: str) -> Plan | None:
    """Compile a side as far as its plan; None where it has errors, which are shown."""
    from cli.diff_sides import named, sources_of_side
    from cli.policy import show
    from compiler.pipeline import compile_sources

    one = named(side)
    compiled = compile_sources(sources_of_side(one, named(other)), until="plan")
    if compiled.ok:
        return compiled.plan
    show(compiled, "text")
    print(f"gatewright replay: {word} ({one.label}) does not compile", file=sys.stderr)
    return None
