"""The exit codes of every command, and the one exception a command raises to leave with a message.

A script may rely on these numbers; `gatewright --help` lists them.
"""

from typing import Final

OK: Final = 0
"""It was done; the policy has no errors."""

POLICY: Final = 1
"""The policy has errors; each was printed as a diagnostic."""

USAGE: Final = 2
"""The command line was wrong (argparse's own number)."""

ENVIRONMENT: Final = 3
"""The machine refused: a file, a port, a process, an Envoy that is not there."""

BUG: Final = 70
"""Gatewright itself failed (EX_SOFTWARE of sysexits.h)."""

INTERRUPTED: Final = 130
"""Stopped by Ctrl-C (128 + SIGINT)."""

BROKEN_PIPE: Final = 141
"""The reader of the output went away (128 + SIGPIPE)."""


class CannotRunError(Exception):
    """The environment does not let the command run; printed as one line, with exit code 3.

    `hint`, when given, is a second line that says what to do about it.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
