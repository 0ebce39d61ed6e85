"""The stage that looks at invariants: what it stops, and what it judges."""

from __future__ import annotations

import pytest

from cli import exits
from cli.main import main
from compiler.pipeline import compile_sources
from compiler.read import sources_of
from compiler.simulated import simulated

HEAD = """\
gatewright: v1
name: edge
listeners: { public: { port: 8080, address: 127.0.0.1 } }
services: { orders: { endpoints: ["10.0.0.1:80"] } }
routes: [{ match: /orders, service: orders }]
"""
NOBODY = "invariants: [{ name: x, forbid: { auth: none } }]\n"


def compiled(text, **more):
    return compile_sources(sources_of({"gateway.yaml": HEAD + text}), **more)


def test_a_violated_one_stops_the_line_before_anything_is_lowered():
    """The plan is there to be looked at, and nothing to be served."""
    found = compiled(NOBODY)
    assert not found.ok
    assert "plan" in found.outputs
    assert "lowered" not in found.outputs


def test_a_warning_stops_nothing():
    """It is told, and the gateway is compiled."""
    found = compiled(NOBODY.replace("forbid", "severity: warning, forbid"))
    assert found.ok
    assert [one.code for one in found.diagnostics] == ["invariant-violated"]


def test_all_of_them_are_told_at_once():
    """Each for itself, in the order of the text."""
    more = NOBODY.replace("}]", "}, { name: y, require: { transport: tls } }]")
    assert len(compiled(more).diagnostics) == 2


def test_what_is_judged_is_the_policy_as_it_is_written():
    """A run with simulated providers keeps its ledger on this machine, and breaks no promise."""
    text = (
        "providers: { openai: { api: openai, key: env:KEY } }\n"
        "models: { m: { targets: [openai/gpt-4o] } }\n"
        "tenants: { acme: { keys: { k: " + "a" * 64 + " } } }\n"
        "ledger: { store: env:LEDGER }\n"
        "invariants: [{ name: x, require: { ledger: postgres } }]\n"
    )
    found = compiled(text, revise=simulated("127.0.0.1", 1, 2))
    assert found.ok, found.diagnostics
    assert found.plan.ledger.store.kind == "embedded"


def test_the_same_bytes_with_and_without_them():
    """What holds changes nothing of what is served."""
    held = compiled("invariants: [{ name: x, require: { auth: none } }]\n")
    assert held.snapshot.version == compiled("").snapshot.version


@pytest.mark.parametrize("command", ["compile", "check"])
def test_commands_refuse_what_is_violated(tmp_path, capsys, command):
    """By exit code 1; `serve` and `up` go by the same line."""
    file = tmp_path / "gateway.yaml"
    file.write_text(HEAD + NOBODY)
    assert main([command, str(file)]) == exits.POLICY
    out, err = capsys.readouterr()
    assert "error[invariant-violated]" in err
    assert not out


def test_of_each_envoy_s_own_counting():
    """A limit that each Envoy counts for itself bounds what each lets pass."""
    text = "limits: [{ limit: 9 requests/second, per: edge }]\n"
    assert compiled(text + "invariants: [{ name: x, require: { limits: requests } }]\n").ok
