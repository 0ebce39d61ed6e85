"""Reads the objects of one repository by name: listings and contents; nothing is checked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.sources import git_tree
from cli.sources.git_command import MOST_OUTPUT, Git, GitError

_SECONDS: Final = 30.0
MOST_POLICY: Final = 256 << 20
"""Bytes of all files of a policy."""


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a repository; ``folder`` is its git folder, which is only read."""

    git: Git
    folder: Path
    seconds: float = _SECONDS
    most: int = MOST_POLICY

    async def resolve(self, name: str) -> str:
        """Give the id of an object; raise GitError where it is not there."""
        return (await self.ask("rev-parse", "--verify", "--end-of-options", name)).decode().strip()

    async def entry(self, commit: str, path: str) -> git_tree.Entry | None:
        """Give what stands at a path of a commit."""
        raw = await self.ask("ls-tree", "-z", "-l", "--full-tree", commit, "--", path)
        return git_tree.listing(raw).get(path)

    async def tree(self, commit: str, folder: str) -> dict[str, git_tree.Entry]:
        """List every file below a folder of a commit, by its path below that folder."""
        of = f"{commit}:{folder}"
        return git_tree.listing(await self.ask("ls-tree", "-r", "-z", "-l", "--full-tree", of))

    async def blobs(self, entries: Sequence[git_tree.Entry]) -> list[bytes]:
        """Read files, in that order, exactly as they were committed."""
        if not entries:
            return []
        size = sum(entry.size for entry in entries)
        if size > self.most:
            raise GitError(
                f"the policy's files have {size >> 20} MiB; {self.most >> 20} MiB are the most"
            )
        raw = await self.ask(
            *("cat-file", "--batch"),
            given="".join(f"{entry.object_id}\n" for entry in entries).encode(),
            limit=size + 200 * len(entries),
        )
        return list(git_tree.blobs(raw))

    async def ask(self, *arguments: str, given: bytes = b"", limit: int = MOST_OUTPUT) -> bytes:
        """Run a command on the repository and give its output; raise GitError."""
        ended = await self.git.run(
            f"--git-dir={self.folder}", *arguments, seconds=self.seconds, given=given, limit=limit
        )
        return ended.checked()
