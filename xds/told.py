"""Tell a thing once, and again only after a while: a client that is refused comes back for ever."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

_AFTER: Final = 600.0
_KEPT: Final = 1_000


class Told:
    """What was told of late; ``after`` so many seconds it is news again.

    It remembers 1,000 things at most: whoever makes up more of them fills logs, but not memory.
    """

    def __init__(self, after: float = _AFTER) -> None:
        self._after = after
        self._at: OrderedDict[Hashable, float] = OrderedDict()

    def news(self, thing: Hashable, now: float) -> bool:
        """Tell whether a thing is to be told now."""
        at = self._at.get(thing)
        if at is not None and now < at + self._after:
            return False
        self._at[thing] = now
        self._at.move_to_end(thing)
        if len(self._at) > _KEPT:
            self._at.popitem(last=False)
        return True
