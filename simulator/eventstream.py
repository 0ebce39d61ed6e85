"""Messages of `application/vnd.amazon.eventstream`, as Bedrock writes them.

Source: the event stream encoding of the AWS SDKs: total length, headers' length, CRC of the two,
headers, payload, CRC of all before it; CRC-32 of zlib, all numbers big-endian.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from simulator.message import encode_json

CONTENT_TYPE: Final = b"application/vnd.amazon.eventstream"
_STRING: Final = b"\x07"
_FRAMING: Final = 16
_PADDING: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def message(headers: tuple[tuple[str, str], ...], payload: bytes) -> bytes:
    """One message; all headers are strings."""
    block = b"".join([_header(name.encode(), value.encode()) for name, value in headers])
    prelude = (_FRAMING + len(block) + len(payload)).to_bytes(4) + len(block).to_bytes(4)
    whole = prelude + zlib.crc32(prelude).to_bytes(4) + block + payload
    return whole + zlib.crc32(whole).to_bytes(4)


def event(kind: str, value: dict[str, Any]) -> bytes:
    """An event; its payload is padded by a member `p`, so that lengths tell little."""
    padding = _PADDING[: 8 + len(kind) % 16]
    return raw_event(kind, encode_json({**value, "p": padding}))


def raw_event(kind: str, payload: bytes) -> bytes:
    """An event of these very bytes."""
    headers = (
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    )
    return message(headers, payload)


def exception(kind: str, text: str) -> bytes:
    """A modeled exception inside a stream, such as `throttlingException`."""
    headers = (
        (":exception-type", kind),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    )
    return message(headers, encode_json({"message": text}))


def unmodeled(code: str, text: str) -> bytes:
    """An error inside a stream that the service's model does not know."""
    headers = ((":error-code", code), (":error-message", text), (":message-type", "error"))
    return message(headers, b"")


def _header(name: bytes, value: bytes) -> bytes:
    return len(name).to_bytes(1) + name + _STRING + len(value).to_bytes(2) + value
