"""Answers that stream: each text is restored across the events that carry its pieces.

An event whose text ends in what may be the beginning of a placeholder, or of a value, waits for
the next piece of the same text, and what comes after it waits behind it. So no event is added and
none is left out: their numbers, and all but the strings that change, stay as they came.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from ext_authz.redact.channels import Channel, Delta, Way, read
from ext_authz.redact.errors import MalformedError
from ext_authz.redact.flow import Answering, Flow
from ext_authz.redact.json_text import Place, rewritten
from ext_authz.redact.sse_events import EventSplitter, RawEvent
from ext_authz.translate.framing.frame import FramingError
from ext_authz.translate.wire import NotJsonError, decode, decode_lenient, encode

_MOST_WAITING: Final = 256
"""Events that may wait: a choice that says nothing more must not stop the others for long."""


class _Event:
    """An event on its way: its deltas' texts by their places, and the channels it waits for."""

    __slots__ = ("data", "deltas", "raw", "said", "waits")

    def __init__(self, raw: RawEvent, data: bytes | None, deltas: list[Delta]) -> None:
        self.raw = raw
        self.data = data
        self.deltas = deltas
        self.said: dict[Way, str] = {}
        self.waits: set[Channel] = set()


class AnswerStream:
    """One streamed answer: `feed` each piece of bytes, `end` once; they return the client's bytes.

    Raises `MalformedError` for a stream that cannot be read, and `BlockedError` where rules block
    what a model says: the stream is then to be cut with an error.
    """

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._is_idle = answering.is_idle
        self._splitter = EventSplitter()
        self._flows: dict[Channel, Flow] = {}
        self._waiting: dict[Channel, tuple[_Event, Way]] = {}
        self._queue: deque[_Event] = deque()

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the stream."""
        if self._is_idle:
            return piece
        try:
            events = self._splitter.feed(piece)
        except FramingError as error:
            raise MalformedError(str(error)) from None
        for event in events:
            self._take(event)
        return self._ready()

    def end(self) -> bytes:
        """Take the end of the stream."""
        for event in self._splitter.end():
            self._take(event)
        self._finish(None)
        return self._ready()

    def _take(self, raw: RawEvent) -> None:
        data = raw.data
        if data is None:
            self._queue.append(_Event(raw, None, []))
            return
        try:
            value = decode(data)
        except NotJsonError:
            try:
                value = decode_lenient(data)
                data = encode(value)
            except NotJsonError:
                value = None
        said = read(value)
        event = _Event(raw, None if value is None else data, said.deltas)
        for delta in said.deltas:
            self._feed(event, delta)
        if said.ends is None:
            self._finish(None)
        else:
            for owner in said.ends:
                self._finish(owner)
        self._queue.append(event)
        if len(self._queue) > _MOST_WAITING:
            for channel in tuple(self._queue[0].waits):
                self._close(channel)

    def _feed(self, event: _Event, delta: Delta) -> None:
        channel = delta.channel
        flow = self._flows.get(channel)
        if flow is None:
            # Of one choice, one kind of text comes at a time: the one before is complete.
            for other in [one for one in self._waiting if _is_over(one, channel)]:
                self._close(other)
            flow = self._flows[channel] = Flow(self._answering, json=delta.json)
        event.said[delta.way] = event.said.get(delta.way, "") + flow.feed(delta.text)
        if (waiting := self._waiting.pop(channel, None)) is not None:
            waiting[0].waits.discard(channel)
        if flow.is_holding:
            self._waiting[channel] = (event, delta.way)
            event.waits.add(channel)

    def _finish(self, owner: object) -> None:
        """End all texts of a choice, a block or an item; None ends all."""
        for channel in [one for one in self._flows if owner is None or one[0] == owner]:
            self._close(channel)
            del self._flows[channel]

    def _close(self, channel: Channel) -> None:
        rest = self._flows[channel].end()
        if (waiting := self._waiting.pop(channel, None)) is not None:
            event, way = waiting
            event.said[way] += rest
            event.waits.discard(channel)

    def _ready(self) -> bytes:
        queue = self._queue
        written: list[bytes] = []
        while queue and not queue[0].waits:
            written.append(self._written(queue.popleft()))
        return b"".join(written)

    def _written(self, event: _Event) -> bytes:
        data = event.data
        if data is None:
            return self._unread(event.raw)
        changed = {
            delta.way: event.said[delta.way]
            for delta in event.deltas
            if event.said[delta.way] != delta.text
        }
        if not changed and not self._answering.needs(data):
            return event.raw.raw
        deltas = {delta.way for delta in event.deltas}

        def rewrite(raw: bytes, place: Place) -> bytes | None:
            if place.way in deltas and not place.is_key:
                return encode(changed[place.way]) if place.way in changed else None
            return self._answering.rewrite(raw, place)

        after = rewritten(data, rewrite)
        return event.raw.raw if after is event.raw.data else event.raw.with_data(after)

    def _unread(self, raw: RawEvent) -> bytes:
        """Restore and scan what is no JSON: a comment, `[DONE]`, a broken event."""
        if not self._answering.needs(raw.raw):
            return raw.raw
        try:
            text = raw.raw.decode()
        except UnicodeDecodeError:
            raise MalformedError("an event of the answer is not UTF-8") from None
        flow = Flow(self._answering, json=False)
        said = flow.feed(text) + flow.end()
        return raw.raw if said == text else said.encode()


def _is_over(one: Channel, new: Channel) -> bool:
    return one[0] == new[0] and one[1] != new[1]
