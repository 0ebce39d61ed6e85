"""Tells an observer what one stream's session does; the server calls it at each turn."""

from __future__ import annotations

from xds.nack import Nack
from xds.observer import Observer, Stream
from xds.session import Session
from xds.watch import Verdict


class Observed:
    """A stream that is watched from its first request to its end.

    ``group`` is the one it was placed in first, under which it is counted to the end.
    """

    def __init__(self, observer: Observer, session: Session, group: str, type_url: str) -> None:
        self._observer = observer
        self._session = session
        self._stream = Stream(session.protocol, group, type_url, session.node)
        self._overdue = 0
        self._stirred: float | None = None
        observer.opened(self._stream)

    def stir(self, now: float) -> None:
        """Note that there may be something to send."""
        if self._stirred is None:
            self._stirred = now

    def took(self, verdict: Verdict, nack: Nack | None, now: float) -> None:
        """Tell of a request, by what the session and its group made of it."""
        self.stir(now)
        told, stream, type_url = self._observer, self._stream, verdict.type_url
        told.requested(stream, type_url)
        if verdict.stale:
            told.stale(stream, type_url)
        if verdict.accepted:
            sent = self._session.sent_at(type_url)
            told.acked(stream, type_url, 0.0 if sent is None else now - sent)
        if nack is not None:
            told.nacked(stream, nack)

    def sent(self, now: float) -> None:
        """Tell of what was written since the last call, which has left by now."""
        queued = 0.0 if self._stirred is None else now - self._stirred
        self._stirred = None
        for pushed in self._session.take_pushed():
            self._observer.pushed(self._stream, pushed, queued)
        if self._session.overdue > self._overdue:
            self._observer.overdue(self._stream, self._session.overdue - self._overdue)
            self._overdue = self._session.overdue

    def closed(self) -> None:
        """Tell of the end; the session has its place still."""
        self._observer.closed(self._stream)
