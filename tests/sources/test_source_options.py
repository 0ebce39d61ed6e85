"""The command line: what goes together, and where secrets may lie."""

from __future__ import annotations

import argparse
import asyncio

import pytest

from cli import exits
from cli.main import main, parser
from cli.sources.options import misuse, opened, secret_reader
from policies.secret import SecretKind, SecretRef


def arguments(*words):
    return parser().parse_args(["serve", *words])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gateway.yaml", "--git", "/srv/x"], "POLICY and --git"),
        (["--ref", "main"], "--ref needs --git"),
        (["--path", "x"], "--path needs --git"),
        (["--every", "10s"], "--every needs --git"),
        (["--verify-signatures", "x"], "--verify-signatures needs --git"),
        (["--git-credentials", "env:X"], "--git-credentials needs --git"),
        (["--git-insecure"], "--git-insecure needs --git"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(words, said, capsys):
    """Said before anything is opened."""
    assert said in misuse(arguments(*words))
    assert main(["serve", *words]) == exits.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--git", "https://ada:canary@git.example.com/x?y"],
        ["--git", "ftp://ada:canary@git.example.com/x"],
        ["--git", "/x", "--git-credentials", "canary"],
        ["--git", "/x", "--ref", "a b"],
        ["--git", "/x", "--path", "../x"],
        ["--git", "/x", "--every", "0s"],
        ["--git", "/x", "--every", "30"],
    ],
)
def test_a_wrong_option_is_refused_without_showing_a_credential(words, capsys):
    """Not even the one that made it wrong."""
    with pytest.raises(SystemExit) as left:
        arguments(*words)
    assert left.value.code == exits.USAGE
    assert "canary" not in capsys.readouterr().err


def test_without_git_the_command_says_so(monkeypatch, tmp_path, capsys):
    """It needs the program, and exits with 3."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["serve", "--git", "/srv/x", "--listen", "127.0.0.1:0"]) == exits.ENVIRONMENT
    said = capsys.readouterr().err
    assert "there is no `git`" in said
    assert "--git needs it" in said


def test_too_old_a_git_is_said(monkeypatch, tmp_path, capsys):
    """With the version that is needed."""
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\necho git version 2.20.1\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert main(["serve", "--git", "/srv/x", "--listen", "127.0.0.1:0"]) == exits.ENVIRONMENT
    assert "git version 2.20.1; git 2.34 or newer is needed" in capsys.readouterr().err


def test_a_keyring_must_be_there(tmp_path):
    """A control plane that checks nothing must not start as one that does."""
    args = arguments("--git", str(tmp_path), "--verify-signatures", str(tmp_path / "none"))

    async def start():
        async with opened(args, tell=lambda *_, **__: None, last=str):
            pass

    with pytest.raises(exits.CannotRunError, match="none cannot be read"):
        asyncio.run(start())


def read(reader, place):
    reference = SecretRef(SecretKind.GENERIC, (place,))
    result = reader.read([reference])
    if result.unresolved:
        return result.unresolved[0].reason
    return result.resources[0].message.generic_secret.secret.inline_bytes.decode()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A key in a folder of secrets, and another outside; the working directory is the first."""
    inside, outside = tmp_path / "secrets", tmp_path / "outside"
    for folder, value in ((inside, "inside"), (outside, "outside")):
        folder.mkdir()
        (folder / "key").write_text(value)
    (inside / "link").symlink_to(outside / "key")
    (inside / "..data").mkdir()
    (inside / "..data" / "key").write_text("mounted")
    (inside / "mounted").symlink_to("..data/key")
    monkeypatch.chdir(inside)
    return inside, outside


@pytest.mark.parametrize("words", [[], ["--secrets-root", "."]])
def test_secrets_of_a_repository_s_policy_lie_in_one_folder(places, words):
    """Who may push does not for that reason read this machine's files."""
    inside, outside = places
    reader = secret_reader(arguments("--git", "/srv/x", *words), {})
    assert read(reader, "file:key") == "inside"
    assert read(reader, "file:mounted") == "mounted"
    assert read(reader, f"file:{inside}/key") == "inside"
    for place in (f"file:{outside}/key", "file:../outside/key", "file:link"):
        assert "outside of the folder" in read(reader, place)


def test_the_secrets_root_may_be_anywhere(places):
    """`/` for all of the machine."""
    _, outside = places
    args = arguments("--git", "/srv/x", "--secrets-root", str(outside))
    assert read(secret_reader(args, {}), "file:key") == "outside"
    args = arguments("--git", "/srv/x", "--secrets-root", "/")
    assert read(secret_reader(args, {}), f"file:{outside}/key") == "outside"


def test_a_folder_s_secrets_are_where_they_were(places):
    """Relative to the policy, and unconfined unless a root is named."""
    inside, outside = places
    assert read(secret_reader(arguments(str(outside)), {}), "file:key") == "outside"
    assert read(secret_reader(arguments(str(outside)), {}), f"file:{inside}/key") == "inside"
    args = arguments(str(outside), "--secrets-root", str(inside))
    assert read(secret_reader(args, {}), "file:key") == "inside"


def test_the_repository_s_own_credentials_are_no_secret_of_a_policy():
    """A policy could send them anywhere."""
    args = arguments("--git", "/srv/x", "--git-credentials", "env:TOKEN")
    reader = secret_reader(args, {"TOKEN": "canary", "KEY": "key"})
    assert read(reader, "env:TOKEN") == "the environment variable is not set"
    assert read(reader, "env:KEY") == "key"


def test_help_shows_how(capsys):
    """With examples that parse."""
    with pytest.raises(SystemExit):
        arguments("--help")
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if " --git " in line]
    examples = [words[2:] for words in lines if words[:2] == ["gatewright", "serve"]]
    assert len(examples) >= 2
    assert all(isinstance(arguments(*words), argparse.Namespace) for words in examples)
