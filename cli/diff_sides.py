"""What the two sides of `gatewright diff` name: a policy on disk, or one in a commit.

`git:REV`, or any word that is no file here, is a revision; what stands behind a further colon is
the policy's path from the root of the repository. Without it the other side says where the policy
is. Committed texts are read from Git's objects: the work tree is neither read nor touched.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli import exits

if TYPE_CHECKING:
    from compiler.read import Sources

_GIT: Final = "git:"
_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Named:
    """A side as it was asked for: a path, or a revision with the policy's path in it, if given."""

    label: str
    path: Path | None = None
    revision: str = ""
    inside: str | None = None


def named(text: str) -> Named:
    """Tell what a side names; raise CannotRunError where it is nothing."""
    if not text.startswith(_GIT):
        path = Path(text)
        if path.exists():
            return Named(text, path=path)
    revision, colon, inside = text.removeprefix(_GIT).partition(":")
    if not revision or revision.startswith("-"):
        raise exits.CannotRunError(
            f"{text!r} is no policy and no revision",
            hint="name a file, a folder, or a revision: `main`, `git:main:policies`",
        )
    return Named(text, revision=revision, inside=inside if colon else None)


def sources_of_side(side: Named, other: Named) -> Sources:
    """Read a side's texts; raise CannotRunError where there is no repository or revision."""
    if side.path is not None:
        from compiler.read import read

        return read(side.path)
    return asyncio.run(_committed(side, other.path or Path()))


async def _committed(side: Named, here: Path) -> Sources:
    from cli.sources import git_tree
    from cli.sources.git_command import Git, GitError, find_git
    from cli.sources.git_objects import Objects
    from cli.sources.git_policy import CommitError, policy_of

    folder = here if here.is_dir() else here.parent  # noqa: ASYNC240 - one look at a local folder
    try:
        git = Git(find_git(os.environ), os.environ)
        asked = ("rev-parse", "--absolute-git-dir", "--show-prefix")
        ended = await git.run("-C", str(folder), *asked, seconds=_SECONDS)
        if ended.code != 0:
            raise exits.CannotRunError(
                f"there is no file or folder {side.label}, and {folder} is in no Git repository",
                hint="name a file or a folder, or a revision inside of a repository",
            )
        where, _, prefix = os.fsdecode(ended.out).partition("\n")
        objects = Objects(git, Path(where))
        try:
            commit = await objects.resolve(f"{side.revision}^{{commit}}")
        except GitError:
            raise exits.CannotRunError(
                f"{side.revision!r} is no file or folder here, and no revision of {where}"
            ) from None
        inside = side.inside
        if inside is None:
            inside = prefix.rstrip("\n") + ("" if here == folder else here.name)
        try:
            return await policy_of(objects, commit, git_tree.policy_path(inside or "."))
        except CommitError as error:
            raise exits.CannotRunError(f"{side.label}: {error}", hint=error.hint) from None
    except (GitError, ValueError) as error:
        raise exits.CannotRunError(f"{side.label}: {error}") from None
