"""From a policy's source to the control plane, again whenever it changes.

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

from cli.changes import Fingerprint, files_fingerprint, stirred
from cli.publish import by_group
from cli.refusals import refused, unreadable
from cli.sources.source import UNKNOWN, Revision

if TYPE_CHECKING:
    from cli.publish import Publish
    from cli.sources.source import Source
    from compiler.diagnostic import Diagnostic
    from compiler.pipeline import Compiled
    from compiler.read import Sources
    from xds.nack import Nack
    from xds.plane import ControlPlane, Published


@dataclass(frozen=True, slots=True)
class Reloaded:
    """One compilation: ``published`` is None where the policy was wrong.

    ``diagnostics`` holds those of the compiler and one for each secret that cannot be read.
    ``seconds`` is the time from having the texts to handing out the snapshot; ``revision`` is
    the state of the source that the texts are of. With ``reread`` the policy is as it was, and its
    secrets were read anew.
    """

    compiled: Compiled
    published: Published | None
    diagnostics: tuple[Diagnostic, ...]
    seconds: float
    revision: Revision = UNKNOWN
    reread: bool = False


class Reloader:
    """Keeps a control plane at what a source says.

    ``compiler`` runs in a thread. ``tell`` is called on the loop after each compilation, and
    after each reading of secrets that changed what cannot be read.
    """

    def __init__(
        self,
        source: Source,
        plane: ControlPlane,
        *,
        compiler: Callable[[Sources], Compiled],
        tell: Callable[[Reloaded], None],
        publish: Publish = by_group,
    ) -> None:
        self.live: Compiled | None = None
        """The compilation that is served, or None before the first good one."""
        self.revision = UNKNOWN
        """The state of the source that ``live`` is of."""
        self._source = source
        self._plane = plane
        self._compile = compiler
        self._tell = tell
        self._publish = publish
        self._secrets: Fingerprint = frozenset()
        # A signal, the source and the secrets may each ask for a load while one is under way.
        self._loading = asyncio.Lock()

    async def load(self) -> Reloaded | None:
        """Compile the source as it is now, and publish it where it is right.

        None where the source cannot be had, which it has told itself.
        """
        async with self._loading:
            checkout = await self._source.fetch()
            if checkout is None:
                return None
            started = time.perf_counter()
            compiled = await self._compiled(checkout.sources)
            published = None
            diagnostics = compiled.diagnostics
            if compiled.ok:
                self._secrets = frozenset()
                published = await self._publish(self._plane, compiled, str(checkout.revision))
                self._secrets = files_fingerprint(self._plane.secret_files())
                self.live = compiled
                self.revision = checkout.revision
                diagnostics += unreadable(published, compiled)
            spent = time.perf_counter() - started
            reloaded = Reloaded(compiled, published, diagnostics, spent, checkout.revision)
            self._tell(reloaded)
            return reloaded

    async def _compiled(self, sources: Sources) -> Compiled:
        try:
            return await asyncio.to_thread(self._compile, sources)
        except Exception as error:
            # A fault of ours must not end what serves a fleet; at the start there is no fleet yet.
            if self.live is None:
                raise
            return _failed(sources, error)

    async def follow(self, stop: asyncio.Event) -> None:
        """Load again whenever the source changes."""
        async for _ in self._source.changes(stop):
            await self.load()

    async def follow_secrets(self, stop: asyncio.Event) -> None:
        """Read the secrets again whenever the files that they lie in change."""
        async for _ in stirred(self._secret_folders, stop):
            async with self._loading:
                if files_fingerprint(self._plane.secret_files()) != self._secrets:
                    await self._reread()

    async def follow_renewals(self) -> None:
        """Tell whenever a token that the control plane renews could not be had, and when it can."""
        async for published in self._plane.renewals():
            if self.live is not None:
                diagnostics = unreadable(published, self.live)
                self._tell(
                    Reloaded(self.live, published, diagnostics, 0.0, self.revision, reread=True)
                )

    def _secret_folders(self) -> frozenset[Path]:
        return frozenset(file.parent for file in self._plane.secret_files())

    async def _reread(self) -> None:
        started = time.perf_counter()
        self._secrets = files_fingerprint(self._plane.secret_files())
        published = await self._plane.reread_secrets()
        if published is None or self.live is None:
            return
        diagnostics = unreadable(published, self.live)
        spent = time.perf_counter() - started
        self._tell(Reloaded(self.live, published, diagnostics, spent, self.revision, reread=True))

    def explain(self, nack: Nack) -> tuple[Diagnostic, ...]:
        """Show a refusal at the policy lines that made what was refused."""
        return refused(nack, self.live)


def _failed(sources: Sources, error: Exception) -> Compiled:
    """A compilation that the compiler itself failed at; the message may quote a secret."""
    from compiler.diagnostic import Diagnostic, Severity
    from compiler.pipeline import Compiled

    message = f"the compiler failed at this policy ({type(error).__name__}): this is a bug"
    hint = "please report it with the policy; what was served before is served on"
    return Compiled(
        sources, {}, (Diagnostic("internal-error", Severity.ERROR, message, hint=hint),)
    )
