"""`gatewright check`: exit codes, diagnostics for machines, and the real Envoy's own opinion."""

from __future__ import annotations

import json

import pytest

from cli import exits
from cli.main import main

RIGHT = """\
gatewright: v1
name: small
listeners: { local: { address: 127.0.0.1, port: 8080 } }
routes: [{ match: /, respond: 204 }]
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(RIGHT)
    return path


def test_a_right_policy_is_ok_in_one_line(policy, capsys):
    """A person sees that it is right, and what there is."""
    assert main(["check", str(policy)]) == exits.OK
    out, err = capsys.readouterr()
    assert out == "small: ok. 1 listener, 1 route, 0 services, 0 providers, 0 models\n"
    assert err == ""


def test_a_wrong_policy_is_1_and_shows_the_line(policy, capsys):
    """The error stands on stderr with its place and a hint; stdout says nothing."""
    policy.write_text(RIGHT.replace("respond", "respnd"))
    assert main(["check", str(policy)]) == exits.POLICY
    out, err = capsys.readouterr()
    assert out == ""
    assert "gateway.yaml:4:" in err
    assert "did you mean `respond`?" in err


def test_json_is_for_machines(policy, capsys):
    """With --json, stdout is one JSON document, also where nothing is wrong."""
    policy.write_text(RIGHT.replace("respond", "respnd"))
    assert main(["check", "--json", str(policy)]) == exits.POLICY
    assert "unknown-key" in json.dumps(json.loads(capsys.readouterr().out))
    policy.write_text(RIGHT)
    assert main(["check", "--json", str(policy)]) == exits.OK
    json.loads(capsys.readouterr().out)


def test_strict_makes_warnings_errors(tmp_path):
    """A pipeline that wants no warnings says --strict."""
    warned = tmp_path / "warned.yaml"
    warned.write_text(
        "gatewright: v1\nname: small\n"
        "listeners: { local: { address: 0.0.0.0, port: 8080 } }\n"
        "providers: { a: { api: openai, key: env:A } }\n"
        "models: { fast: { targets: [a/m] } }\n"
        "routes: [{ match: /v1, serve: llm, auth: none }]\n"
    )
    assert main(["check", str(warned)]) == exits.OK
    assert main(["check", "--strict", str(warned)]) == exits.POLICY


def test_a_policy_that_is_not_there_is_3(tmp_path, capsys):
    """A missing file is no error in a policy."""
    assert main(["check", str(tmp_path / "nowhere.yaml")]) == exits.ENVIRONMENT
    assert "nowhere.yaml" in capsys.readouterr().err


@pytest.mark.e2e
def test_envoy_s_own_opinion_is_asked(policy, capsys):
    """`--envoy` before the policy's path does not swallow it, and the real Envoy agrees."""
    assert main(["check", "--envoy", str(policy)]) == exits.OK
    assert capsys.readouterr().out.startswith("small: ok.")


def test_an_envoy_that_is_not_there_is_3(policy, tmp_path, capsys):
    """Asking for an Envoy's opinion without an Envoy is the machine's fault, not the policy's."""
    missing = str(tmp_path / "envoy")
    assert main(["check", str(policy), "--envoy-path", missing]) == exits.ENVIRONMENT
    assert missing in capsys.readouterr().err


def test_a_person_is_shown_the_first_hundred_and_how_many_more_there_are(policy, capsys):
    """Whoever checks the wrong folder is not buried; machines get them all."""
    policy.write_text(RIGHT + "".join(f"unknown_{n}: 1\n" for n in range(150)))
    assert main(["check", str(policy)]) == exits.POLICY
    shown = capsys.readouterr().err
    assert shown.count("error[unknown-key]") == 100
    assert shown.endswith("... and 50 more; --format json shows all\n")
    assert main(["check", "--json", str(policy)]) == exits.POLICY
    assert len(json.loads(capsys.readouterr().out)["diagnostics"]) == 150
