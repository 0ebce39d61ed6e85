"""A folder in a git checkout: which commit its policy files are of."""

from __future__ import annotations

import asyncio

import pytest

from cli.sources.source import UNKNOWN
from cli.sources.work_tree import folder_revision
from tests.sources.repositories import AUTHORED, policy


def revision(path):
    return asyncio.run(folder_revision(path))


def test_a_clean_checkout_is_its_commit(repository):
    """With its branch and date."""
    commit = repository.commit({"edge/gateway.yaml": policy()})
    found = revision(repository.work / "edge")
    assert (str(found), found.ref, found.authored) == (commit, "refs/heads/main", AUTHORED)
    assert revision(repository.work / "edge" / "gateway.yaml") == found


@pytest.mark.parametrize(
    "file", ["edge/gateway.yaml", "edge/new.yaml", "edge/ignored/new.yaml", "edge/deep/new.yml"]
)
def test_a_policy_file_that_differs_makes_it_dirty(repository, file):
    """Changed, new, or new and ignored: the compiler reads them all."""
    commit = repository.commit({"edge/gateway.yaml": policy(), ".gitignore": "ignored/\n"})
    repository.write({file: "x: 1"})
    found = revision(repository.work / "edge")
    assert (str(found), found.short) == (f"{commit}-dirty", f"{commit[:12]}-dirty")


def test_what_is_no_policy_does_not_make_it_dirty(repository):
    """Notes beside it, hidden files, and whatever else the repository holds."""
    commit = repository.commit({".hidden/edge/gateway.yaml": policy()})
    repository.write(
        {".hidden/edge/notes.txt": "x", ".hidden/edge/.swap.yaml": "x", "other.yaml": "x"}
    )
    assert str(revision(repository.work / ".hidden" / "edge")) == commit


def test_beside_a_single_file_only_endpoints_matter(repository):
    """For nothing else is read with it."""
    commit = repository.commit({"gateway.yaml": policy(), "endpoints/e.yaml": "[]"})
    repository.write({"other.yaml": "x"})
    assert str(revision(repository.work / "gateway.yaml")) == commit
    repository.write({"endpoints/e.yaml": "[x]"})
    assert str(revision(repository.work / "gateway.yaml")) == f"{commit}-dirty"


def test_a_folder_outside_of_any_checkout_has_none(tmp_path):
    """Nor has a repository without a commit, or a machine without git."""
    assert revision(tmp_path) == UNKNOWN
    assert str(UNKNOWN) == ""


def test_without_git_there_is_none(repository, monkeypatch, tmp_path):
    """It is not said: a folder needs no git."""
    repository.commit({"gateway.yaml": policy()})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision(repository.work) == UNKNOWN


def test_a_checkout_s_own_monitor_is_not_run(repository, tmp_path):
    """A program named in its configuration could be anybody's."""
    mark = tmp_path / "mark"
    repository.commit({"gateway.yaml": policy()})
    repository.git("config", "core.fsmonitor", f"touch {mark}")
    assert revision(repository.work).commit
    assert not mark.exists()
