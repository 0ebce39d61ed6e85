"""The store that edges share: a Redis (6.2 or newer) or Valkey, one round trip a reservation.

Everything is one script (`counters.lua`), so that nothing comes between the limits of a request.
While the server is away nobody waits for it: a probe does, and when that may write again the next
reservation is counted. All keys of a gateway begin with ``{gatewright:NAME}``: a cluster keeps
them on one node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

import hiredis
import msgspec

from ext_authz.counters.address import address_of
from ext_authz.counters.connector import Connector
from ext_authz.counters.counters import Charge, CountersAwayError, Settlement, Standing, Verdict
from ext_authz.counters.line import LineCutError
from ext_authz.counters.term import bill_of, term_of

SCRIPT: Final = files("ext_authz.counters").joinpath("counters.lua").read_bytes()
_SHA: Final = hashlib.sha1(SCRIPT, usedforsecurity=False).hexdigest()
_TOGETHER: Final = 32
"""How many settlements one call of the script makes, which others wait for."""

_encode = msgspec.msgpack.Encoder().encode


def key_prefix(gateway: str) -> str:
    """What all keys of a gateway begin with."""
    # A brace would end the hash tag early, and keys would be on several nodes.
    return f"{{gatewright:{gateway.replace('{', '(').replace('}', ')')}}}"


class ValkeyCounters:
    """Counters of a gateway in a Redis or Valkey; `Counters` says what its methods do.

    Raises ValueError for a URL that is none. The connection is made with the first reservation.
    ``now`` is for tests: the time in ms since 1970, which is the server's own otherwise.
    """

    def __init__(self, url: str, gateway: str, timeout_ms: int = 100) -> None:
        self._prefix = key_prefix(gateway)
        self._connector = Connector(address_of(url), timeout_ms / 1000, f"{self._prefix}:probe")
        self.now: int | None = None

    async def reserve(self, reservation: str, charges: Sequence[Charge], hold_ms: int) -> Verdict:
        """Take all charges or none."""
        asked = _encode((reservation, [term_of(charge) for charge in charges], int(hold_ms)))
        admitted, refused, retry, *told = await self._run(b"reserve", asked)
        standings = tuple(map(Standing, told[::2], told[1::2]))
        return Verdict(admitted == 1, refused, retry, standings)

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Turn holds into what was used."""
        for first in range(0, len(settlements), _TOGETHER):
            bills = [bill_of(settlement) for settlement in settlements[first : first + _TOGETHER]]
            await self._run(b"settle", _encode(bills))

    async def close(self) -> None:
        """Let go of the connection."""
        await self._connector.close()

    async def _run(self, operation: bytes, about: bytes) -> Any:
        line = self._connector.line or await self._connector.wait()
        now = b"" if self.now is None else str(self.now)
        rest = (1, self._prefix, operation, about, now)
        try:
            reply = await line.ask("EVALSHA", _SHA, *rest)
            if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT"):
                reply = await line.ask("EVAL", SCRIPT, *rest)
        except LineCutError as error:
            raise CountersAwayError(f"the counters' store: {error}") from None
        if isinstance(reply, hiredis.ReplyError):
            code = str(reply).partition(" ")[0]
            self._connector.refused(line, code)
            # No password is ever sent this way: only `connector` has one.
            raise CountersAwayError(f"the counters' store answered {str(reply)[:200]}")
        return reply
