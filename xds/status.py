"""What each node has of what it is to have, as rows: for `gatewright status`, metrics and CSDS.

Pure. Types cost next to nothing, however many resources they have: 1,000 nodes of 10,000 routes are
asked about at each scrape, on the loop that serves them. Only what was refused, and what CSDS asks
for, is looked at resource by resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from xds.nack import Nack
from xds.observer import short
from xds.session import Session
from xds.snapshot import EMPTY, Resources
from xds.watch import Watch
from xds.withhold import Key


class State(StrEnum):
    """How a node stands to a resource, a type, or all of it."""

    SYNCED = "SYNCED"
    """It has accepted what it is to have."""
    NOT_SENT = "NOT_SENT"
    """It was sent nothing yet of what it asked for."""
    STALE = "STALE"
    """There is something newer than what it has accepted."""
    NACKED = "NACKED"
    """It refused what it is to have, and keeps what it had."""


_WORST = (State.NACKED, State.STALE, State.NOT_SENT, State.SYNCED)


def worst(states: Iterable[State]) -> State:
    """Give the state of a whole by those of its parts."""
    found = frozenset(states)
    return next((state for state in _WORST if state in found), State.SYNCED)


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One resource at one node: ``version`` is what it accepted, ``wanted`` what it is to have.

    Both are empty for none: it has none, or there is none.
    """

    type_url: str
    name: str
    version: str
    wanted: str
    state: State
    nack: Nack | None = None


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """One type at one node; ``version`` is that of the set it accepted last, as far as it asked."""

    type_url: str
    state: State
    version: str
    refused: tuple[ResourceStatus, ...] = ()

    @property
    def word(self) -> str:
        """The type's word: ``cluster``, ``route``."""
        return short(self.type_url)


def types(session: Session, withheld: Mapping[Key, Nack]) -> tuple[TypeStatus, ...]:
    """Tell how a stream stands, by type in ADS order.

    ``withheld`` is what its group does not send because a client refused it.
    """
    target = session.target or EMPTY
    mine = _refusals(session, withheld)
    found: list[TypeStatus] = []
    for url, watch in session.watches():
        had = session.had(url)
        if any(key[0] == url for key in mine):
            parts = _resources(url, watch, target.of(url), mine)
            refused = tuple(one for one in parts if one.state is State.NACKED)
            found.append(TypeStatus(url, State.NACKED, had or "", refused))
            continue
        if had == target.of(url).version and not watch.outstanding:
            state = State.SYNCED
        elif had is None and session.sent_at(url) is None:
            state = State.NOT_SENT
        else:
            state = State.STALE
        found.append(TypeStatus(url, state, had or ""))
    return tuple(found)


def resources(session: Session, withheld: Mapping[Key, Nack]) -> Iterator[ResourceStatus]:
    """Tell how a stream stands to each resource that it asked for."""
    target = session.target or EMPTY
    mine = _refusals(session, withheld)
    for url, watch in session.watches():
        yield from _resources(url, watch, target.of(url), mine)


def _refusals(session: Session, withheld: Mapping[Key, Nack]) -> dict[Key, Nack]:
    """What this node refused and is still to have: here, or on an earlier stream of its."""
    target = session.target or EMPTY
    found = {key: nack for key, nack in withheld.items() if nack.node == session.node}
    for url, nack in session.nacks.items():
        for name, version in nack.resources.items():
            wanted = target.of(url).by_name.get(name)
            if wanted is not None and wanted.version == version:
                found[url, name] = nack
    return found


def _resources(
    url: str, watch: Watch, target: Resources, refusals: Mapping[Key, Nack]
) -> Iterator[ResourceStatus]:
    holding = watch.holding()
    asked = watch.subscription
    names = {name for name in target.by_name if name in asked}
    names |= holding.accepted.keys() | holding.waiting.keys()
    names |= {name for type_url, name in refusals if type_url == url}
    for name in sorted(names):
        accepted = holding.accepted.get(name, "")
        wanted = one.version if (one := target.by_name.get(name)) else ""
        nack = refusals.get((url, name))
        if nack is not None:
            state = State.NACKED
            wanted = nack.resources.get(name, wanted)
        elif accepted == wanted and name not in holding.waiting:
            state = State.SYNCED
        elif accepted or name in holding.waiting:
            state = State.STALE
        else:
            state = State.NOT_SENT
        yield ResourceStatus(url, name, accepted, wanted, state, nack)
