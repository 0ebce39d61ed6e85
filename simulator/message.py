"""What goes in and what comes out: requests, answers, the tokens they cost; no transport."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Headers = tuple[tuple[bytes, bytes], ...]
"""Name and value pairs in wire order and in wire case, as they came."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, exactly as it came over the wire.

    `target` is the request target as sent; `path` and `query` are its parts, not decoded.
    Headers and body stay out of the repr: they hold credentials.
    """

    method: str
    target: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    version: str = "1.1"

    @property
    def path(self) -> str:
        """The target up to its query; of an absolute form only the path (RFC 9112, 3.2.2)."""
        path = self.target.partition("?")[0]
        if path.startswith(("http://", "https://")):
            path = "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
        return path

    @property
    def query(self) -> str:
        """What follows the first `?`, or the empty string."""
        return self.target.partition("?")[2]

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header (`name` in lower case), or None."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def header_list(self, name: bytes) -> bytes | None:
        """All values of a header that is a list, in one (RFC 9110 5.3), or None."""
        values = [value for key, value in self.headers if key.lower() == name]
        return b", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, in words no provider owns.

    `input_tokens` counts the whole prompt, so it includes `cached_tokens` and
    `cache_write_tokens`; `output_tokens` includes `reasoning_tokens`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a body that leave together, `delay` seconds after the ones before.

    `tokens` is how many output tokens these bytes carry: what is billed when they are sent.
    `terminal` marks the events that say "the stream is whole" (`[DONE]`, `message_stop`).
    """

    data: bytes
    tokens: int = 0
    delay: float = 0.0
    terminal: bool = False


class End(Enum):
    """How an answer ends once its chunks are sent."""

    COMPLETE = "complete"
    """As HTTP says: the body is whole."""
    RESET = "reset"
    """The connection is reset (TCP RST; RST_STREAM on HTTP/2)."""
    FIN = "fin"
    """The connection is closed in an orderly way, before the body is whole."""
    HANG = "hang"
    """Nothing more comes; the connection stays open until the client leaves."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send, and when: the plan of one answer.

    `delay` seconds pass before the first byte. `content_length` is None for a stream (chunked
    on HTTP/1.1). `status` 0 means that not one byte is sent: only the end takes place.
    `usage` is what the whole answer bills; a disconnect bills the tokens of the sent chunks.
    """

    status: int
    headers: Headers
    chunks: tuple[Chunk, ...]
    content_length: int | None
    delay: float = 0.0
    end: End = End.COMPLETE
    usage: Usage | None = None
    model: str = ""


# Made once: json.dumps makes an encoder for each call that differs from its defaults.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode_json(value: Any) -> bytes:
    """Compact JSON in UTF-8; a lone surrogate, which UTF-8 cannot carry, becomes `?`."""
    return _ENCODER.encode(value).encode("utf-8", "replace")


def json_answer(
    status: int, value: Any, headers: Headers = (), usage: Usage | None = None, model: str = ""
) -> Answer:
    """An answer whose whole body is one JSON document."""
    body = encode_json(value)
    return Answer(
        status,
        ((b"content-type", b"application/json"), *headers),
        (Chunk(body, usage.output_tokens if usage else 0),),
        len(body),
        usage=usage,
        model=model,
    )
