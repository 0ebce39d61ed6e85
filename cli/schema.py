"""`gatewright schema`: the language, for editors and other machines."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cli import exits

NAME = "schema"

EPILOG = """\
examples:
  gatewright schema                                  print it
  gatewright schema --output gatewright.schema.json  write it to a file
  gatewright schema --of plan                        what `compile --emit plan --json` prints

editors with the YAML language server (VS Code, Neovim, JetBrains, ...) complete and check a policy
that begins with this line, a path or a URL:
  # yaml-language-server: $schema=gatewright.schema.json

The schema knows keys, types, forms and the words that may be used. What needs more than one value
to judge (names that lead nowhere, routes in the shadow of others) is told by `gatewright check`.

exit codes: 0 printed; 2 wrong options; 3 the file cannot be written
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `schema` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="print the language as JSON Schema, for editors; or that of compiled plans",
        description="Print the JSON Schema (draft 2020-12) of a policy file, or of a plan.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--of",
        choices=("policy", "plan"),
        default="policy",
        help="a policy file, or a compiled plan as JSON (default: policy)",
    )
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE", help="write to this file instead of stdout"
    )


def run(args: argparse.Namespace) -> int:
    """Print or write the schema."""
    text = json.dumps(_schema(args.of), indent=2, ensure_ascii=False) + "\n"
    if args.output is None:
        sys.stdout.write(text)
    else:
        output: Path = args.output
        output.write_text(text, encoding="utf-8")
    return exits.OK


def _schema(of: str) -> dict[str, Any]:
    if of == "plan":
        from compiler.schema.plan_schema import plan_schema

        return plan_schema()
    from compiler.schema.json_schema import json_schema

    return json_schema()
