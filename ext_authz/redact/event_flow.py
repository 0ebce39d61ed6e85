"""Answers that are translated: the events between provider and client are scanned and restored.

Here an event may be added, for what was held back when its text ends: writers number nothing
before.
"""

from __future__ import annotations

from typing import Final

from ext_authz.redact.flow import Answering, Flow
from ext_authz.translate.events import (
    Ended,
    Event,
    Failed,
    Finish,
    ReasoningDelta,
    ReasoningSigned,
    RefusalDelta,
    TextDelta,
    ToolArgs,
    ToolStart,
)

_Piece = TextDelta | RefusalDelta | ReasoningDelta | ToolArgs
_PIECES: Final = (TextDelta, RefusalDelta, ReasoningDelta, ToolArgs)
_Key = tuple[int, type[_Piece], int]


class EventFlow:
    """Restores one answer's events: `feed` each, `end` once where no terminal event came."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._is_idle = answering.is_idle
        self._flows: dict[_Key, tuple[Flow, _Piece]] = {}

    def feed(self, event: Event) -> list[Event]:
        """Return the events that may go on."""
        if self._is_idle:
            return [event]
        if isinstance(event, _PIECES):
            return self._piece(event)
        match event:
            case ToolStart():
                done = self._close(event.choice, but=ToolArgs)
                return [*done, self._named(event)]
            case Finish():
                return [*self._close(event.choice), event]
            case ReasoningSigned():
                return [*self._close(None, only=ReasoningDelta), event]
            case Ended() | Failed():
                return [*self.end(), event]
            case _:
                return [event]

    def end(self) -> list[Event]:
        """Return what was held back."""
        return self._close(None)

    def _piece(self, event: _Piece) -> list[Event]:
        kind = type(event)
        index = event.index if type(event) is ToolArgs else 0
        key = (event.choice, kind, index)
        known = self._flows.get(key)
        done: list[Event] = []
        if known is None:
            done = self._close(event.choice, but=kind)
            flow = Flow(self._answering, json=True if kind is ToolArgs else None)
        else:
            flow = known[0]
        self._flows[key] = (flow, event)
        said = flow.feed(event.text)
        if said == event.text:
            return [*done, event] if done else [event]
        return [*done, _with(event, said)] if said else done

    def _close(
        self,
        choice: int | None,
        *,
        but: type[_Piece] | None = None,
        only: type[_Piece] | None = None,
    ) -> list[Event]:
        """End the texts of a choice (None: of all), but for one kind of them, or only one."""
        rest: list[Event] = []
        for key in list(self._flows):
            if (
                (choice is None or key[0] == choice)
                and key[1] is not but
                and only in (None, key[1])
            ):
                flow, last = self._flows.pop(key)
                if said := flow.end():
                    rest.append(_with(last, said))
        return rest

    def _named(self, event: ToolStart) -> ToolStart:
        names = self._answering.names
        if names is None or (named := names.bare(event.name)) == event.name:
            return event
        return ToolStart(event.index, event.id, named, event.signature, event.choice)


def _with(event: _Piece, text: str) -> _Piece:
    if type(event) is ToolArgs:
        return ToolArgs(event.index, text, event.choice)
    return type(event)(text, event.choice)
