"""`gatewright explain tenant`: what holds, where it comes from; and warnings of what ends."""

import json

import pytest

from cli import check, exits, explain
from cli.main import parser

HASHES = ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "ab" * 32, "cd" * 32)
POLICY = f"""\
gatewright: v1
name: edge
listeners: {{ local: {{ port: 8080, address: 127.0.0.1 }} }}
providers: {{ openai: {{ api: openai, key: env:KEY }} }}
models:
  fast: {{ targets: [openai/a], tags: [eu] }}
  opus: {{ targets: [openai/b], access: on_request }}
tiers:
  free: {{ models: [fast], limits: [20 requests/minute] }}
  pro: {{ extends: free, limits: [600 requests/minute], budget: 500 USD/month }}
tenants:
  acme:
    tier: pro
    contacts: [ana@acme.example]
    models: ["tag:eu", opus]
    keys:
      ci: {{ sha256: {HASHES[0]}, expires: 2020-01-31 }}
      cd: {{ sha256: {HASHES[1]}, previous: {{ sha256: {HASHES[2]}, until: 2999-01-01 }} }}
    teams: {{ search: {{ budget: 50 USD/month }} }}
    grants: [{{ model: opus, requested_by: bo, approved_by: ana, until: 2020-03-01 }}]
routes: [{{ match: /v1, serve: llm, auth: keys }}]
"""


@pytest.fixture
def policy(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(POLICY)
    return file


def run(command, *arguments):
    return command.run(parser([command]).parse_args([command.NAME, *map(str, arguments)]))


def test_a_table_for_people(policy, capsys):
    """Values, sources, what was overridden, keys by id, grants by state."""
    assert run(explain, "tenant", "acme", policy) == exits.OK
    text = capsys.readouterr().out
    for words in (
        "tenant acme, tier pro",
        "tag:eu, opus",
        "= fast, opus",
        "overrides fast",
        "600 requests/minute",
        "tier pro",
        "overrides 20 requests/minute",
        "acme/ci",
        "expired 2020-01-31",
        "the one before it until 2999-01-01",
        "50 USD/month (budget)",
        "expired, asked by bo, approved by ana, until 2020-03-01",
    ):
        assert words in text
    assert not any(digest in text for digest in HASHES)


def test_json_for_machines(policy, capsys):
    """The same as data; hashes are in neither."""
    assert run(explain, "tenant", "acme", policy, "--json") == exits.OK
    text = capsys.readouterr().out
    assert not any(digest in text for digest in HASHES)
    shown = json.loads(text)
    values = {one["key"]: one for one in shown["values"]}
    assert values["limits"]["from"] == "tier pro"
    assert values["limits"]["overrides"] == [{"from": "tier free", "value": "20 requests/minute"}]
    assert values["models"]["stands_for"] == ["fast", "opus"]
    assert values["routes"]["from"] == "default"
    assert [key["id"] for key in shown["keys"]] == ["acme/cd", "acme/ci"]
    assert [key["expired"] for key in shown["keys"]] == [False, True]
    assert shown["grants"][0]["state"] == "expired"


def test_no_such_tenant(policy, capsys):
    """The likeliest one is offered."""
    assert run(explain, "tenant", "acne", policy) == exits.POLICY
    assert "did you mean `acme`?" in capsys.readouterr().err


def test_a_wrong_policy_is_not_explained(policy, capsys):
    """Its errors are shown instead."""
    policy.write_text(POLICY.replace("tier: pro", "tier: prp"))
    assert run(explain, "tenant", "acme", policy) == exits.POLICY
    assert "unknown-tier" in capsys.readouterr().err


def test_check_warns_of_what_has_ended(policy, capsys):
    """`check` has a clock; with --strict the warnings fail it."""
    assert run(check, policy) == exits.OK
    said = capsys.readouterr().err
    assert "warning[expired-key]" in said
    assert "warning[expired-grant]" in said
    assert run(check, "--strict", policy) == exits.POLICY
