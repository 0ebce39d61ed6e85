"""`gatewright check --invariants`: a policy is held to what is kept elsewhere as well."""

from __future__ import annotations

import json

import pytest

from cli import exits
from cli.main import main

POLICY = """\
gatewright: v1
name: edge
listeners: { public: { port: 8080, address: 127.0.0.1 } }
services: { orders: { endpoints: ["10.0.0.1:80"] } }
routes: [{ match: /orders, service: orders }]
"""
HOUSE = "invariants: [{ name: all are known, forbid: { auth: none } }]\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.yaml").write_text(POLICY)
    return tmp_path


def test_a_policy_that_violates_them_is_1(folder, capsys):
    """The invariant's own file is shown, and the line of the policy that violates it."""
    (folder / "house").write_text(HOUSE)
    assert main(["check", "gateway.yaml"]) == exits.OK
    capsys.readouterr()
    assert main(["check", "gateway.yaml", "--invariants", "house"]) == exits.POLICY
    said = capsys.readouterr().err
    assert said.startswith("error[invariant-violated]: an anonymous request on route `orders`")
    assert "--> house:1:" in said
    assert "::: gateway.yaml:5:" in said
    assert "= note: for example: GET /orders\n" in said


def test_those_of_the_policy_stay(folder, capsys):
    """They come behind its own, and each is reported for itself."""
    mine = "invariants: [{ name: encrypted, require: { transport: tls } }]\n"
    (folder / "gateway.yaml").write_text(POLICY + mine)
    (folder / "one").write_text(HOUSE)
    (folder / "two").write_text(HOUSE.replace("all are", "really all are"))
    command = ["check", "gateway.yaml", "--json", "--invariants", "one", "--invariants", "two"]
    assert main(command) == exits.POLICY
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [(one["code"], one["place"]["file"]) for one in found] == [
        ("invariant-violated", "gateway.yaml"),
        ("invariant-violated", "one"),
        ("invariant-violated", "two"),
    ]
    assert found[0]["notes"][0] == "for example: GET /orders"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\n", "`house` is no file of invariants"),
        (HOUSE + "routes: []\n", "a file of invariants has no `routes`"),
        ("invariants: { a: b }\n", "`invariants` is a list"),
        ("invariants: [{ name: x, forbid: { auht: none } }]\n", "did you mean `auth`?"),
        ("invariants: [\n", "error["),
    ],
)
def test_a_file_that_is_none_is_told_of_at_its_place(folder, capsys, text, said):
    """It is no policy that could be taken for one, nor are mistakes in it passed over."""
    (folder / "house").write_text(text)
    assert main(["check", "gateway.yaml", "--invariants", "house"]) == exits.POLICY
    shown = capsys.readouterr().err
    assert said in shown
    assert "--> house:" in shown


def test_a_file_that_is_not_there_is_3(folder, capsys):
    """As for a policy."""
    assert main(["check", "--invariants", "nowhere"]) == exits.ENVIRONMENT
    assert "there is no nowhere" in capsys.readouterr().err
