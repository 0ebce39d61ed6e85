"""What every command that reads a policy has in common: its argument, and how faults are shown."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cli import __version__, exits

if TYPE_CHECKING:
    from collections.abc import Collection

    from compiler.pipeline import Compiled

AT_ONCE = 100
"""How many diagnostics a person is shown: whoever checks the wrong folder gets thousands."""

FORMATS = ("text", "json", "github", "gitlab", "sarif", "markdown")


def add_path(parser: argparse.ArgumentParser) -> None:
    """Add the policy argument: a file, or a folder of files; the current folder by default."""
    parser.add_argument(
        "path",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="POLICY",
        help="a policy file, or a folder of *.yaml files that make one (default: this folder)",
    )


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the choice of how diagnostics are written."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="how diagnostics are written: for people, machines, GitHub annotations, "
        "GitLab's code quality, code scanning, or a comment (default: text)",
    )
    group.add_argument(
        "--json", action="store_const", const="json", dest="format", help="short for --format json"
    )


def counted(things: Collection[object], noun: str) -> str:
    """Say how many there are: `1 route`, `2 routes`."""
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def is_there(name: str) -> bool:
    """Tell whether a word names a file or folder; one that is too long for a name does not."""
    try:
        return Path(name).exists()
    except OSError:
        return False


def existing(path: Path) -> Path:
    """Return the path, or leave with exit code 3 where nothing is there."""
    if not path.exists():
        raise exits.CannotRunError(
            f"there is no {path}", hint="name a policy file, or a folder that holds some"
        )
    return path


def show(compiled: Compiled, style: str, to: TextIO | None = None) -> None:
    """Write a compilation's diagnostics in one of FORMATS; to a person, the first `AT_ONCE`."""
    from compiler.render import render

    stream = sys.stderr if to is None else to
    people = style == "text"
    found = compiled.diagnostics[:AT_ONCE] if people else compiled.diagnostics
    text = render(
        found, compiled.sources, style, color=people and _colorful(stream), version=__version__
    )
    if text:
        print(text, file=stream, end="" if text.endswith("\n") else "\n")
    if len(found) < len(compiled.diagnostics):
        more = len(compiled.diagnostics) - len(found)
        print(f"\n... and {more} more; --format json shows all", file=stream)


def _colorful(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ
