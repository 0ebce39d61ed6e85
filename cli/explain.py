"""`gatewright explain`: what holds in the end, where it comes from, and what it overrides."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final

from cli import exits
from cli.policy import add_path, existing, show

NAME: Final = "explain"

_EPILOG: Final = """\
examples:
  gatewright explain tenant acme                 the policy in this folder
  gatewright explain tenant acme policies/
  gatewright explain tenant acme --json

Each value is shown with the place that it comes from: the tenant itself, its tier, a tier that this
one extends, or the default. What lost to it is shown below it. Keys are shown by their ids.

exit codes: 0 shown; 1 the policy has errors, or no such tenant; 2 wrong options; 3 a file cannot be
read
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `explain` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="show what a tenant may in the end, and where that comes from",
        description="Show what a tenant has in the end: models, routes, limits, keys, grants, each "
        "with the place that it comes from and what it overrides.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("tenant",), help="what is to be explained")
    parser.add_argument("name", metavar="NAME", help="its name")
    add_path(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Explain; exit code 1 where the policy has errors, or there is no such tenant."""
    from datetime import UTC, datetime

    from cli.tenant_shown import described, table
    from compiler.diagnostic import did_you_mean
    from compiler.pipeline import compile_path

    compiled = compile_path(existing(args.path), until="plan")
    if not compiled.ok:
        show(compiled, "text")
        return exits.POLICY
    tenants = {tenant.name: tenant for tenant in compiled.plan.tenants}
    tenant = tenants.get(args.name)
    if tenant is None:
        print(f"gatewright explain: there is no tenant `{args.name}`", file=sys.stderr)
        close = did_you_mean(args.name, tenants)
        if close is not None:
            print(f"  = help: did you mean `{close}`?", file=sys.stderr)
        return exits.POLICY
    shown = described(tenant, datetime.now(UTC))
    print(json.dumps(shown, indent=2, ensure_ascii=False) if args.json else table(shown))
    return exits.OK
