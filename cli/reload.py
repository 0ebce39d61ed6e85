"""From a policy's files to the control plane, again whenever they change.

What is wrong is told and changes nothing: the last good policy is served on. `serve` and `up` both
run this.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.changes import Fingerprint, files_fingerprint, policy_fingerprint, stirred
from cli.refusals import refused, unreadable

if TYPE_CHECKING:
    from compiler.diagnostic import Diagnostic
    from compiler.pipeline import Compiled
    from xds.nack import Nack
    from xds.plane import ControlPlane, Published


@dataclass(frozen=True, slots=True)
class Reloaded:
    """One compilation: ``published`` is None where the policy was wrong.

    ``diagnostics`` holds those of the compiler and one for each secret that cannot be read.
    ``seconds`` is the time from reading the files to handing out the snapshot.
    """

    compiled: Compiled
    published: Published | None
    diagnostics: tuple[Diagnostic, ...]
    seconds: float


class Reloader:
    """Keeps a control plane at what the files at ``path`` say.

    ``compile_path`` runs in a thread. ``tell`` is called on the loop after each compilation, and
    after each reading of secrets that changed what cannot be read.
    """

    def __init__(
        self,
        path: Path,
        plane: ControlPlane,
        *,
        compile_path: Callable[[Path], Compiled],
        tell: Callable[[Reloaded], None],
    ) -> None:
        self.live: Compiled | None = None
        """The compilation that is served, or None before the first good one."""
        self._path = path
        self._plane = plane
        self._compile = compile_path
        self._tell = tell
        self._policy: Fingerprint = frozenset()
        self._secrets: Fingerprint = frozenset()

    async def load(self) -> Reloaded:
        """Compile the files as they are now, and publish them where they are right."""
        started = time.perf_counter()
        # Before reading: a change while the compiler runs must be seen as one.
        self._policy = policy_fingerprint(self._path)
        compiled = await asyncio.to_thread(self._compile, self._path)
        published = None
        diagnostics = compiled.diagnostics
        if compiled.ok:
            self._secrets = frozenset()
            published = await self._plane.publish(compiled.snapshot, compiled.lowered.secrets)
            self._secrets = files_fingerprint(self._plane.secret_files())
            self.live = compiled
            diagnostics += unreadable(published, compiled)
        reloaded = Reloaded(compiled, published, diagnostics, time.perf_counter() - started)
        self._tell(reloaded)
        return reloaded

    async def follow(self, stop: asyncio.Event) -> None:
        """Load again whenever the files change, and read secrets again when theirs do."""
        async for _ in stirred(self._path, self._plane.secret_files, stop):
            await self.look()

    async def look(self) -> None:
        """Load what changed since the last look; nothing where nothing did."""
        if policy_fingerprint(self._path) != self._policy:
            await self.load()
        elif (now := files_fingerprint(self._plane.secret_files())) != self._secrets:
            self._secrets = now
            await self.reread()

    async def reread(self) -> None:
        """Read the secrets again."""
        started = time.perf_counter()
        published = await self._plane.reread_secrets()
        if published is None or self.live is None:
            return
        diagnostics = unreadable(published, self.live)
        spent = time.perf_counter() - started
        self._tell(Reloaded(self.live, published, diagnostics, spent))

    def explain(self, nack: Nack) -> tuple[Diagnostic, ...]:
        """Show a refusal at the policy lines that made what was refused."""
        return refused(nack, self.live)
