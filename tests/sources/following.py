"""A Git source for tests: on one repository, with everything that it told kept."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from cli.sources.git import GitSource, Settings
from cli.sources.git_address import SAFE, remote
from cli.sources.git_command import Git, find_git
from cli.sources.git_mirror import Bounds
from cli.sources.git_ref import wanted
from cli.sources.git_signature import Keyring


class Followed:
    """A source with what it told; ``texts`` are those of the last checkout by name."""

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        ref: str = "",
        path: str = "",
        keyring: Path | None = None,
        every: float = 0.05,
        bounds: Bounds | None = None,
        environ: dict[str, str] | None = None,
        last: str = "",
        protocols: frozenset[str] = SAFE,
        credentials: Any = None,
    ) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        environ = dict(os.environ) if environ is None else environ
        self.folder = folder / "source"
        settings = Settings(
            remote=remote(url, here=folder, allowed=protocols),
            wanted=wanted(ref),
            path=path,
            every=every,
            keyring=None if keyring is None else Keyring(keyring, self.folder / "keys"),
            bounds=bounds or Bounds(),
        )
        self.source = GitSource(
            settings,
            Git(find_git(environ), environ, protocols),
            self.folder,
            tell=self._tell,
            last=lambda: last,
            credentials=credentials,
            chance=lambda: 0.5,
        )

    def _tell(self, event: str, text: str, **facts: Any) -> None:
        self.told.append((event, text, facts))

    @property
    def events(self) -> list[str]:
        return [event for event, _, _ in self.told]

    def fetch(self):
        """Fetch once, on a loop of its own."""
        return asyncio.run(self.source.fetch())

    def good(self):
        """Fetch what has to be there and right; give the revision and the texts by name."""
        checkout = self.fetch()
        assert checkout is not None, self.told
        sources = checkout.sources
        assert not sources.problems, sources.problems
        texts = {one.name: one.text for one in (*sources.policies, *sources.endpoints)}
        return checkout.revision, texts

    def refused(self):
        """Fetch what must not be served; give the revision, and the one diagnostic."""
        checkout = self.fetch()
        assert checkout is not None, self.told
        [problem] = checkout.sources.problems
        assert checkout.sources.policies == ()
        return checkout.revision, problem

    def away(self):
        """Fetch what cannot be had; give the reason that was told."""
        assert self.fetch() is None
        event, _, facts = self.told[-1]
        assert event == "away"
        return facts["reason"]
