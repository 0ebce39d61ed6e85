"""Reads one line of the usage log: JSON, or garbage, or a whole line behind a torn one.

An Envoy that is killed while it writes leaves half a line, and the next one appends to it: what
stands behind the torn part is a request like any other.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from xds.edge import usage_line

Line = dict[str, Any]

_TRIES: Final = 64
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


def read_line(raw: bytes) -> tuple[Line | None, bytes]:
    """Give the line, None if there is none in it, and the bytes that are garbage."""
    line = _decoded(raw)
    if line is not None:
        return line, b""
    at = raw.find(b"{", 1)
    for _ in range(_TRIES):
        if at < 0:
            break
        line = _decoded(raw[at:])
        if line is not None:
            return line, raw[:at]
        at = raw.find(b"{", at + 1)
    return None, raw


def is_told(line: Line) -> bool:
    """Tell whether the ledger tells of a request: one for a model, or of somebody who is known.

    Others have a line for what may have been reserved for them.
    """
    return bool(line.get(usage_line.TENANT) or line.get(usage_line.MODEL))


def _decoded(raw: bytes) -> Line | None:
    try:
        line = _DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return line if isinstance(line.get(usage_line.TIME), str) else None
