"""Drops the oldest turns of a prompt that does not fit a model's context window.

What is dropped is whole: a question with all that came of it, then, of the last question, the steps
of tools one by one. System and developer messages stay, so do the last words of the user and what
is to be answered by now. No call is left without its result, nor a result without its call, and the
first turn that is left is a user's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from ext_authz.translate.errors import TooLongError
from ext_authz.translate.prompt_items import Item, joined, read_items, split
from ext_authz.translate.wire import NotJsonError, decode_members, encode
from xds.edge.pairs import ClientApi

Count = Callable[[bytes], int]
"""How many tokens the JSON of a request costs, about; what it asks for in output left away.

No more than one a byte, but for what is shown: a picture may cost more than its name is long.
"""

_LISTS: Final = {
    ClientApi.CHAT: "messages",
    ClientApi.MESSAGES: "messages",
    ClientApi.RESPONSES: "input",
}
_SHOWN: Final = re.compile(rb'"(?:input_)?(?:image|audio|document|file)')


class Trimmed(msgspec.Struct, frozen=True):
    """A body, the very same object where it fits, and how many of its messages were dropped."""

    body: bytes
    dropped: int = 0


def trimmed(client: ClientApi, body: bytes, window: int, reserve: int, count: Count) -> Trimmed:
    """Drop turns until a prompt fits ``window`` beside ``reserve`` tokens of output.

    No more is dropped than must be, and each message is counted once. What is no prompt of turns,
    or cannot be read, is left for others to judge. Raises `TooLongError` where even the least, what
    is never dropped, does not fit.
    """
    room = max(window - reserve, 0)
    name = _LISTS.get(client)
    if name is None or (len(body) <= room and not _SHOWN.search(body)):
        return Trimmed(body)
    # The whole is counted by its beginning, which may be unlike the rest.
    if 4 * (whole := count(body)) <= 3 * room:
        return Trimmed(body)
    try:
        members = decode_members(body)
        if bytes(members[name]).startswith(b'"'):
            return _all_or_nothing(body, whole, room)
        items, read = read_items(members[name])
    except (KeyError, NotJsonError, msgspec.DecodeError, RecursionError):
        return Trimmed(body)
    if not items:
        return Trimmed(body)
    units = _droppable(read)
    loose = {place for unit in units for place in unit}
    total = count(encode({**members, name: []}))
    total += sum(
        count(encode({name: [item]})) for place, item in enumerate(items) if place not in loose
    )
    if total > room:
        raise TooLongError(total, room)
    for unit in reversed(units):
        total += sum(count(encode({name: [items[place]]})) for place in unit)
        if total > room:
            break
        loose.difference_update(unit)
    if not loose:
        return Trimmed(body)
    kept = [item for place, item in enumerate(items) if place not in loose]
    return Trimmed(encode({**members, name: kept}), len(loose))


def _all_or_nothing(body: bytes, whole: int, room: int) -> Trimmed:
    if whole > room:
        raise TooLongError(whole, room)
    return Trimmed(body)


def _droppable(items: list[Item]) -> list[list[int]]:
    """What may be dropped, the oldest first: places of messages that only go together."""
    places = [place for place, item in enumerate(items) if not item.pinned]
    asking = {place for place in places if items[place].asks}
    turns = joined(items, split(places, asking))
    if not turns:
        return []
    last = turns[-1]
    question = next((n for n, place in enumerate(last) if place not in asking), len(last))
    beginning = {
        place
        for n, place in enumerate(last[question:], question)
        if not items[place].answers
        and (n == 0 or items[last[n - 1]].answers or last[n - 1] in asking)
    }
    steps = joined(items, split(last[question:], beginning))
    spoken = max((place for place in last if items[place].speaks), default=-1)
    return turns[:-1] + [step for step in steps[:-1] if spoken not in step]
