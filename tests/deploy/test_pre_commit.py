"""The hooks for pre-commit: as its schema says, and run as it runs them."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
POLICY = """\
gatewright: v1
name: shop
listeners: { public: 8080 }
routes:
  - match: /orders   # for now
    respond: 404
"""


@pytest.fixture(scope="module")
def hooks():
    return yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def run(hook, folder, changed):
    """What pre-commit does: the entry, its arguments, and the changed files that it is for."""
    fitting = [name for name in changed if re.search(hook["files"], name)]
    fitting = [name for name in fitting if not re.search(hook.get("exclude", "^$"), name)]
    if not fitting:
        return None
    command = [*shlex.split(hook["entry"]), *hook.get("args", [])]
    if hook.get("pass_filenames", True):
        command += fitting
    command[0] = str(Path(sys.executable).with_name(command[0]))
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_as_the_schema_says(hooks):
    """SchemaStore's schema of the file."""
    schema = json.loads((ROOT / "tests/schemas/pre-commit-hooks.json").read_text())
    assert list(jsonschema.Draft7Validator(schema).iter_errors(hooks)) == []


@pytest.mark.slow
def test_check_and_layout(hooks, tmp_path):
    """`check` looks at the whole policy, `fmt` writes what changed; other YAML is left alone."""
    check, fmt = hooks
    (tmp_path / "policies").mkdir()
    file = tmp_path / "policies" / "gateway.yaml"
    file.write_text(POLICY)
    other = ["docker-compose.yaml", ".github/workflows/ci.yml", "policies/compiled/a/routes.yaml"]
    assert run(fmt, tmp_path, other) is None
    assert run(check, tmp_path, other[:2]) is None
    assert run(check, tmp_path, ["policies/gateway.yaml"]).returncode == 0
    done = run(fmt, tmp_path, ["policies/gateway.yaml", *other])
    assert done.returncode == 0, done.stderr
    assert file.read_text() != POLICY
    assert "# for now" in file.read_text()
    file.write_text(POLICY.replace("respond: 404", "service: orders"))
    done = run(check, tmp_path, ["policies/gateway.yaml"])
    assert done.returncode == 1
    assert "unknown-service" in done.stderr
