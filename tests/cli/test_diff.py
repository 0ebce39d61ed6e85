"""`gatewright diff`: sides on disk and in commits, formats, exit codes; work trees stay."""

import json
import subprocess

import pytest

from cli import diff, exits
from cli.main import parser
from tests.diff.policies import BASE

OTHER = BASE.replace("20 requests/minute", "10 requests/minute")
WRONG = BASE.replace("[openai/gpt-4o]", "[opnai/gpt-4o]")


def run(*arguments):
    return diff.run(parser([diff]).parse_args(["diff", *map(str, arguments)]))


def git(folder, *arguments):
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def folders(tmp_path):
    for name, text in (("a", BASE), ("b", OTHER), ("wrong", WRONG)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "gateway.yaml").write_text(text)
    return tmp_path


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A policy that was committed, tagged, and edited since."""
    root = tmp_path / "repository"
    (root / "policies").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / "policies" / "gateway.yaml").write_text(BASE)
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    git(root, "tag", "v1")
    (root / "policies" / "gateway.yaml").write_text(OTHER)
    monkeypatch.chdir(root)
    return root


def test_the_same_is_0_and_different_is_2(folders, capsys):
    assert run(folders / "a", folders / "a") == exits.OK
    assert run(folders / "a", folders / "b") == diff.DIFFERENT
    assert (
        "limit 20 requests/minute -> 10 requests/minute (tighter, -50 %)" in capsys.readouterr().out
    )


@pytest.mark.parametrize(("one", "other", "word"), [("wrong", "a", "A"), ("a", "wrong", "B")])
def test_it_is_said_which_side_does_not_compile(folders, capsys, one, other, word):
    """With its errors, at their lines."""
    assert run(folders / one, folders / other) == exits.POLICY
    said = capsys.readouterr()
    assert said.out == ""
    assert "error[unknown-provider]" in said.err
    assert f"gatewright diff: {word} (" in said.err
    assert "does not compile" in said.err


def test_files_and_folders_may_be_compared(folders, capsys):
    assert run(folders / "a" / "gateway.yaml", folders / "b", "--json") == diff.DIFFERENT
    found = json.loads(capsys.readouterr().out)
    assert found["summary"]["loss"] == 1
    assert found["changes"][0]["before_at"][0]["file"].endswith("a/gateway.yaml")


@pytest.mark.parametrize(
    "sides",
    [
        ("main", "policies"),
        ("v1", "policies/gateway.yaml"),
        ("git:HEAD", "policies"),
        ("git:v1:policies", "policies"),
        ("main:policies/gateway.yaml", "policies"),
    ],
)
def test_a_revision_is_a_side(repository, capsys, sides):
    """Its policy is where the other side's is, unless a path is given."""
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*.yaml")}
    assert run(*sides) == diff.DIFFERENT
    assert "10 requests/minute" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in repository.rglob("*.yaml")} == before


def test_two_revisions_and_this_folder_by_default(repository, capsys, monkeypatch):
    assert run("git:v1:policies", "git:main:policies") == exits.OK
    monkeypatch.chdir(repository / "policies")
    assert run("v1") == diff.DIFFERENT
    assert run("v1", "main") == exits.OK


@pytest.mark.parametrize(
    ("side", "words"),
    [
        ("nope", "no revision"),
        ("git:v1:elsewhere", "there is no file or folder `elsewhere`"),
        ("git:", "is no policy and no revision"),
        ("git:-x", "is no policy and no revision"),
        ("git:v1:../..", "no path inside of a repository"),
    ],
)
def test_a_side_that_is_not_there(repository, side, words):
    with pytest.raises(exits.CannotRunError, match=words):
        run(side, "policies")


def test_outside_of_a_repository(folders, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folders))
    monkeypatch.chdir(folders)
    with pytest.raises(exits.CannotRunError, match="is in no Git repository"):
        run("main", "a")


def test_usage_is_read_and_refused(folders, capsys):
    used = folders / "used.json"
    used.write_text(
        '[{"tenant": "a", "model": "fast", "input": 1000000, "output": 0, "requests": 7}]'
    )
    assert run(folders / "a", folders / "b", "--usage", used) == diff.DIFFERENT
    assert "100 % of 7 recorded requests" in capsys.readouterr().out
    used.write_text("tenant,cost\na,1\n")
    with pytest.raises(exits.CannotRunError, match="has no `model`"):
        run(folders / "a", folders / "b", "--usage", used)


def test_wrong_options_are_no_difference(capsys):
    """2 says that the sides differ, so a wrong command line is 1."""
    with pytest.raises(SystemExit) as left:
        run("--nope")
    assert left.value.code == exits.POLICY
