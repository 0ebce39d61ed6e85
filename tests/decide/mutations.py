"""Plants semantic bugs one at a time into a copy of the source, and sees whether they are caught.

`python -m tests.decide.mutations [--only NAME]` prints a table and ends with 1 where one survives.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.decide.planted_bugs import MUTATIONS, Mutation

REPOSITORY = Path(__file__).parents[2]
COPIED = (
    "bench", "cli", "compiler", "deploy", "docs", "examples", "ext_authz", "policies", "simulator",
    "tests", "typings", "xds",
)  # fmt: skip
SEED = 6
PLANS = {"rest": (60, 16), "native": (16, 40)}
ELSEWHERE = (16, 40)
_TOLD = re.compile(r"FAILED |.* [0-9]+ pairs, [0-9]+ differences")


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a planted bug; ``said`` is the last of what its catcher printed."""

    mutation: Mutation
    caught: bool
    seconds: float
    said: str


def tried(mutation: Mutation) -> Tried:
    """Plant a bug into a copy, and run what is to catch it there."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gatewright-mutated-") as folder:
        copy = Path(folder)
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(REPOSITORY / name, copy / name, ignore=ignored)
        for name in ("pyproject.toml", "README.md", "Makefile", "CHANGELOG.md"):
            shutil.copy(REPOSITORY / name, copy)
        planted = copy / mutation.file
        text = planted.read_text()
        if mutation.old not in text:
            raise ValueError(f"{mutation.name}: {mutation.file} does not hold what is replaced")
        planted.write_text(text.replace(mutation.old, mutation.new))
        done = subprocess.run(
            _command(mutation.by),
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    told = [line for line in done.stdout.splitlines() if _TOLD.match(line)]
    # Whoever cannot even begin has caught nothing.
    caught = done.returncode != 0 and bool(told)
    said = told[-1] if told else (done.stderr.splitlines() or done.stdout.splitlines())[-1]
    return Tried(mutation, caught, time.monotonic() - began, said)


def _command(by: str) -> list[str]:
    if by.startswith("tests/"):
        return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", by]
    plans, pairs = PLANS.get(by, ELSEWHERE)
    hold = [sys.executable, "-m", "tests.decide.hold", by]
    return [*hold, "--plans", str(plans), "--pairs", str(pairs), "--seed", str(SEED)]


def main() -> int:
    """Try all of them, or those whose name holds a text."""
    parser = argparse.ArgumentParser(prog="python -m tests.decide.mutations", description=__doc__)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    survived = 0
    for mutation in MUTATIONS:
        if given.only in mutation.name or given.only == mutation.by:
            one = tried(mutation)
            survived += not one.caught
            word = "caught" if one.caught else "SURVIVED"
            sys.stdout.write(
                f"| {mutation.name} | {mutation.file} | {mutation.by} | {word}: {one.said} | "
                f"{one.seconds:.0f} s |\n"
            )
            sys.stdout.flush()
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
