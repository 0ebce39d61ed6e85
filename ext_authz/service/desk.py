"""Answers Envoy's questions by what is served now: the shell around admission and rate limits.

Whoever serves it gives bytes and sends bytes. All counting is one call of the counters' store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Final

from ext_authz.admission.book import Book
from ext_authz.admission.decide import Admission, Decided, NotYet, Reserve
from ext_authz.counters.counters import Counters, CountersAwayError
from ext_authz.latency.latencies import Latencies
from ext_authz.ratelimit import LimitsById, limits_by_id, should_rate_limit
from ext_authz.service.arrivals import Arrivals
from ext_authz.service.tally import Tally
from ext_authz.subscription.served import Served
from xds.edge.rules import Rules

_log = logging.getLogger("gatewright.edge")

LINGER: Final = 2.0
"""Seconds that counters stay open after others took their place: somebody may be waiting."""


class Desk:
    """Holds what is served, and the counters; ``open_store`` opens those that rules name.

    ``latencies`` choose whom a request is tried at first, where a model says so.
    """

    def __init__(
        self,
        open_store: Callable[[Rules], Counters],
        tally: Tally,
        clock: Callable[[], float] = time.time,
        latencies: Latencies | None = None,
    ) -> None:
        self._open_store = open_store
        self._tally = tally
        self._clock = clock
        self._latencies = latencies or Latencies(clock, Random().random)  # noqa: S311 - no secret
        self._served: Served | None = None
        self._admission: Admission | None = None
        self._book: Book | None = None
        self._limits = LimitsById("", {})
        self._counters: Counters | None = None
        self._store: object = None
        self._arrivals = Arrivals()
        self._closing: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether there are rules to decide by."""
        return self._admission is not None

    def take(self, served: Served) -> None:
        """Decide by what is served from now on, unless it is not all there yet."""
        rules = served.rules
        if rules is None or not served.complete:
            return
        before = self._served
        if self._book is None or before is None or before.rules is not rules:
            self._book = Book(rules)
            self._limits = limits_by_id(rules)
            self._latencies.take(rules.models)
        first = self._latencies.first
        self._admission = Admission(self._book, served.keys, served.revoked, first)
        self._served = served
        store = (rules.gateway, rules.counters, served.secret(rules.counters.secret))
        if store != self._store:
            self._close_counters()
            self._store = store
        self._arrivals.tell()

    async def prepare(self) -> None:
        """Open the counters before anybody asks, so that a rush of first questions waits for none.

        Where they are away, questions will say so.
        """
        if self._limits.by_id:
            with suppress(CountersAwayError):
                await self._store_now().reserve("", (), 0)

    async def check(self, question: bytes) -> bytes:
        """Answer an ext_authz CheckRequest; raises DecodeError for what is none."""
        said = self._decide(question)
        if isinstance(said, NotYet):
            said = await self._decide_later(question, said)
        if isinstance(said, Decided):
            self._tally.decided(said.outcome)
            return said.answer
        began = time.perf_counter()
        try:
            verdict = await self._store_now().reserve(said.reservation, said.charges, said.hold_ms)
        except CountersAwayError as error:
            self._tally.away(str(error))
            decided = said.away()
        else:
            self._tally.counted(time.perf_counter() - began)
            decided = said.finish(verdict)
        self._tally.decided(decided.outcome)
        return decided.answer

    def _decide(self, question: bytes) -> Decided | Reserve | NotYet:
        if self._admission is None:
            raise NotServedError
        return self._admission.decide(question, self._clock())

    async def _decide_later(self, question: bytes, said: NotYet) -> Decided | Reserve:
        """Decide again with each change of what is served, for as long as there is patience."""

        def again() -> Decided | Reserve | None:
            decided = self._decide(question)
            return None if isinstance(decided, NotYet) else decided

        return await self._arrivals.until(again) or Decided(said.answer, "unknown_route")

    async def rate_limit(self, request: bytes) -> bytes:
        """Answer a RateLimitRequest; raises DecodeError, and CountersAwayError if that closes."""
        if self._admission is None:
            raise CountersAwayError("there are no rules yet")
        try:
            answer = await should_rate_limit(request, self._limits, self._store_now())
        except CountersAwayError as error:
            self._tally.away(str(error))
            raise
        self._tally.decided("rate_limit")
        return answer

    async def close(self) -> None:
        """Let go of the counters."""
        self._ended.set()
        self._close_counters()
        await asyncio.gather(*self._closing)

    def _store_now(self) -> Counters:
        if self._counters is None:
            if self._served is None or self._served.rules is None:
                raise CountersAwayError("there are no rules yet")
            self._counters = self._open_store(self._served.rules)
        return self._counters

    def _close_counters(self) -> None:
        if self._counters is not None:
            task = asyncio.get_running_loop().create_task(self._close_later(self._counters))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            self._counters = None

    async def _close_later(self, counters: Counters) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), LINGER)
        await counters.close()


class NotServedError(Exception):
    """Nothing was ever served here: Envoy should ask another worker."""
