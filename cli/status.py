"""`gatewright status`: what each node of a fleet has of what it is to have."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Final

from cli import exits
from cli.operating import address
from cli.operator_client import DEFAULT, Operator
from cli.status_table import table

NAME: Final = "status"

_EPILOG: Final = """\
examples:
  gatewright status                                     once, as a table
  gatewright status --watch                             again and again, until Ctrl-C
  gatewright status --operator unix:/run/gatewright/operator.sock --json

It asks a running `gatewright serve --operator ADDRESS`. A node is SYNCED once it has accepted all
that it is to have, STALE while something newer is on its way, NACKED where it refused something
(it keeps what it had; the line of the policy is shown), NOT_SENT where it asked and got nothing
yet. Nodes that left stay for 15 minutes.

exit codes: 0 every connected node is synced with the whole policy; 1 some are not, nothing is
served yet, the newest policy is wrong, or part of it is refused or waits for a secret; 2 wrong
options; 3 nobody answers there
"""

_EVERY: Final = 2.0


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `status` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="show what each Envoy of a fleet has, and what it refused",
        description="Show what each node has of what it is to have, and the policy's line of what "
        "was refused.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--operator",
        type=address,
        default=DEFAULT,
        metavar="ADDRESS",
        help=f"host:port or unix:/path of the control plane's operator (default: {DEFAULT})",
    )
    parser.add_argument("--json", action="store_true", help="print the status as JSON")
    parser.add_argument(
        "--watch", action="store_true", help=f"ask again every {_EVERY:.0f} s, until Ctrl-C"
    )


def run(args: argparse.Namespace) -> int:
    """Ask and print."""
    operator = Operator(args.operator)
    while True:
        status = operator.get("/status")
        _show(status, args)
        if not args.watch:
            return exits.OK if synced(status) else exits.POLICY
        time.sleep(_EVERY)


def synced(status: dict[str, Any]) -> bool:
    """Tell whether every connected node has the whole of the newest policy."""
    return bool(status["complete"] and status.get("wrong") is None) and all(
        node["state"] == "SYNCED" for node in status["nodes"] if node["connected"]
    )


def _show(status: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps(status, indent=None if args.watch else 2), flush=True)
        return
    if args.watch and sys.stdout.isatty():
        print("\x1b[2J\x1b[H", end="")
    print(table(status, time.time()), flush=True)
