"""Answers Envoy's attempts by what is served now: the shell around `ext_authz.process`.

Whoever serves it gives a stream of bytes and sends bytes.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import grpc

from ext_authz.process.attempt import Attempt
from ext_authz.process.processor import Processor, processor
from ext_authz.service.arrivals import Arrivals
from ext_authz.service.room import Room
from ext_authz.service.tally import Tally
from ext_authz.subscription.served import Served
from ext_authz.translate.clients.writer import Moment
from xds.edge.attempt import UPSTREAM
from xds.edge.processing import Processing

Context = grpc.aio.ServicerContext[bytes, bytes]

ROOM: Final = 64 << 20
"""Bytes of large bodies that a worker has at once: two of the largest."""


class Attempts:
    """Holds what is served, made ready; each attempt goes on with what it began with."""

    def __init__(self, tally: Tally, clock: Callable[[], float] = time.time) -> None:
        self._tally = tally
        self._clock = clock
        self._processor: Processor | None = None
        self._processing: Processing | None = None
        self._known: dict[str, str | None] = {}
        self._arrivals = Arrivals()
        self.room = Room(ROOM)

    def take(self, served: Served) -> None:
        """Work by what is served from now on."""
        processing = served.processing
        known = {name: served.secret(name) for name in served.processing_secrets}
        if processing is None or (processing is self._processing and known == self._known):
            return
        self._processor = processor(processing, known.get, self._processor)
        self._processing, self._known = processing, known
        self._arrivals.tell()

    async def process(self, _asked: Any, context: Context) -> None:
        """Serve one stream."""
        attempt = Attempt(_cluster(context), Moment(self._clock(), secrets.token_hex(12)))
        taken = 0
        try:
            while not attempt.done:
                message: Any = await context.read()
                if message is grpc.aio.EOF:
                    break
                answers = await self._answers(attempt, message)
                del message  # it may be large, and the next one long in coming
                while answers:
                    await context.write(answers.pop(0))
                if taken == 0 and attempt.holds:
                    taken = await self.room.take(attempt.holds)
                elif taken and not attempt.holds:
                    self.room.give(taken)
                    taken = 0
        finally:
            self.room.give(taken)
            self._tally.attempted(attempt.outcome)

    async def _answers(self, attempt: Attempt, message: bytes) -> list[bytes]:
        if attempt.slow:
            answers = await asyncio.to_thread(attempt.take, message, self._processor)
        else:
            answers = attempt.take(message, self._processor)
        if answers is None:
            # The cluster or the route is not known yet.
            answers = await self._arrivals.until(lambda: attempt.take(message, self._processor))
        return attempt.give_up(message) if answers is None else answers


def _cluster(context: Context) -> str:
    for name, value in context.invocation_metadata() or ():
        if name == UPSTREAM:
            return value if isinstance(value, str) else value.decode("utf-8", "replace")
    return ""
