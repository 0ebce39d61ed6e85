"""Room for large bodies: so many bytes of them are worked at in one worker, the others wait.

Who waits has not been read: what it sends stays with its Envoy. It is nobody's loss, since a worker
is one thread of Python, and two bodies at once are done no sooner than one after the other.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Room:
    """`take` some, waiting for one's turn, and `give` it back; ``size`` in bytes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def left(self) -> int:
        """Bytes that nobody has."""
        return self._left

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def take(self, wanted: int) -> int:
        """Wait until there is room, in the order of arrival; what is larger than all takes all."""
        wanted = min(wanted, self._size)
        if not self._waiting and wanted <= self._left:
            self._left -= wanted
            return wanted
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._let_in()
            else:
                self.give(wanted)
            raise
        return wanted

    def give(self, taken: int) -> None:
        """Give back what was taken."""
        self._left += taken
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            wanted, turn = self._waiting[0]
            if not turn.cancelled():
                if wanted > self._left:
                    return
                self._left -= wanted
                turn.set_result(None)
            self._waiting.popleft()
