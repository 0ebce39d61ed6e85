"""A policy in a Git repository, at a branch, a tag or a commit.

The repository is asked every so often. A commit is read whole from the objects that were fetched;
nothing is checked out. Whatever goes wrong, what was served before is served on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cli.sources import git_object
from cli.sources.git_address import Remote
from cli.sources.git_command import Git, GitError
from cli.sources.git_mirror import Bounds, Mirror
from cli.sources.git_policy import CommitError, policy_of
from cli.sources.git_ref import Advertised, RefError, Wanted, advertised
from cli.sources.git_signature import Keyring, UntrustedError
from cli.sources.git_tree import TreeError
from cli.sources.pause import pause
from cli.sources.source import SHORT, Checkout, Revision
from compiler.diagnostic import Diagnostic, Severity
from compiler.read import Sources

Tell = Callable[..., None]
"""``tell(event, text, **facts)``: says something to people, and the same to machines."""

_DEPTHS: Final = (64, 1024)
"""How much history is looked through for the commit before."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to follow, and how. ``path`` is a folder or file of the repository, or empty."""

    remote: Remote
    wanted: Wanted
    path: str = ""
    every: float = 30.0
    keyring: Keyring | None = None
    bounds: Bounds = field(default_factory=Bounds)


class GitSource:
    """Follows a repository; ``folder`` is its own, for what it may lose at any time.

    ``credentials`` are read again before each question; they raise GitError where they are away.
    ``last`` gives the commit that was served before this process started, or nothing.
    """

    def __init__(
        self,
        settings: Settings,
        git: Git,
        folder: Path,
        *,
        tell: Tell,
        credentials: Callable[[], tuple[str, str]] | None = None,
        last: Callable[[], str] = str,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._credentials = credentials
        self._chance = chance
        self._mirror = Mirror(git, settings.remote, folder / "mirror.git", settings.bounds)
        self._last: Callable[[], str] | str = last
        self._seen: tuple[Any, ...] = ()
        self._failures = 0
        self._asking = asyncio.Lock()

    async def fetch(self) -> Checkout | None:
        """Fetch what is wanted now; None where the repository cannot be had."""
        async with self._asking:
            try:
                self._authorize()
                there = await self._ask()
                found = await self._fetch(there)
                checkout = await self._checkout(found)
            except (GitError, RefError, TreeError, OSError) as error:
                self._failed(error)
                return None
            self._seen = self._stamp(found.object_id)
            self._recovered()
            return checkout

    async def changes(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Yield whenever the repository has something that was not judged yet."""
        while not await self._stopped(stop):
            async with self._asking:
                try:
                    self._authorize()
                    there = await self._ask()
                except (GitError, RefError, OSError) as error:
                    self._failed(error)
                    continue
                new = self._stamp(there.object_id) != self._seen
                if not new:
                    self._recovered()
            if new:
                yield

    async def _stopped(self, stop: asyncio.Event) -> bool:
        seconds = pause(self._settings.every, self._failures, self._chance)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
        return stop.is_set()

    def _authorize(self) -> None:
        """Read the credentials anew: a token may be good for an hour only."""
        if self._credentials is not None:
            user, password = self._credentials()
            self._mirror.remote = replace(self._settings.remote, user=user, password=password)

    async def _ask(self) -> Advertised:
        want = self._settings.wanted
        if want.commit:
            return Advertised("", want.commit)
        return advertised(want, await self._mirror.advertised(want.patterns))

    async def _fetch(self, there: Advertised) -> Advertised:
        """Fetch it; it may have moved on since it was advertised."""
        found = await self._mirror.fetch(there.name or there.object_id, 1)
        return replace(there, object_id=found)

    async def _checkout(self, found: Advertised) -> Checkout:
        commit = await self._mirror.resolve(f"{found.object_id}^{{commit}}")
        facts = git_object.commit(await self._mirror.raw("commit", commit))
        revision = Revision(commit, ref=found.name, authored=facts.authored)
        await self._compare(found, commit)
        try:
            revision = replace(revision, signer=await self._signer(found, commit, facts))
            sources = await policy_of(self._mirror.objects, commit, self._settings.path)
        except (CommitError, UntrustedError) as error:
            return Checkout(_refused(error, revision), revision)
        return Checkout(sources, revision)

    async def _signer(self, found: Advertised, commit: str, facts: git_object.Commit) -> str:
        """Say whose signature counts, or nobody where none is asked for; raise UntrustedError."""
        keyring = self._settings.keyring
        if keyring is None:
            return ""
        if found.is_tag and await self._mirror.kind(found.object_id) == "tag":
            tag = git_object.tag(await self._mirror.raw("tag", found.object_id))
            if tag.signed:
                # A signed tag under another name is an older release, put in this one's place.
                if tag.name != found.name.removeprefix("refs/tags/"):
                    raise UntrustedError(f"its tag was signed as `{tag.name}`, not as {found.name}")
                return await keyring.check(self._mirror, "tag", found.object_id)
        if not facts.signed:
            raise UntrustedError("it is not signed")
        return await keyring.check(self._mirror, "commit", commit)

    async def _compare(self, found: Advertised, commit: str) -> None:
        """Say aloud where the new commit does not go on from the one before."""
        before = self._last if isinstance(self._last, str) else self._last()
        self._last = commit
        # A folder's policy that was changed by hand before is no history to go on from.
        if not before or before.endswith("-dirty") or before == commit or not found.name:
            return
        if not found.is_tag and await self._descends(found, commit, before):
            return
        what = "the tag was moved" if found.is_tag else "history was rewritten"
        self._tell(
            "rewritten",
            f"{found.name}: {what}, from {before[:SHORT]} to {commit[:SHORT]}",
            ref=found.name,
            before=before,
            revision=commit,
        )

    async def _descends(self, found: Advertised, commit: str, before: str) -> bool:
        """Whether the commit before leads to this one; where it cannot be known, it is believed."""
        for depth in _DEPTHS:
            try:
                await self._mirror.fetch(found.name, depth)
                history = await self._mirror.history(commit)
            except GitError:
                return True
            if before in history:
                return True
            if len(history) < depth:
                return False
        return False

    def _stamp(self, object_id: str) -> tuple[Any, ...]:
        """What an object was judged by: with another keyring it may be judged otherwise."""
        keyring = self._settings.keyring
        return (object_id, keyring.stamp() if keyring is not None else None)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._tell(
            "away",
            f"{self._settings.remote.url}: {error}; what was served before is served on",
            reason=str(error),
            failures=self._failures,
        )

    def _recovered(self) -> None:
        if self._failures:
            self._tell("back", f"{self._settings.remote.url} answers again", failures=0)
        self._failures = 0


def _refused(error: CommitError | UntrustedError, revision: Revision) -> Sources:
    """Sources with nothing in them but the reason why this commit is not served."""
    of = f"commit {revision.commit[:SHORT]}"
    if isinstance(error, UntrustedError):
        message = f"{of} is not served: {error}"
        hint = "sign it with a key of the keyring; what was served before is served on"
        found = Diagnostic("untrusted-commit", Severity.ERROR, message, hint=hint)
    else:
        found = Diagnostic(error.code, Severity.ERROR, f"{of}: {error}", hint=error.hint)
    return Sources((), problems=(found,))
