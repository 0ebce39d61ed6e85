"""What one stream wants of one type: names, or everything; a pure state machine for both protocols.

Source: "How the client specifies what resources to return" of Envoy's xDS protocol page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from xds.order import ALL_BY_SILENCE, NAMED_ONLY

WILDCARD: Final = "*"


@dataclass(frozen=True, slots=True)
class Change:
    """What a request changed: names newly asked for (or again), and names no longer wanted."""

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


class Subscription:
    """The interest of a stream in one type.

    ``names`` are asked for one by one; ``wildcard`` means all there is. An empty first request is
    a wildcard for a few types only, and only until the first name is given: after that an empty
    list means "nothing".
    """

    __slots__ = ("_may_be_legacy", "_may_be_wildcard", "names", "wildcard")

    def __init__(self, type_url: str) -> None:
        self.names: frozenset[str] = frozenset()
        self.wildcard = False
        self._may_be_legacy = type_url in ALL_BY_SILENCE
        self._may_be_wildcard = type_url not in NAMED_ONLY

    def __contains__(self, name: str) -> bool:
        return self.wildcard or name in self.names

    def __bool__(self) -> bool:
        return self.wildcard or bool(self.names)

    def state(self, resource_names: Iterable[str]) -> Change:
        """Take the names of a SotW request: the whole of what is wanted from now on."""
        given = frozenset(resource_names)
        if not given and self._may_be_legacy:
            self.wildcard = True
            return Change()
        self._may_be_legacy = False
        names = given - {WILDCARD}
        change = Change(names - self.names, self.names - names)
        self.wildcard = WILDCARD in given and self._may_be_wildcard
        self.names = names
        return change

    def amend(self, subscribe: Iterable[str], unsubscribe: Iterable[str]) -> Change:
        """Take the two lists of a delta request: what is wanted as well, and what no longer.

        A name that is asked for again counts as added (it is to be sent again). An empty request
        is a legacy wildcard only as the first one; later it is a plain ACK.
        """
        asked, dropped = frozenset(subscribe), frozenset(unsubscribe)
        if not asked and not dropped:
            if self._may_be_legacy:
                self.wildcard = True
            self._may_be_legacy = False
            return Change()
        self._may_be_legacy = False
        # Asked for and dropped in one request: nothing, for "*" as for a name.
        both = asked & dropped
        asked, dropped = asked - both, dropped - both
        if WILDCARD in asked:
            self.wildcard = self._may_be_wildcard
        elif WILDCARD in dropped:
            self.wildcard = False
        added, removed = asked - {WILDCARD}, dropped - {WILDCARD}
        # Under a wildcard a name that was never asked for is answered too; without one, dropping
        # an unknown name is harmless and says nothing.
        answered = removed if self.wildcard else removed & self.names
        self.names = (self.names | added) - removed
        return Change(added, answered)
