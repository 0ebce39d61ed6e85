"""The entry point: parses the command line and runs one command.

Every command is a module of this package with `NAME`, `add_parser(subparsers)` and
`run(args) -> exit code`. Importing a command is cheap: what is heavy is imported inside its `run`.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final, Protocol

from cli import (
    __version__,
    bootstrap,
    check,
    compile,  # noqa: A004 - a command's name is its module's
    diff,
    edge,
    exits,
    explain,
    fmt,
    keys,
    lsp,
    providers,
    replay,
    rollout,
    schema,
    serve,
    simulate,
    status,
    test,
    up,
    usage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG: Final = """\
first steps:
  gatewright check gateway.yaml            is the policy right? every error with its place
  gatewright up --simulate gateway.yaml    run it here with simulated providers, no key needed
  gatewright COMMAND --help                each command tells its own examples

exit codes:
    0  done; the policy has no errors
    1  the policy has errors; each is printed with its place
    2  the command line is wrong
    3  the machine refused: a file, a port, an Envoy that is not there
   70  a bug in gatewright; GATEWRIGHT_DEBUG=1 shows the traceback
  130  interrupted by Ctrl-C
  141  the reader of the output went away
"""


class Command(Protocol):
    """What a module must have to be a command."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a module's constant, seen from outside
        """The word after `gatewright`."""

    def add_parser(self, subparsers: argparse._SubParsersAction[Any], /) -> Any:
        """Add the command's own parser, with its help and its examples."""

    def run(self, args: argparse.Namespace, /) -> int:
        """Do it; the result is one of the exit codes of `cli.exits`."""


# In the order --help shows them: writing a policy, running it, the tools around it.
COMMANDS: Final[tuple[Command, ...]] = (
    check,
    fmt,
    compile,
    explain,
    diff,
    replay,
    test,
    up,
    serve,
    edge,
    status,
    rollout,
    keys,
    usage,
    bootstrap,
    schema,
    lsp,
    providers,
    simulate,
)


def parser(commands: Sequence[Command] = COMMANDS) -> argparse.ArgumentParser:
    """The whole command line as one argparse parser; docs/commands.md is made from it."""
    root = argparse.ArgumentParser(
        prog="gatewright",
        description="Write your gateway as a policy file. Envoy runs it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"gatewright {__version__}")
    subparsers = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in commands:
        command.add_parser(subparsers)
    return root


def main(argv: Sequence[str] | None = None, commands: Sequence[Command] = COMMANDS) -> int:
    """Run one command and return its exit code; argparse itself leaves with 2 on a wrong line."""
    args = parser(commands).parse_args(argv)
    collect_rarely()
    chosen = {command.NAME: command for command in commands}[args.command]
    try:
        code = chosen.run(args)
        # Here, and not at the interpreter's end, where a closed pipe can only be complained about
        sys.stdout.flush()
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more as it ends: give it somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.BROKEN_PIPE
    except exits.CannotRunError as error:
        return _cannot_run(str(error), error.hint)
    except OSError as error:
        return _cannot_run(str(error), None)
    except Exception as error:  # noqa: BLE001 - the last stop: a user gets a sentence, not a traceback
        return _bug(error)
    return code


def collect_rarely() -> None:
    """Let Python's cycle collector run less often than it would by itself.

    A compilation makes millions of objects and hardly a cycle: at the default threshold the
    collector takes a third of the time of 10,000 routes, and finds nothing. Nor does it look
    through all of them once more as the process ends.
    """
    gc.set_threshold(200_000, 50, 1_000)
    atexit.register(gc.freeze)


def _cannot_run(message: str, hint: str | None) -> int:
    if _debugging():
        traceback.print_exc()
    print(f"gatewright: {message}", file=sys.stderr)
    if hint:
        print(f"  = help: {hint}", file=sys.stderr)
    return exits.ENVIRONMENT


def _bug(error: Exception) -> int:
    if _debugging():
        traceback.print_exc()
        return exits.BUG
    # The type alone: a message could quote a secret, and this line is made to be pasted.
    print(
        f"gatewright: internal error ({type(error).__name__}). This is a bug: please report it,\n"
        "  with the command you ran and the traceback that GATEWRIGHT_DEBUG=1 shows.",
        file=sys.stderr,
    )
    return exits.BUG


def _debugging() -> bool:
    return os.environ.get("GATEWRIGHT_DEBUG", "") not in {"", "0"}
