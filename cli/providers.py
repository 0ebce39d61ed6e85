"""`gatewright providers`: which client APIs stand in front of which providers."""

from __future__ import annotations

import argparse
from typing import Any, Final

from cli import exits

NAME: Final = "providers"

_EPILOG: Final = """\
examples:
  gatewright providers           two tables: how each API is served, and what providers can do
  gatewright providers --json    one array: client, provider, way and features of each pair

Every model is offered on all APIs that all of its targets can serve, unless it says `apis:`. Lists
of models (GET /v1/models) are answered by the gateway itself.

exit codes: 0 printed; 2 wrong options
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `providers` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="print which client APIs each kind of provider serves, and how",
        description="Print the table of client APIs and providers: whether requests are passed on "
        "as they are or translated, and what the provider's API has words for.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    import json

    from cli.providers_table import as_data, as_text

    print(json.dumps(as_data(), indent=2) if args.json else as_text())
    return exits.OK
