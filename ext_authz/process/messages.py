"""The messages of ext_proc on the wire: what Envoy asks is read, what it is told is written.

Source: envoy/service/ext_proc/v3/external_processor.proto. Answers are written field by field,
since most of each is the same from one request to the next; a test holds them against the classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from xds.schema import envoy, google

_ext_proc_v3 = envoy.service.ext_proc.v3

Asked = _ext_proc_v3.ProcessingRequest
"""A message from Envoy."""
NAMESPACE: Final = "gatewright.llm"
"""Dynamic metadata of a request, which the access log reads."""
FULL_DUPLEX: Final = 4
"""`ProcessingMode.BodySendMode.FULL_DUPLEX_STREAMED`."""

Headers = Iterable[tuple[str, str]]

# Tags of length-delimited fields: the number, shifted by three, and 2.
_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH = b"\x0a", b"\x12", b"\x1a", b"\x22", b"\x2a"
_METADATA: Final = b"\x42"
_IMMEDIATE: Final = b"\x3a"
_OVERWRITE: Final = b"\x18\x02"  # append_action: OVERWRITE_IF_EXISTS_OR_ADD
_END: Final = b"\x10\x01"  # end_of_stream: true
_REPLACE: Final = b"\x08\x01"  # status: CONTINUE_AND_REPLACE
_CONSTANT: Final = frozenset(
    (
        ":authority",
        ":path",
        ":status",
        "accept",
        "accept-encoding",
        "anthropic-version",
        "cache-control",
        "content-type",
    )
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
_NAME: Final = re.compile(r":?[!#$%&'*+.^_`|~0-9a-z-]+")


class Side(Enum):
    """Which of the two an answer is about; the values are its tags: headers, body, trailers."""

    REQUEST = (b"\x0a", b"\x1a", b"\x2a")
    ANSWER = (b"\x12", b"\x22", b"\x32")


def headers_of(told: Any) -> dict[str, str]:
    """Read an HttpHeaders; of what is given twice, all of it counts."""
    headers = told.headers.headers
    found = {header.key: header.raw_value.decode("latin-1") for header in headers}
    if len(found) == len(headers) and "" not in found.values():
        return found
    found.clear()
    for header in headers:
        name = header.key
        value = (header.raw_value or header.value.encode()).decode("latin-1")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def head(
    side: Side, to_set: Headers = (), to_remove: Iterable[str] = (), *, body: bytes | None = None
) -> bytes:
    """Let headers go on, changed; ``body`` replaces all of the body that would follow.

    Raises ValueError for what no header can hold.
    """
    mutation = b"".join([*_all_set(to_set), *[_removed(name) for name in to_remove]])
    common = _sized(_SECOND, mutation) if mutation else b""
    if body is not None:
        common = _REPLACE + common + _sized(_THIRD, _sized(_FIRST, body))
    return _sized(side.value[0], _sized(_FIRST, common))


def body(side: Side, piece: bytes, *, end: bool) -> bytes:
    """Let a piece of a body go on; ``end`` tells that it is the last."""
    # From the inside out, so that a large body is copied once.
    written = [piece, _END] if end else [piece]
    size = len(piece) + (len(_END) if end else 0)
    tags = (_THIRD, _THIRD, _FIRST, side.value[1])
    if piece:
        before = _FIRST + _varint(len(piece))
        written.insert(0, before)
        size += len(before)
    for tag in tags:
        before = tag + _varint(size)
        written.insert(0, before)
        size += len(before)
    return b"".join(written)


def unchanged_body(side: Side) -> bytes:
    """Let a piece of a body go on as it came, where bodies are STREAMED."""
    return side.value[1] + b"\x00"


def trailers(side: Side) -> bytes:
    """Let trailers go on as they came."""
    return side.value[2] + b"\x00"


def replied(status: int, to_set: Headers, content: bytes, details: str) -> bytes:
    """Have Envoy answer the client itself."""
    mutation = b"".join(_all_set(to_set))
    told = _sized(_FIRST, b"\x08" + _varint(status))
    told += _sized(_SECOND, mutation) + _sized(_THIRD, content) + _sized(_FIFTH, details.encode())
    return _sized(_IMMEDIATE, told)


def with_metadata(message: bytes, told: dict[str, Any]) -> bytes:
    """Add dynamic metadata of our namespace to a message."""
    if not told:
        return message
    struct = google.protobuf.Struct()
    struct.update({NAMESPACE: told})
    return message + _sized(_METADATA, struct.SerializeToString())


def _all_set(headers: Headers) -> list[bytes]:
    # Few values of few names; what is another's with each request, or secret, is not kept.
    return [
        _kept(name, value) if name in _CONSTANT else _written(name, value)
        for name, value in headers
    ]


def _written(name: str, value: str) -> bytes:
    if _CONTROL.search(value):
        raise ValueError(f"no header can hold what is to be {name[:40]!r}")
    pair = _named(name) + _sized(_THIRD, value.encode("latin-1"))
    return _sized(_FIRST, _sized(_FIRST, pair) + _OVERWRITE)


_kept = lru_cache(maxsize=1024)(_written)


@lru_cache(maxsize=512)
def _named(name: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(f"no header can be called {name[:40]!r}")
    return _sized(_FIRST, name.encode())


@lru_cache(maxsize=512)
def _removed(name: str) -> bytes:
    return _sized(_SECOND, name.encode())


def _sized(tag: bytes, content: bytes) -> bytes:
    size = len(content)
    return tag + (_SHORT[size] if size < 0x80 else _varint(size)) + content


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _SHORT[number]
    if number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


_SHORT: Final = tuple([bytes((number,)) for number in range(0x80)])
