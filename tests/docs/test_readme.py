"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli import exits
from cli.main import main


@pytest.fixture(scope="module")
def readme(repository):
    return (repository / "README.md").read_text()


def blocks(readme):
    """The pieces of policies that it shows, in order."""
    return re.findall(r"^```yaml\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)


@pytest.fixture
def policy(readme, tmp_path, monkeypatch):
    """The README's policy as a file of the current folder."""
    text, *_ = blocks(readme)
    monkeypatch.chdir(tmp_path)
    path = Path("gateway.yaml")
    path.write_text(text)
    return path


def test_the_policy_is_right(policy, capsys):
    """A newcomer who copies it sees no error and no warning."""
    assert main(["check", "--strict", str(policy)]) == exits.OK
    assert capsys.readouterr().err == ""


def test_the_error_shown_is_the_error_told(policy, readme, capsys):
    """The diagnostic in the README is this program's, letter by letter."""
    (shown,) = re.findall(r"^```\n(error\[.*?)^```", readme, re.MULTILINE | re.DOTALL)
    policy.write_text(policy.read_text().replace("[openai/", "[opnai/"))
    assert main(["check", str(policy)]) == exits.POLICY
    assert capsys.readouterr().err.strip() == shown.strip()


def test_the_tenants_shown_are_right_once_they_have_a_key(policy, readme, capsys):
    """The second part of the policy takes the place of its route, and a key is made for it."""
    first, _, tenants = blocks(readme)
    policy.write_text(first.partition("routes:\n")[0] + tenants)
    assert main(["keys", "create", "acme/ci", str(policy)]) == exits.OK
    assert capsys.readouterr().out.startswith("gw_")
    assert main(["check", "--strict", str(policy)]) == exits.OK
    assert capsys.readouterr().err == ""


def test_the_other_vendor_shown_takes_the_place_of_the_first_backup(policy, readme, capsys):
    """Providers and models are the second part's, all else stays."""
    first, second, _ = blocks(readme)
    head, _, rest = first.partition("providers:\n")
    policy.write_text(head + second + "routes:\n" + rest.partition("routes:\n")[2])
    assert main(["check", "--strict", str(policy)]) == exits.OK
    assert capsys.readouterr().err == ""
