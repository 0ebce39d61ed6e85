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


NATIVE = """
gatewright: v1
name: native
listeners: { public: { address: 127.0.0.1, port: 8080 } }
services: { orders: { endpoints: ["127.0.0.1:9000"] } }
providers: { openai: { api: openai, key: env:OPENAI_API_KEY } }
models: { fast: { targets: [openai/gpt-4o-mini], apis: [chat, embeddings] } }
issuers:
  corp: { issuer: https://login.corp.example, jwks: file:jwks.json, audiences: [gatewright] }
tiers: { free: { limits: [{ limit: 20 requests/minute, per: edge }] } }
tenants:
  acme: { tier: free, routes: [orders, llm], addresses: [10.0.0.0/8] }
routes:
  - { name: orders, match: /orders, service: orders, auth: jwt }
  - { name: llm, match: /v1, serve: llm, auth: [jwt, none] }
"""


@pytest.mark.parametrize(
    ("ledger", "runs"), [("", False), ("ledger: { store: none }", False), ("ledger: {}", True)]
)
def test_tenants_with_tokens_need_no_edge_unless_a_ledger_is_written(
    ledger, runs, tmp_path, capsys
):
    """No service is asked about them, and Envoy hears of none: its own filters do all of it."""
    (tmp_path / "gateway.yaml").write_text(f"{NATIVE}{ledger}\n")
    (tmp_path / "jwks.json").write_text('{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}')
    told = {}
    for stage in ("lanes", "versions"):
        assert main(["compile", str(tmp_path), "--emit", stage, "--json"]) == exits.OK
        told[stage] = json.loads(capsys.readouterr().out)
    assert {one["route"]: one["carrier"] for one in told["lanes"]["guards"]} == {
        "orders": "native",
        "llm": "native",
    }
    assert {one["lane"] for one in told["lanes"]["lanes"]} == {"native"}
    served = json.dumps(told["versions"])
    assert [name in served for name in ("gatewright/edge", "gatewright.edge.v1")] == [runs, runs]
