"""Drops the oldest turns of a prompt that does not fit a model's context window.

What is dropped is whole: a question with all that came of it, then, of the last question, the steps
of tools one by one. System and developer messages stay, so does the last question and what it is to
be answered by now. No call is left without its result, and the first turn that is left is a user's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from ext_authz.translate.wire import NotJsonError, decode_members, encode
from xds.edge.pairs import ClientApi

Count = Callable[[bytes], int]
"""How many tokens the JSON of a request costs, about; what it asks for in output left away."""

_LISTS: Final = {
    ClientApi.CHAT: "messages",
    ClientApi.MESSAGES: "messages",
    ClientApi.RESPONSES: "input",
}
_PINNED: Final = ("system", "developer")
_OF_TOOLS: Final = ("function_call_output", "custom_tool_call_output")
_items = msgspec.json.Decoder(list[msgspec.Raw])


class _Part(msgspec.Struct):
    """What is read of a message or an item; the rest of it stays as it is."""

    type: Any = None
    role: Any = None
    content: Any = None


_part = msgspec.json.Decoder(_Part)


class Trimmed(msgspec.Struct, frozen=True):
    """A body, the very same object where it fits, and how many of its messages were dropped."""

    body: bytes
    dropped: int = 0


def trimmed(client: ClientApi, body: bytes, room: int, count: Count) -> Trimmed:
    """Drop turns until a prompt fits into ``room`` tokens, or there is no more to drop.

    What is no prompt of turns, or cannot be read, is left for others to judge.
    """
    name = _LISTS.get(client)
    if name is None or len(body) < room // 2 or count(body) <= room:
        return Trimmed(body)
    try:
        members = decode_members(body)
        items = _items.decode(members[name])
        parts = [_part.decode(item) for item in items]
    except (KeyError, NotJsonError, msgspec.DecodeError):
        return Trimmed(body)
    costs = [count(encode({name: [item]})) for item in items]
    total = count(encode({**members, name: []})) + sum(costs)
    gone: set[int] = set()
    for unit in _droppable(parts):
        if total <= room:
            break
        gone.update(unit)
        total -= sum(costs[place] for place in unit)
    if not gone:
        return Trimmed(body)
    kept = [item for place, item in enumerate(items) if place not in gone]
    return Trimmed(encode({**members, name: kept}), len(gone))


def _droppable(parts: list[_Part]) -> Iterator[list[int]]:
    """Yield what may be dropped, the oldest first: places of messages that only go together."""
    places = [place for place, part in enumerate(parts) if part.role not in _PINNED]
    turns = _split(places, lambda place: _is_question(parts[place]))
    yield from turns[:-1]
    if not turns:
        return
    last = turns[-1]
    question = [place for place in last if _is_question(parts[place])]
    steps = _split(last[len(question) :], lambda place: _begins_step(parts, last, place))
    yield from steps[:-1]


def _split(places: list[int], begins: Callable[[int], bool]) -> list[list[int]]:
    """Divide places; what comes before the first beginning is a part too."""
    divided: list[list[int]] = []
    before = False
    for place in places:
        begin = begins(place)
        # Of several questions in a row none is answered without the others.
        if not divided or (begin and not before):
            divided.append([])
        divided[-1].append(place)
        before = begin
    return divided


def _is_question(part: _Part) -> bool:
    """Whether a user says something: results of tools alone are no question."""
    if part.role != "user" or (part.type not in (None, "message")):
        return False
    content = part.content
    if not isinstance(content, list):
        return True
    return any(not isinstance(one, dict) or one.get("type") != "tool_result" for one in content)


def _begins_step(parts: list[_Part], places: list[int], place: int) -> bool:
    """Whether the model begins to say something here: after the results of its last step."""
    if _is_result(parts[place]):
        return False
    at = places.index(place)
    return at == 0 or _is_result(parts[places[at - 1]]) or _is_question(parts[places[at - 1]])


def _is_result(part: _Part) -> bool:
    return part.role == "tool" or part.type in _OF_TOOLS or part.role == "user"
