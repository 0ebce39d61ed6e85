"""`gatewright compile`: every stage can be printed, the same way each time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from cli import exits
from cli.compile import EMITS
from cli.main import main


@pytest.fixture(scope="module")
def quickstart(repository):
    return repository / "examples" / "quickstart"


@pytest.mark.parametrize("stage", EMITS)
def test_yaml_and_json_say_the_same(stage, quickstart, capsys):
    """Each stage is printed as YAML for people and as JSON for machines, with one content."""
    assert main(["compile", str(quickstart), "--emit", stage]) == exits.OK
    as_yaml = yaml.safe_load(capsys.readouterr().out)
    assert as_yaml
    assert main(["compile", str(quickstart), "--emit", stage, "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out) == as_yaml


def test_two_processes_print_the_same_bytes(quickstart):
    """Nothing depends on hash seeds or on the process: the resources can be compared and signed."""
    printed = {
        subprocess.run(
            [sys.executable, "-m", "cli", "compile", str(quickstart), "--emit", "xds"],
            env={"PYTHONHASHSEED": seed},
            cwd=quickstart.parents[1],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_output_goes_to_a_file(quickstart, tmp_path, capsys):
    """With -o the file is written and stdout stays empty."""
    path = tmp_path / "envoy.json"
    assert main(["compile", str(quickstart), "--emit", "bootstrap", "--json", "-o", str(path)]) == 0
    assert capsys.readouterr().out == ""
    assert "static_resources" in json.loads(path.read_text())


def test_secrets_stay_references(quickstart, capsys, monkeypatch):
    """No stage prints a key, even where the environment has it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-must-not-show")
    for stage in EMITS:
        assert main(["compile", str(quickstart), "--emit", stage]) == exits.OK
    assert "sk-must-not-show" not in capsys.readouterr().out


def test_groups_show_whom_each_secret_goes_to(repository, capsys):
    """For a review: the key of one region's provider stands in that region's group alone."""
    fleet = repository / "examples" / "fleet"
    assert main(["compile", str(fleet), "--emit", "groups", "--json"]) == exits.OK
    groups = {one["group"]: one for one in json.loads(capsys.readouterr().out)}
    assert "generic/env:OPENAI_API_KEY" in groups["us"]["secrets"]
    assert "generic/env:OPENAI_API_KEY" not in groups["eu"]["secrets"]
    assert groups["eu"]["listeners"] == ["public"]
    assert groups["eu"]["routes"] == ["llm-eu", "shop", "shop-health"]
    assert "service/partner-api" not in groups["eu"]["clusters"]
