"""The messages or items of a prompt, as far as must be known of one to drop it or to keep it.

Chat Completions, Messages and Responses name the same things differently: who speaks, which calls
of tools are made, and which are answered. The rest of an item stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec

_PINNED: Final = ("system", "developer")
_RESULTS: Final = ("tool", "function")
_raw = msgspec.json.Decoder(list[msgspec.Raw])


class Item(msgspec.Struct):
    """A message or an item; `calls` and `results` are the ids of calls made and answered."""

    type: Any = None
    role: Any = None
    content: Any = None
    tool_calls: Any = None
    tool_call_id: Any = None
    call_id: Any = None

    @property
    def pinned(self) -> bool:
        """Whether it is the system's, which is never dropped."""
        return self.role in _PINNED

    @property
    def answers(self) -> bool:
        """Whether it holds the result of a tool."""
        return self.role in _RESULTS or self._is_output or bool(self._of("tool_result"))

    @property
    def speaks(self) -> bool:
        """Whether it holds words of a user."""
        if self.role != "user" or self.type not in (None, "message"):
            return False
        content = self.content
        return not isinstance(content, list) or len(self._of("tool_result")) < len(content)

    @property
    def asks(self) -> bool:
        """Whether a turn can begin with it: a user's words, and nothing that belongs before."""
        return self.speaks and not self._of("tool_result")

    @property
    def calls(self) -> list[str]:
        """The ids of the calls of tools that it makes."""
        listed = self.tool_calls if isinstance(self.tool_calls, list) else []
        found = _ids(listed, "id") + _ids(self._of("tool_use"), "id")
        return found if self._is_output else found + _strings(self.call_id)

    @property
    def results(self) -> list[str]:
        """The ids of the calls that it answers."""
        found = _ids(self._of("tool_result"), "tool_use_id") + _strings(self.tool_call_id)
        return found + _strings(self.call_id) if self._is_output else found

    @property
    def _is_output(self) -> bool:
        return isinstance(self.type, str) and self.type.endswith("_output")

    def _of(self, kind: str) -> list[Any]:
        blocks = self.content if isinstance(self.content, list) else ()
        return [one for one in blocks if isinstance(one, dict) and one.get("type") == kind]


_item = msgspec.json.Decoder(Item)


def read_items(given: bytes | msgspec.Raw) -> tuple[list[msgspec.Raw], list[Item]]:
    """Read a list of messages; raises `msgspec.DecodeError` for what is none."""
    items = _raw.decode(given)
    return items, [_item.decode(item) for item in items]


def split(places: list[int], beginning: Collection[int]) -> list[list[int]]:
    """Divide places at each beginning, several in a row being one; what stands before is a part."""
    divided: list[list[int]] = []
    begun = False
    for place in places:
        begins = place in beginning
        if not divided or (begins and not begun):
            divided.append([])
        divided[-1].append(place)
        begun = begins
    return divided


def joined(items: list[Item], units: list[list[int]]) -> list[list[int]]:
    """Put together with all between them the units of which one answers a call of another."""
    whole: list[list[int]] = []
    made: dict[str, int] = {}  # the unit of the last call with this id
    for unit in units:
        first = here = len(whole)
        for place in unit:
            first = min([first, *(made.get(one, here) for one in items[place].results)])
            made |= dict.fromkeys(items[place].calls, here)
        whole.append(unit)
        if first < here:
            whole[first:] = [[place for one in whole[first:] for place in one]]
            made = {one: min(number, first) for one, number in made.items()}
    return whole


def _ids(values: list[Any], name: str) -> list[str]:
    return [found for one in values if isinstance(one, dict) for found in _strings(one.get(name))]


def _strings(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else []
