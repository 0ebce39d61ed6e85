"""`gatewright lsp`: what editors ask, over stdin and stdout."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

from cli import exits
from cli.policy import existing

NAME: Final = "lsp"

_EPILOG: Final = """\
examples:
  gatewright lsp                       what an editor runs, in the folder that is open in it
  gatewright lsp --policy policies/    every file of the editor is part of this policy

The server needs pygls: `uv tool install 'gatewright[lsp]'`. It gives diagnostics as `gatewright
check` does, completion of keys and names, on hover what holds in the end and where that comes from,
definitions, references, and symbols. docs/editors.md has the lines for VS Code, Neovim, Helix,
Emacs and JetBrains.

exit codes: 0 the editor said goodbye; 2 wrong options; 3 no such policy, or pygls is not there
"""


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `lsp` to the command line."""
    parser = subparsers.add_parser(
        NAME,
        help="run the language server for an editor",
        description="Speak the Language Server Protocol over stdin and stdout.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--policy",
        type=Path,
        metavar="POLICY",
        help="the policy, a file or a folder; unless given, the nearest folder above a document "
        "with a file that says `gatewright:`",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until the editor leaves."""
    policy = None if args.policy is None else existing(args.policy).resolve()
    try:
        from cli.editors.server import server
    except ModuleNotFoundError as error:
        if error.name not in ("pygls", "lsprotocol"):
            raise
        raise exits.CannotRunError(
            "the language server needs pygls", hint="install it: pip install 'gatewright[lsp]'"
        ) from error
    # What is printed by mistake must not stand between messages; and pygls closes what it wrote to.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output, redirect_stdout(sys.stderr):
        server(policy).start_io(stdout=output)
    return exits.OK
