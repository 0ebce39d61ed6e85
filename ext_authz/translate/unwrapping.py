"""A tool that stands for the answer's schema is taken off again: its arguments are the answer."""

from __future__ import annotations

from ext_authz.translate.events import Event, Finish, TextDelta, ToolArgs, ToolStart


class Unwrapping:
    """Passes events on; the calls of one tool become text, and other calls keep their numbers."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._numbers: dict[int, int] = {}
        self._unwrapped: set[int] = set()

    def __call__(self, events: list[Event]) -> list[Event]:
        """Return the events as if the schema had been asked for in the API's own words."""
        return [passed for event in events if (passed := self._one(event)) is not None]

    def _one(self, event: Event) -> Event | None:
        if type(event) is ToolStart:
            if event.name == self._name:
                self._unwrapped.add(event.index)
                return None
            number = self._numbers[event.index] = len(self._numbers)
            return ToolStart(number, event.id, event.name, event.signature, event.choice)
        if type(event) is ToolArgs:
            if event.index in self._unwrapped:
                return TextDelta(event.text, event.choice)
            return ToolArgs(self._numbers.get(event.index, 0), event.text, event.choice)
        if type(event) is Finish and event.reason == "tool_calls" and not self._numbers:
            return Finish("stop", None, event.choice)
        return event
