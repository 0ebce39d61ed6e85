"""One frame of a stream, whatever frames it, and what can be wrong with the framing."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

MAX_FRAME: Final = 8 << 20
"""The largest event that is read, in bytes; images in an answer take a few megabytes."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """An event: its name ("" where the framing gives none) and its payload.

    `exception` is set when the framing itself says that the payload tells of an error.
    """

    event: str
    data: bytes
    exception: str = ""


class FramingError(ValueError):
    """The stream's bytes are not framed as they must be."""


class FrameTooLargeError(FramingError):
    """An event is larger than the limit, in bytes, that it is made with."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"an event of the stream is larger than {limit} bytes")


class Decoder(Protocol):
    """What finds frames in pieces of bytes, cut anywhere."""

    def feed(self, piece: bytes) -> list[Frame]:
        """Return the frames that end in this piece; raises `FramingError`."""

    def end(self) -> list[Frame]:
        """Return what is left when the stream ends; raises `FramingError`."""
