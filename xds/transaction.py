"""Make before break: the steps from one snapshot to the next without a failed request.

New clusters and endpoints go first, next to the old ones. Envoy withholds its ACK of clusters until
they are warm, so the ACK is a readiness barrier: only then do listeners and routes switch. When
these are acknowledged, what nobody uses any more is pruned. Each stream walks at its own pace; a
clock that is passed in bounds every wait, so that one cluster that never warms does not stop all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from xds.order import LISTENER, SUPPORT, VIRTUAL_HOST
from xds.snapshot import Resources, Snapshot, collect, layered

_SWITCHED: Final = frozenset({LISTENER, VIRTUAL_HOST})
"""Types that lose what is gone as they switch, before the clusters that it leads to are pruned."""


class Phase(IntEnum):
    """Where in a transaction a stream is."""

    MAKE = 1
    """Clusters, endpoints and secrets, new beside old; listeners and routes are not sent."""
    SWITCH = 2
    """Listeners and routes become the new ones; what they used before is still there."""
    PRUNE = 3
    """What is not in the new snapshot goes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what the stream is to have at the end of it."""

    phase: Phase
    view: Snapshot

    def sends(self, type_url: str) -> bool:
        """Whether resources of the type are sent in this step."""
        return self.phase is not Phase.MAKE or type_url in SUPPORT

    def prunes(self, type_url: str) -> bool:
        """Whether the client may be told in this step that resources of the type are gone."""
        if self.phase is Phase.SWITCH:
            return type_url in _SWITCHED
        return self.phase is Phase.PRUNE


def steps(old: Snapshot, new: Snapshot, *, sure: bool = True) -> tuple[Step, ...]:
    """Lay out the way from ``old`` to ``new``.

    Steps that would change nothing are left out, unless it is not ``sure`` that the client has
    ``old`` and nothing else: then each step must be waited for, and what it has is only taken away
    in the last one. That one always has ``new`` as its view.
    """
    support = {url: _union(old.of(url), new.of(url)) for url in _types(old, new) if url in SUPPORT}
    kept = {
        url: _union(old.of(url), new.of(url)) for url in _types(old, new) if url not in _SWITCHED
    }
    make = Step(Phase.MAKE, layered(old, support))
    switch = Step(Phase.SWITCH, layered(new, kept))
    way = [make, switch, Step(Phase.PRUNE, new)]
    return tuple(
        step
        for step, following in zip(way, [*way[1:], None], strict=True)
        if not sure or following is None or step.view.version != following.view.version
    )


def _types(old: Snapshot, new: Snapshot) -> set[str]:
    return {*old.types, *new.types}


def _union(old: Resources, new: Resources) -> Resources:
    """New over old; the very object of one of them where the other adds nothing."""
    if old.by_name.keys() <= new.by_name.keys():
        return new
    return collect({**old.by_name, **new.by_name})
