"""What every source of policies gives, and how the state that was read is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from compiler.read import Sources

SHORT: Final = 12
"""Digits of a commit that people are shown."""


@dataclass(frozen=True, slots=True)
class Revision:
    """The commit that a policy was read from; all of it is empty where there is none.

    ``commit`` is the full object id in hex; ``dirty`` says that files of the policy differ from
    it. ``ref`` is a full name, ``refs/heads/main``; ``authored`` is ISO 8601 with the author's
    own offset; ``signer`` is whose signature was checked.
    """

    commit: str = ""
    dirty: bool = False
    ref: str = ""
    authored: str = ""
    signer: str = ""

    def __str__(self) -> str:
        """The one string that events, status and metrics have in common: ``<commit>[-dirty]``."""
        return f"{self.commit}-dirty" if self.dirty else self.commit

    @property
    def short(self) -> str:
        """The same with a commit of twelve digits."""
        return f"{self.commit[:SHORT]}-dirty" if self.dirty else self.commit[:SHORT]

    @property
    def shown(self) -> str:
        """What a line for people says: ``refs/heads/main at 4f2a9c01d7e3 (2026-11-22T...)``."""
        if not self.commit:
            return ""
        at = f"{self.ref} at {self.short}" if self.ref else self.short
        return f"{at} ({self.authored})" if self.authored else at

    def facts(self) -> dict[str, Any]:
        """What a JSON event says of it; an unknown one is told by nulls."""
        return {
            "revision": str(self) or None,
            "short": self.short or None,
            "ref": self.ref or None,
            "authored": self.authored or None,
        } | ({"signer": self.signer} if self.signer else {})


UNKNOWN: Final = Revision()
"""No commit is known."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """The texts of a policy as they were at one moment, and which revision that is."""

    sources: Sources
    revision: Revision = UNKNOWN


class Source(Protocol):
    """Where a policy comes from."""

    async def fetch(self) -> Checkout | None:
        """Read it as it is now; None where it cannot be had, which the source has told by itself.

        What is wrong with the texts, or with a commit that may not be served, is in the checkout's
        ``sources.problems``.
        """

    def changes(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Yield whenever `fetch` may give something else, until ``stop`` is set."""
