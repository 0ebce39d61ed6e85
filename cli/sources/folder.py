"""A policy file, or a folder of them, on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from cli.changes import Fingerprint, policy_fingerprint, policy_folders, stirred
from cli.sources.source import UNKNOWN, Checkout, Revision


class FolderSource:
    """Reads a file or folder, and notices when it changes.

    ``revision`` says of which commit the files are; without it none is named.
    """

    def __init__(
        self, path: Path, *, revision: Callable[[Path], Awaitable[Revision]] | None = None
    ) -> None:
        self._path = path
        self._revision = revision
        self._seen: Fingerprint = frozenset()

    async def fetch(self) -> Checkout:
        """Read the files as they are now."""
        from compiler.read import read

        # Before reading: a change while the compiler runs must be seen as one.
        self._seen = policy_fingerprint(self._path)
        sources = await asyncio.to_thread(read, self._path)
        revision = UNKNOWN if self._revision is None else await self._revision(self._path)
        return Checkout(sources, revision)

    async def changes(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Yield whenever the files are not what they were when they were last read."""
        async for _ in stirred(lambda: policy_folders(self._path), stop):
            if policy_fingerprint(self._path) != self._seen:
                yield
