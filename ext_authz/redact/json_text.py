"""Rewrites strings of a JSON text in place: what does not change keeps its bytes.

Order, spaces, numbers of any size, and members that are given twice go out as they came. The text
has been decoded before, so its grammar is known to be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from ext_authz.redact.errors import MalformedError, TooMuchError
from ext_authz.redact.places import KNOWN, Region, region_below
from ext_authz.translate.wire import MAX_DEPTH, NotJsonError, decode, may_be_deep

_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]|[^\s{}\[\]:,"]+', re.DOTALL)
_SCALAR_LEAST: Final = 8
"""Digits of the shortest number that is looked at."""


class Place:
    """Where a string stands: its member, what its names mean, and the way to it."""

    __slots__ = ("depth", "is_key", "name", "region", "way")

    def __init__(
        self, name: str, region: Region, depth: int, way: tuple[str | int, ...], *, is_key: bool
    ) -> None:
        self.name = name
        self.region = region
        self.depth = depth
        self.way = way
        self.is_key = is_key

    def shown(self, *, numbered: bool = True) -> str:
        """Write the place: `messages[2].content[0].text`. Names that are no API's are `*`."""
        parts: list[str] = []
        for step in self.way:
            if isinstance(step, int):
                parts.append(f"[{step}]" if numbered else "[]")
            else:
                shown = step if step in KNOWN else "*"
                parts.append(f".{shown}" if parts else shown)
        return "".join(parts) or "the body"


Rewrite = Callable[[bytes, Place], bytes | None]
"""Gets the bytes of a string, with its quotes, or of a number; returns others, or None."""


def rewritten(
    body: bytes,
    rewrite: Rewrite,
    *,
    region: Region = Region.API,
    way: tuple[str | int, ...] = (),
    name: str = "",
) -> bytes:
    """Give each string, each key and, in the user's own data, each number to `rewrite`.

    `region`, `way` and `name` tell where the body itself stands, where it is inside of another.
    """
    pieces: list[bytes] = []
    done = 0
    # A container: is it an object, its region, its name, the name or index of what comes next.
    stack: list[tuple[bool, Region, str]] = []
    steps: list[str | int] = []
    is_object, here = False, region
    member: str = name
    wants_key = False
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first == 0x22:  # a quote
            if wants_key:
                wants_key = False
                raw = token[0]
                member = raw[1:-1].decode() if b"\\" not in raw else str(decode(raw))
                steps[-1] = member
                place = Place(member, here, len(stack), (*way, *steps), is_key=True)
            else:
                place = Place(member, here, len(stack), (*way, *steps), is_key=False)
            changed = rewrite(token[0], place)
        elif first in b"{[":
            stack.append((is_object, here, member))
            if len(stack) > MAX_DEPTH:
                raise TooMuchError(f"nested deeper than {MAX_DEPTH} levels")
            if is_object:
                here = region_below(here, member, len(stack) - 1)
            is_object = wants_key = first == 0x7B
            steps.append("" if is_object else 0)
            continue
        elif first in b"}]":
            is_object, here, member = stack.pop()
            steps.pop()
            wants_key = False
            continue
        elif first == 0x2C:  # a comma
            if is_object:
                wants_key = True
            else:
                steps[-1] = int(steps[-1]) + 1
            continue
        elif here is Region.DATA and token.end() - token.start() >= _SCALAR_LEAST:
            place = Place(member, here, len(stack), (*way, *steps), is_key=False)
            changed = rewrite(token[0], place)
        else:
            continue
        if changed is not None:
            pieces += (body[done : token.start()], changed)
            done = token.end()
    if not pieces:
        return body
    pieces.append(body[done:])
    return b"".join(pieces)


def checked(body: bytes, most_bytes: int) -> None:
    """Refuse what is no JSON, too large, or nested too deep."""
    if len(body) > most_bytes:
        raise TooMuchError(f"the body is larger than {most_bytes} bytes")
    try:
        if may_be_deep(body):
            _check_depth(body)
        decode(body)
    except NotJsonError as error:
        raise MalformedError(f"the body is not JSON: {error}") from None


def is_json(text: bytes) -> bool:
    """Whether a string is the JSON text of an object or a list, as arguments of tools are."""
    stripped = text.strip()
    if stripped[:1] + stripped[-1:] not in (b"{}", b"[]"):
        return False
    try:
        decode(stripped)
    except (NotJsonError, msgspec.MsgspecError):
        return False
    return True


def begins_like_json(text: str) -> bool:
    """Whether a text that has not ended is taken for the JSON of an object or a list."""
    begun = text.lstrip()[:2]
    return begun[:1] == "{" or begun in ("[{", '["', "[[", "[\n")


def _check_depth(body: bytes) -> None:
    depth = 0
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in b"{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise TooMuchError(f"nested deeper than {MAX_DEPTH} levels")
        elif first in b"}]":
            depth -= 1
