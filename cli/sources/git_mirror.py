"""A bare repository that keeps what was fetched: a cache, made anew whenever it is in doubt.

It has no work tree and no remotes. Objects are read by their ids alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.sources.git_address import Remote
from cli.sources.git_command import Ended, Git, GitError, private_folder
from cli.sources.git_objects import MOST_POLICY, Objects

WANTED: Final = "refs/gatewright/wanted"
_RENEWED_AFTER: Final = 500
"""Fetches after which the mirror is made anew: cheaper and surer than to collect its garbage."""

_HELPER: Final = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    '"$GATEWRIGHT_GIT_USER" "$GATEWRIGHT_GIT_PASSWORD"; }; f'
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a repository may cost: seconds to ask, seconds and bytes to fetch, bytes of policy."""

    ask: float = 30.0
    fetch: float = 300.0
    mirror: int = 1 << 30
    policy: int = MOST_POLICY


class Mirror:
    """Fetches one ref of one repository; ``folder`` is the mirror's own and is removed at will."""

    def __init__(self, git: Git, remote: Remote, folder: Path, bounds: Bounds) -> None:
        self.remote = remote
        self._git = git
        self._folder = folder
        self._bounds = bounds
        self._fetches = _RENEWED_AFTER
        self.objects = Objects(git, folder, bounds.ask, bounds.policy)

    async def advertised(self, patterns: Sequence[str]) -> str:
        """Ask the repository which of these refs it has."""
        ended = await self._git.run(
            "ls-remote",
            "--quiet",
            "--symref",
            "--",
            self.remote.url,
            *patterns,
            seconds=self._bounds.ask,
            config=self._credentials(),
            extra=self._values(),
        )
        return ended.checked().decode(errors="replace")

    async def fetch(self, name: str, depth: int) -> str:
        """Fetch a ref, or a commit by its id, with so much history; return the object's id.

        Raises GitError; the next fetch starts from nothing then, for what a command that was cut
        short left behind may be in the way.
        """
        if self._fetches >= _RENEWED_AFTER:
            await self._renew()
        self._fetches += 1
        try:
            ended = await self._git.run(
                f"--git-dir={self._folder}",
                *("fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules"),
                *("--no-write-fetch-head", "--no-auto-maintenance", f"--depth={depth}"),
                *("--", self.remote.url, f"+{name}:{WANTED}"),
                seconds=self._bounds.fetch,
                config=self._credentials(),
                extra=self._values(),
                watch=self._watch,
            )
            ended.checked()
            self._watch()
            return (await self.objects.ask("rev-parse", "--verify", WANTED)).decode().strip()
        except BaseException:
            self._fetches = _RENEWED_AFTER
            raise

    async def resolve(self, name: str) -> str:
        """Give the id of an object in the mirror; raise GitError where it is not there."""
        return await self.objects.resolve(name)

    async def kind(self, object_id: str) -> str:
        """``commit``, ``tag``, ``tree`` or ``blob``."""
        return (await self.objects.ask("cat-file", "-t", object_id)).decode().strip()

    async def raw(self, kind: str, object_id: str) -> bytes:
        """Give an object's own bytes."""
        return await self.objects.ask("cat-file", kind, object_id)

    async def history(self, commit: str) -> list[str]:
        """Give the commits that are in the mirror and lead to this one, which is among them."""
        return (await self.objects.ask("rev-list", commit)).decode().split()

    async def verify(
        self, command: str, object_id: str, config: Sequence[tuple[str, str]], home: Path
    ) -> Ended:
        """Run `git verify-commit` or `git verify-tag` with a keyring of its own."""
        return await self._git.run(
            f"--git-dir={self._folder}",
            *(command, "--raw", object_id),
            seconds=self._bounds.ask,
            config=config,
            # Never the operator's own keyring: whom he knows is not whom this policy trusts.
            extra={"GNUPGHOME": str(home)},
        )

    async def _renew(self) -> None:
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        private_folder(self._folder.parent)
        made = await self._git.run(
            *("init", "--quiet", "--bare", "--template=", str(self._folder)),
            seconds=self._bounds.ask,
        )
        made.checked()
        self._fetches = 0

    def _watch(self) -> None:
        if _size(self._folder) > self._bounds.mirror:
            most = self._bounds.mirror >> 20
            raise GitError(f"the repository has more than {most} MiB at this commit")

    def _credentials(self) -> list[tuple[str, str]]:
        """Have git ask for the credentials only where that one site wants some."""
        if not self.remote.user and not self.remote.password:
            return []
        return [("credential.helper", ""), (f"credential.{self.remote.site}.helper", _HELPER)]

    def _values(self) -> dict[str, str]:
        if not self.remote.user and not self.remote.password:
            return {}
        return {
            "GATEWRIGHT_GIT_USER": self.remote.user,
            "GATEWRIGHT_GIT_PASSWORD": self.remote.password,
        }


def _size(folder: Path) -> int:
    """Bytes below a folder, of which files come and go."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - hot loop
    return size
