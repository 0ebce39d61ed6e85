"""A book in memory: the model that the stores are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from ext_authz.counters.shapes import State
from ext_authz.counters.term import Reservation


class DictBook:
    """Forgets nothing: what is gone must be so by its own word."""

    def __init__(self) -> None:
        self.counters: dict[str, State] = {}
        self.reservations: dict[str, Reservation] = {}
        self.holds: dict[str, int] = {}

    def counter(self, name: str) -> State:
        return self.counters.get(name, ())

    def set_counter(self, name: str, state: State, keep_ms: int) -> None:
        assert keep_ms > 0
        self.counters[name] = state

    def reservation(self, name: str) -> Reservation | None:
        return self.reservations.get(name)

    def set_reservation(self, name: str, reservation: Reservation, due: int | None) -> None:
        self.reservations[name] = reservation
        self.holds.pop(name, None)
        if due is not None:
            self.holds[name] = due

    def due(self, now: int, most: int) -> Sequence[str]:
        found = sorted((due, name.encode(), name) for name, due in self.holds.items() if due <= now)
        return [name for _, _, name in found[:most]]
