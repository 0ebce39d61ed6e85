"""What every writer of a client's answer is, and the little state of the moment that it needs."""

from __future__ import annotations

import re
from typing import Final, Protocol

import msgspec

from ext_authz.translate.errors import Failure
from ext_authz.translate.events import Event

SSE_HEADERS: Final = (("content-type", "text/event-stream"), ("cache-control", "no-cache"))
JSON_HEADERS: Final = (("content-type", "application/json"),)

_PREFIX: Final = re.compile("chatcmpl-|cmpl-|msg_(?:bdrk_|vrtx_)?|resp_|gen-|")


class Moment(msgspec.Struct, frozen=True):
    """What the writer cannot know by itself: the time (seconds since 1970) and a unique token.

    The token, letters and digits, is part of ids where the provider gave none.
    """

    now: float
    token: str


class Writer(Protocol):
    """Turns the events of one answer into the client's bytes, streamed or whole."""

    def stream(self, event: Event) -> bytes:
        """Write what one event says; frames that only announce wait for the first content."""

    def whole(self, events: list[Event]) -> bytes:
        """Write an answer in one piece; the events hold no `Failed`."""

    def error(self, failure: Failure) -> tuple[int, bytes]:
        """Write an answer that is an error: its status and its body."""


def named(prefix: str, given: str, moment: Moment) -> str:
    """An id as the client's API writes it, in which the provider's can still be found."""
    known = _PREFIX.match(given) if given else None
    return prefix + (given[known.end() :] if known else moment.token)


def json_safe(text: str) -> str:
    """Text without lone surrogates, which no encoder would write."""
    return text.encode("utf-8", "replace").decode()
