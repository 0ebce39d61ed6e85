"""What a store of the ledger promises, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ext_authz.ledger.bookmark import Bookmark
from ext_authz.ledger.row import Row


class LedgerAwayError(Exception):
    """The store cannot be reached or written just now; nothing is known of the outcome.

    The message says why and holds no credential.
    """


class RowsRefusedError(Exception):
    """The store is there, and will never take these rows as they are; none was written."""


class LedgerStore(Protocol):
    """Keeps rows, each once: a row whose id is there already is passed over."""

    async def bookmark(self) -> Bookmark | None:
        """Give the bookmark that was written with the last rows, None where there is none.

        Raises LedgerAwayError.
        """

    async def write(self, rows: Sequence[Row], bookmark: Bookmark | None) -> int:
        """Write all rows or none, and give how many are new. The bookmark goes with the rows.

        Raises LedgerAwayError and RowsRefusedError.
        """

    async def prune(self, before: int, most: int) -> int:
        """Delete at most so many of the rows that began before a time, in ms since 1970.

        Gives how many were deleted. Raises LedgerAwayError.
        """

    async def close(self) -> None:
        """Let go of connections and files."""
