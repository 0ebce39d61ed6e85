"""Observers of nothing and of all: a base for those that hear a few things, and a fan-out."""

from __future__ import annotations

from xds.nack import Nack
from xds.observer import Observer, Pushed, Stream


class Silent:
    """Hears everything and does nothing."""

    def opened(self, stream: Stream) -> None:
        """A node is served."""

    def closed(self, stream: Stream) -> None:
        """A stream ends."""

    def refused_stream(self, reason: str) -> None:
        """A stream was turned away."""

    def requested(self, stream: Stream, type_url: str) -> None:
        """A request came."""

    def pushed(self, stream: Stream, pushed: Pushed, queued: float) -> None:
        """Responses went out."""

    def acked(self, stream: Stream, type_url: str, waited: float) -> None:
        """A response was accepted."""

    def nacked(self, stream: Stream, nack: Nack) -> None:
        """A response was refused."""

    def stale(self, stream: Stream, type_url: str) -> None:
        """A request was late."""

    def overdue(self, stream: Stream, steps: int) -> None:
        """Steps were not waited for."""

    def converged(self, group: str, seconds: float) -> None:
        """A group has what was published."""


class Observers:
    """Passes everything on to some observers, in their order; to nobody where there are none."""

    def __init__(self, *observers: Observer) -> None:
        self._all = observers

    def opened(self, stream: Stream) -> None:
        """Pass it on."""
        for one in self._all:
            one.opened(stream)

    def closed(self, stream: Stream) -> None:
        """Pass it on."""
        for one in self._all:
            one.closed(stream)

    def refused_stream(self, reason: str) -> None:
        """Pass it on."""
        for one in self._all:
            one.refused_stream(reason)

    def requested(self, stream: Stream, type_url: str) -> None:
        """Pass it on."""
        for one in self._all:
            one.requested(stream, type_url)

    def pushed(self, stream: Stream, pushed: Pushed, queued: float) -> None:
        """Pass it on."""
        for one in self._all:
            one.pushed(stream, pushed, queued)

    def acked(self, stream: Stream, type_url: str, waited: float) -> None:
        """Pass it on."""
        for one in self._all:
            one.acked(stream, type_url, waited)

    def nacked(self, stream: Stream, nack: Nack) -> None:
        """Pass it on."""
        for one in self._all:
            one.nacked(stream, nack)

    def stale(self, stream: Stream, type_url: str) -> None:
        """Pass it on."""
        for one in self._all:
            one.stale(stream, type_url)

    def overdue(self, stream: Stream, steps: int) -> None:
        """Pass it on."""
        for one in self._all:
            one.overdue(stream, steps)

    def converged(self, group: str, seconds: float) -> None:
        """Pass it on."""
        for one in self._all:
            one.converged(group, seconds)
