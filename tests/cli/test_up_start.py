"""What `gatewright up` says when it cannot start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli import exits

REPOSITORY = Path(__file__).parents[2]
GOOD = """\
gatewright: v1
name: edge
listeners: { public: { address: 127.0.0.1, port: 8080 } }
routes:
  - { match: /, respond: { status: 200 } }
"""


def up(policy: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    policy.write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "cli", "up", "--ports", "auto", *options, str(policy)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def policy(tmp_path):
    return tmp_path / "gateway.yaml"


def test_a_wrong_policy_is_not_said_to_be_served_on(policy):
    """At the start there is no last good one."""
    done = up(policy, GOOD.replace("200", "20"))
    assert done.returncode == exits.POLICY
    assert "there is no other to serve" in done.stderr
    assert "last good" not in done.stderr


def test_an_envoy_that_ends_at_once_is_told_with_its_own_code(policy, tmp_path):
    """The warden ends with Envoy's code, and nothing of ours adds noise of its own."""
    envoy = tmp_path / "envoy"
    envoy.write_text("#!/bin/sh\necho no such flag >&2\nexit 7\n")
    envoy.chmod(0o755)
    done = up(policy, GOOD, "--envoy", str(envoy))
    assert done.returncode == exits.ENVIRONMENT
    assert "no such flag" in done.stderr
    assert "with code 7" in done.stderr
    assert "Fatal" not in done.stderr
    assert "Warning" not in done.stderr
