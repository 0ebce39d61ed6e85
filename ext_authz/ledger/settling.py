"""Hands the reservations of requests that have ended to the counters, as soon as they have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ext_authz.counters.counters import Counters, CountersAwayError
from ext_authz.ledger.bookmark import write_bookmark
from ext_authz.ledger.line import read_line
from ext_authz.ledger.settlement import may_hold, settlement
from ext_authz.ledger.spool import Batch
from xds.edge.rules import CounterStore, Rules


class Settling:
    """Settles batches; a batch that comes again is settled again, which counters pass over."""

    def __init__(
        self, rules: Callable[[], Rules | None], factory: Callable[[Rules], Counters], path: Path
    ) -> None:
        self._rules = rules
        self._factory = factory
        self._path = path
        self._counters: Counters | None = None
        self._opened: CounterStore | None = None

    async def take(self, batch: Batch) -> None:
        """Settle what a batch holds, and note that it is; raises CountersAwayError and OSError."""
        rules = self._rules()
        found = []
        for _, raw in batch.lines:
            if may_hold(raw):
                line, _ = read_line(raw)
                one = None if line is None else settlement(line, rules)
                if one is not None:
                    found.append(one)
        if found and rules is not None:
            counters = await self._open(rules)
            try:
                await counters.settle(found)
            except CountersAwayError:
                # Opened anew the next time: the secret that holds its URL may be another by then.
                await self.close()
                raise
        write_bookmark(self._path, batch.end)

    async def close(self) -> None:
        """Let go of the counters."""
        counters, self._counters = self._counters, None
        if counters is not None:
            await counters.close()

    async def _open(self, rules: Rules) -> Counters:
        if self._counters is None or self._opened != rules.counters:
            await self.close()
            self._counters = self._factory(rules)
            self._opened = rules.counters
        return self._counters
