"""`gatewright compile`: print what a policy becomes, at any stage."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import exits
from cli.policy import add_path, existing, show

if TYPE_CHECKING:
    from compiler.pipeline import Compiled

NAME = "compile"

EMITS = {
    "nodes": "the text as a tree, each value with its place",
    "document": "the sections as they were understood, before any name is resolved",
    "linked": "the same with every name resolved",
    "plan": "what the gateway does, defaults and all, without a word of Envoy's",
    "lanes": "which mechanism admits each route's requests and carries each model's, and why",
    "xds": "Envoy's resources by type, as they are served (secrets by name)",
    "versions": "the content hash of each resource",
    "groups": "what each group of nodes gets: listeners, routes, clusters, secrets, by name",
    "ratelimit": "limits on requests, for those who run the reference rate-limit service",
    "bootstrap": "one static file that `envoy -c` takes: to read, to validate (secrets empty)",
}
_UNTIL = {"nodes": "nodes", "document": "document", "linked": "linked", "plan": "plan"}
_UNTIL |= {"lanes": "plan", "xds": "checked", "bootstrap": "checked", "versions": "snapshot"}
_UNTIL |= {"groups": "fleet", "ratelimit": "plan"}

EPILOG = """\
examples:
  gatewright compile gateway.yaml                  Envoy's resources, as YAML
  gatewright compile gateway.yaml --emit plan      what was understood, every default written out
  gatewright compile policies/ --out compiled      a file a type and group, to commit and review
  gatewright compile policies/ --out compiled --check   is what is committed what it compiles to?
  gatewright compile --emit bootstrap --json -o envoy.json && envoy --mode validate -c envoy.json

what can be emitted:
""" + "\n".join(f"  {name:10} {text}" for name, text in EMITS.items())
EPILOG += """

With --out, files of earlier runs that nothing makes any more are removed; other files are left
alone. A folder called `compiled` is no part of a policy, wherever it lies.

exit codes: 0 printed; 1 the policy has errors, or --check found differences; 2 wrong options; 3 a
file cannot be read or written
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `compile` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="print what a policy becomes, at any stage",
        description="Compile a policy and print it as Envoy's resources, or as any stage before.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_path(parser)
    parser.add_argument(
        "--emit", choices=tuple(EMITS), default="xds", metavar="STAGE", help="default: xds"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of YAML")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", type=Path, metavar="FILE", help="write here, not stdout")
    where.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write Envoy's resources to this folder, one sorted YAML file a group and type",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="with --out: write nothing, and exit 1 where the folder is not what the policy "
        "compiles to",
    )


def run(args: argparse.Namespace) -> int:
    """Compile and print; exit code 1 where the policy has errors."""
    from compiler.pipeline import compile_path

    if args.out is not None:
        return _folder(args)
    if args.check:
        raise exits.CannotRunError("--check needs --out DIR", hint="which folder is to be checked?")
    compiled = compile_path(existing(args.path), until=_UNTIL[args.emit])
    show(compiled, "text")
    if not compiled.ok:
        return exits.POLICY
    text = _text(_emitted(compiled, args.emit), as_json=args.json)
    if args.output is None:
        sys.stdout.write(text)
    else:
        args.output.write_text(text, encoding="utf-8")
    return exits.OK


def _folder(args: argparse.Namespace) -> int:
    """Bring the folder up to date, or tell how it is not."""
    from cli.compiled_folder import check_place, differing, files_of, write
    from compiler.pipeline import compile_path

    folder: Path = args.out
    if args.json or args.emit != "xds":
        raise exits.CannotRunError(
            "--out writes Envoy's resources as YAML, and nothing else",
            hint="leave out --json and --emit, or write one file with -o FILE",
        )
    check_place(folder, existing(args.path))
    compiled = compile_path(args.path)
    show(compiled, "text")
    if not compiled.ok:
        return exits.POLICY
    files = files_of(compiled.fleet)
    found = differing(folder, files) if args.check else write(folder, files)
    for word, names in (
        ("missing" if args.check else "new", found.missing),
        ("changed", found.changed),
        ("stale" if args.check else "removed", found.stale),
    ):
        for name in names:
            print(f"{word:8} {(folder / name).as_posix()}")
    if args.check and found:
        hint = f"gatewright compile {args.path} --out {folder}"
        print(
            f"{folder} is not what the policy compiles to; write it again: {hint}", file=sys.stderr
        )
        return exits.POLICY
    return exits.OK


def _emitted(compiled: Compiled, what: str) -> Any:
    from compiler import dump
    from compiler.guards import choose_guards
    from compiler.ratelimit_config import ratelimit_config

    match what:
        case "nodes":
            return dump.dump_nodes(compiled.outputs["nodes"])
        case "document":
            return dump.plain(compiled.outputs["document"].document)
        case "linked":
            return dump.plain(compiled.outputs["linked"])
        case "plan":
            return dump.dump_plan(compiled.plan)
        case "lanes":
            guards = dump.dump_guards(choose_guards(compiled.plan))
            return {"guards": guards, "lanes": dump.dump_lanes(compiled.plan.lanes)}
        case "ratelimit":
            return ratelimit_config(compiled.plan)
        case "versions":
            return dump.dump_snapshot(compiled.snapshot)
        case "groups":
            return dump.dump_groups(compiled.fleet)
        case "bootstrap":
            from compiler.standalone import standalone

            return standalone(compiled.lowered)
        case _:
            return dump.dump_resources(compiled.lowered)


def _text(value: Any, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    from cli.envoy_yaml import envoy_yaml

    return envoy_yaml(value)
