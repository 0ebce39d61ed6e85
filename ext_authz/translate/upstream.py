"""The provider's request as it goes out, and what its answer needs to know of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

Headers = tuple[tuple[str, str], ...]

JSON_TYPE: Final = "application/json"
SSE_TYPE: Final = "text/event-stream"
_CONTENT: Final = ("content-type", JSON_TYPE)
_PLAIN: Final = ("accept-encoding", "identity")
AWS_TYPE: Final = "application/vnd.amazon.eventstream"


class Upstream(msgspec.Struct, frozen=True):
    """A request to a provider, without credentials.

    `headers` are set, those of `without` are taken away. `unwrap` names the tool that stands for
    the answer's schema, where a model has no other way to be held to one: its arguments are the
    answer. `dropped` are members of the client's request that this provider has no place for and
    that only colour the answer.
    """

    path: str
    body: bytes
    headers: Headers = ()
    without: tuple[str, ...] = ()
    stream: bool = False
    unwrap: str = ""
    dropped: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def json_headers(accept: str = "", *more: tuple[str, str]) -> Headers:
    """The headers of a JSON body; no compression is asked for, since the answer is read."""
    return (_CONTENT, ("accept", accept or JSON_TYPE), _PLAIN, *more)
