"""The lines of an access log, one after the other: of a file, packed or not, or standard input."""

from __future__ import annotations

import contextlib
import gzip
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from cli import exits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compiler.recorded.line import Recorded

LONGEST = 1 << 20
"""Bytes of a line above which it is not read as one: Envoy's are some hundred."""
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be read, and why."""

    file: str
    number: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number}: {self.reason}"


def log_lines(file: str) -> Iterator[Recorded | BadLine]:
    """Give each line of a log as it is read, and those that are none; empty lines are passed over.

    Memory is bounded by the longest line.

    Raises:
        CannotRunError: the file cannot be read.
    """
    from compiler.recorded.line import NotALineError, parse_line

    shown = "stdin" if file == "-" else file
    number = 0
    try:
        with _opened(file) as stream:
            while text := stream.readline(LONGEST):
                number += 1
                if len(text) == LONGEST and not text.endswith(b"\n"):
                    _skip_line(stream)
                    yield BadLine(shown, number, f"it is longer than {LONGEST >> 20} MiB")
                elif text.strip():
                    try:
                        yield parse_line(text)
                    except NotALineError as error:
                        yield BadLine(shown, number, str(error))
    except (EOFError, zlib.error, OSError) as error:
        at = f" behind line {number}" if number else ""
        raise exits.CannotRunError(f"{shown} cannot be read{at}: {error}") from None


def _skip_line(stream: IO[bytes]) -> None:
    while (rest := stream.readline(LONGEST)) and not rest.endswith(b"\n"):
        pass


@contextlib.contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    """Open a log; what is packed is known by how it begins, whatever it is called."""
    with contextlib.ExitStack() as stack:
        raw: IO[bytes]
        raw = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        peek = getattr(raw, "peek", None)
        if peek is not None and peek(2)[:2] == _GZIP:
            raw = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=raw)))
        yield raw
