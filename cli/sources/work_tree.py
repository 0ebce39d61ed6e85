"""Which commit a folder's policy files are of, where the folder lies in a git checkout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cli.sources import git_object
from cli.sources.git_command import Git, GitError, find_git
from cli.sources.source import UNKNOWN, Revision
from compiler.read import goes_with, is_policy_file

_SECONDS: Final = 10.0


async def folder_revision(path: Path) -> Revision:
    """Give the commit that is checked out around a policy, dirty where its files differ from it.

    What else is in the folder does not count. Unknown where there is no checkout, no commit, or
    no git.
    """
    folder = path if path.is_dir() else path.parent  # noqa: ASYNC240 - one look at a local folder
    try:
        git = Git(find_git(os.environ), os.environ)
        return await _revision(git, folder, "" if path == folder else path.name)
    except (GitError, OSError):
        return UNKNOWN


async def _revision(git: Git, folder: Path, file: str) -> Revision:
    async def ask(*arguments: str) -> bytes:
        return (await git.run("-C", str(folder), *arguments, seconds=_SECONDS)).checked()

    commit = (await ask("rev-parse", "--verify", "HEAD")).decode().strip()
    prefix = os.fsdecode(await ask("rev-parse", "--show-prefix")).rstrip("\n")
    facts = git_object.commit(await ask("cat-file", "commit", commit))
    status = await ask(
        *("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all"),
        *("--ignored=traditional", "--ignore-submodules=all", "--", "."),
    )
    branch = await git.run("-C", str(folder), "symbolic-ref", "-q", "HEAD", seconds=_SECONDS)
    return Revision(
        commit,
        dirty=any(_matters(name, file) for name in changed(status, prefix)),
        ref=branch.out.decode(errors="replace").strip(),
        authored=facts.authored,
    )


def changed(status: bytes, prefix: str) -> list[str]:
    """Read ``git status --porcelain=v1 -z``: two letters, a space, a path from the root down."""
    records = [os.fsdecode(record[3:]) for record in status.split(b"\0") if record]
    return [name.removeprefix(prefix) for name in records]


def _matters(name: str, file: str) -> bool:
    """Whether the compiler reads it: in a folder all policies, else the one and what is with it."""
    return goes_with(name, file) if file else is_policy_file(name)
