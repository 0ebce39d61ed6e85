"""Builds the sdist and the wheel once a test session, and lists what they hold."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path


def build(repository: Path, into: Path) -> tuple[Path, Path]:
    """Build (sdist, wheel) with the installed hatchling: no build environment is downloaded."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(into), str(repository)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (sdist,) = into.glob("*.tar.gz")
    (wheel,) = into.glob("*.whl")
    return sdist, wheel


def tracked(repository: Path) -> set[str]:
    """Every file of the checkout that git knows or would offer to add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # A file that was removed but not yet committed is still listed.
    return {name for name in listed.split("\0") if name and (repository / name).is_file()}


def sdist_files(sdist: Path) -> set[str]:
    """The files of an sdist, without its top folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def wheel_files(wheel: Path) -> set[str]:
    """The files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())
