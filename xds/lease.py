"""Resources that clients keep for a time only, and when they are to hear of them again.

A resource with a TTL is dropped by its client when the TTL runs out. The server renews it by a
heartbeat: its name, version and TTL, without the resource (but see `SotwWatch`). Source: "TTL" of
Envoy's xDS protocol page; the features' names are those of its "Well Known Client Features".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from xds.snapshot import Encoded, Resources
from xds.watch import Watch

TTL_FEATURE: Final = "xds.config.supports-resource-ttl"
"""What a client calls itself that drops a resource at the end of its TTL."""

WRAPPER_FEATURE: Final = "xds.config.resource-in-sotw"
"""What a client calls itself that unwraps a Resource, which is where a TTL stands, in SotW."""

_BEAT: Final = 0.5
"""The part of a TTL after which it is renewed: one heartbeat may be late by as much again."""


def takes_ttl(node: Any, *, sotw: bool) -> bool:
    """Tell whether a client (its Node) can be sent TTLs."""
    features = set(node.client_features)
    return TTL_FEATURE in features and (not sotw or WRAPPER_FEATURE in features)


@dataclass(frozen=True, slots=True)
class Lease:
    """A resource as it was sent, and when it was sent or renewed last (seconds of any clock)."""

    resource: Encoded
    ttl: timedelta
    since: float

    @property
    def due(self) -> float:
        """When it is to be renewed."""
        return self.since + self.ttl.total_seconds() * _BEAT

    @property
    def end(self) -> float:
        """When the client drops it."""
        return self.since + self.ttl.total_seconds()


class Leases:
    """All leases of a stream, by type URL and name; without a socket or a clock of its own."""

    __slots__ = ("_by_type",)

    def __init__(self) -> None:
        self._by_type: dict[str, dict[str, Lease]] = {}

    def sent(self, type_url: str, names: Iterable[str], of: Resources, now: float) -> None:
        """Note that these were sent, as they are in the set: leases begin, or end."""
        mine = self._by_type.get(type_url, {})
        if not of.expiring and not mine:
            return
        for name in names:
            one = of.by_name.get(name)
            if one is None or one.ttl is None:
                mine.pop(name, None)
            else:
                mine[name] = Lease(one, one.ttl, now)
        self._keep(type_url, mine)

    def renew(
        self, watches: Mapping[str, Watch], free_at: Callable[[str], float | None], now: float
    ) -> list[bytes]:
        """Give the heartbeats that are due, one for all leases of a type.

        ``free_at`` tells until when a type's ACK is waited for. After that, and where the TTL has
        run out, the watch is to send the resources in full.
        """
        frames: list[bytes] = []
        for type_url, leases in list(self._by_type.items()):
            free = free_at(type_url)
            if now < (free or 0) or all(now < one.due for one in leases.values()):
                continue
            if free is not None or any(one.end <= now for one in leases.values()):
                del self._by_type[type_url]
                watches[type_url].again(frozenset(leases))
                continue
            push = watches[type_url].heartbeat({n: one.resource for n, one in leases.items()})
            # What it did not name, the client no longer has.
            kept = {n: replace(one, since=now) for n, one in leases.items() if n in push.names}
            self._keep(type_url, kept)
            frames += push.frames
        return frames

    def deadlines(self, free_at: Callable[[str], float | None]) -> Iterator[float]:
        """Tell when each type is to be looked at.

        That may have just passed: nothing else would wake the stream.
        """
        for type_url, leases in self._by_type.items():
            due = min(one.due for one in leases.values())
            free = free_at(type_url)
            yield due if free is None else max(due, free)

    def _keep(self, type_url: str, leases: dict[str, Lease]) -> None:
        if leases:
            self._by_type[type_url] = leases
        else:
            self._by_type.pop(type_url, None)
