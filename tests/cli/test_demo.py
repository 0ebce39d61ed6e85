"""`make demo` keeps working: the quickstart, end to end, with the official SDKs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.leftovers import left_over, marked

pytestmark = pytest.mark.e2e


def test_the_demo_runs_to_its_end_and_leaves_nothing(repository):
    """Each step of the demo asserts what it saw, so its exit code says it all."""
    environment = marked()
    done = subprocess.run(
        [sys.executable, "examples/quickstart/demo.py"],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "chat, openai answers 429           backup/llama-3.3-70b, attempt 2" in done.stdout
    assert left_over(environment) == []
